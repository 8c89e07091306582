package asterisk

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/connectors/source"
)

// session attaches once and reads until the connection ends.
func (c *Connector) session(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	rest := newREST(&c.cfg)
	info, err := rest.info(ctx)
	if err != nil {
		return err
	}
	if !c.started.IsZero() && !info.started.Equal(c.started) {
		c.cfg.Log.Warn("the switch was restarted", "at", info.started)
		c.control(restartedFrame, "")
	}
	if !info.started.Equal(c.started) {
		c.started = info.started
		c.control(startedFrame, info.started.Format(time.RFC3339Nano))
	}
	ws, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer ws.Close()
	defer context.AfterFunc(ctx, func() { ws.Close() })()
	c.control(seenFrame, "")
	c.connects++
	c.health.Store(&source.Health{Connected: true, Since: time.Now(), Connects: c.connects, Missing: info.missing()})
	c.cfg.Log.Info("attached to the switch", "ari", c.cfg.ARI, "version", info.version, "application", c.app)
	for _, m := range c.Health().Missing {
		c.cfg.Log.Warn("something cannot be seen", "what", m)
	}

	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer stop()
	helpers.Go(func() { c.ping(ctx, ws) })
	asked := make(chan error, 1)
	helpers.Go(func() {
		err := c.snapshots(ctx, rest, info)
		if err != nil && ctx.Err() == nil {
			asked <- err
			ws.Close() // without a snapshot there is no telling what was missed
		}
	})
	err = c.read(ws)
	select {
	case err = <-asked:
	default:
	}
	return err
}

// dial opens the event socket.
func (c *Connector) dial(ctx context.Context) (*websocket.Conn, error) {
	u, err := url.Parse(c.cfg.ARI)
	if err != nil {
		return nil, err
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u.Path = strings.TrimSuffix(u.Path, "/") + "/events"
	u.RawQuery = url.Values{"app": {c.app}, "subscribeAll": {"true"}}.Encode()
	d := websocket.Dialer{HandshakeTimeout: c.cfg.CommandTimeout, ReadBufferSize: 64 << 10,
		NetDialContext: (&net.Dialer{Timeout: c.cfg.DialTimeout}).DialContext}
	ws, res, err := d.DialContext(ctx, u.String(), http.Header{"Authorization": {"Basic " +
		base64.StdEncoding.EncodeToString([]byte(c.cfg.Username+":"+c.cfg.Password))}})
	if err != nil {
		return nil, refused(res, err)
	}
	ws.SetReadLimit(arievent.MaxEvent)
	return ws, nil
}

// refused tells what an answer to a request that failed means.
func refused(res *http.Response, err error) error {
	switch {
	case res == nil:
		return err
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return ErrPassword
	}
	return fmt.Errorf("%w: %s", ErrNotAsterisk, res.Status)
}

// ping asks for a sign of life now and then; the answers keep the reading going.
func (c *Connector) ping(ctx context.Context, ws *websocket.Conn) {
	tick := time.NewTicker(c.cfg.Ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.cfg.CommandTimeout)) != nil {
				ws.Close()
				return
			}
		}
	}
}

// read puts the events into the ring until the connection ends. It does nothing
// else and never waits: Asterisk cuts a reader off that falls 4 MB behind, and
// holds them in its own memory until then.
func (c *Connector) read(ws *websocket.Conn) error {
	heard := func() error { return ws.SetReadDeadline(time.Now().Add(c.cfg.Silence)) }
	ws.SetPongHandler(func(string) error { return heard() })
	if err := heard(); err != nil {
		return err
	}
	refresh := time.Now()
	for {
		_, in, err := ws.NextReader()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("%w for %s", ErrSilent, c.cfg.Silence)
			}
			return err
		}
		if now := time.Now(); now.Sub(refresh) > time.Second {
			refresh = now
			if err := heard(); err != nil {
				return err
			}
		}
		if err := c.put(in); err != nil {
			return err
		}
	}
}

// replaced is how ARI tells that another client took the application's name;
// nothing else that it sends is as short.
var replaced = []byte(`"ApplicationReplaced"`)

// put copies one event into the ring, or drops it while counting is behind.
func (c *Connector) put(in io.Reader) error {
	slot := c.frames.Slot()
	if slot == nil || c.overflow.Load() {
		c.overflow.Store(true)
		c.dropped.Add(1)
		_, err := io.Copy(io.Discard, in)
		return err
	}
	b := slot.b[:0]
	if cap(b) > keptFrame {
		b = nil
	}
	var err error
	if b, err = appendAll(b, in); err != nil {
		return err
	}
	if len(b) < 512 && bytes.Contains(b, replaced) {
		return ErrReplaced
	}
	slot.kind, slot.b = eventFrame, b
	c.frames.Put()
	return nil
}

// appendAll is io.ReadAll into a buffer that exists.
func appendAll(b []byte, in io.Reader) ([]byte, error) {
	if cap(b) == 0 {
		b = make([]byte, 0, 2048)
	}
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := in.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}
