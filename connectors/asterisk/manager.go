package asterisk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/source"
)

// keepManager keeps the manager interface attached until ctx ends. Its troubles
// are its own: calls are counted without it.
func (c *Connector) keepManager(ctx context.Context) {
	backoff := source.Backoff{Min: c.cfg.RetryMin, Max: c.cfg.RetryMax}
	for ctx.Err() == nil {
		began := time.Now()
		err := c.managerSession(ctx)
		c.listed.Store(false)
		if ctx.Err() != nil {
			return
		}
		c.manager.Store(&managerHealth{err: err.Error()})
		c.hand(ctx, managerIsLost, nil)
		pause := backoff.After(time.Since(began), errors.Is(err, ErrManagerLogin) || errors.Is(err, ErrNotManager))
		c.cfg.Log.Warn("the manager interface is not attached; ARI goes on", "err", err, "retry_in", pause.Round(time.Millisecond))
		source.Sleep(ctx, pause)
	}
}

func (c *Connector) managerSession(ctx context.Context) error {
	d := net.Dialer{Timeout: c.cfg.DialTimeout}
	conn, err := d.DialContext(ctx, "tcp", c.cfg.AMI.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in, err := c.login(conn)
	if err != nil {
		return err
	}
	c.cfg.Log.Info("attached to the manager interface", "address", c.cfg.AMI.Address)
	select {
	case <-c.relist: // that will be done in any case
	default:
	}
	if err := c.list(conn); err != nil {
		return err
	}
	c.manager.Store(&managerHealth{connected: true})

	pinging, stop := context.WithCancel(ctx)
	var helper sync.WaitGroup
	defer helper.Wait()
	defer stop()
	helper.Go(func() {
		var err error
		tick := time.NewTicker(c.cfg.Ping)
		defer tick.Stop()
		for {
			select {
			case <-pinging.Done():
				return
			case <-tick.C:
				err = send(conn, c.cfg.CommandTimeout, "Ping")
			case <-c.relist:
				err = c.list(conn)
			}
			if err != nil {
				conn.Close()
				return
			}
		}
	})
	for {
		if err := conn.SetReadDeadline(time.Now().Add(c.cfg.Silence)); err != nil {
			return err
		}
		m, err := in.Next()
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return fmt.Errorf("%w for %s", ErrSilent, c.cfg.Silence)
			}
			return err
		}
		if !c.message(ctx, m) {
			return errors.New("messages came faster than they could be counted")
		}
	}
}

// listID names the answer in which the manager interface lists all queues.
const listID = "tallyd-list"

// list asks for all queues, their members and who waits.
func (c *Connector) list(conn net.Conn) error {
	return send(conn, c.cfg.CommandTimeout, "QueueStatus", "ActionID", listID)
}

// wantList has all queues listed again.
func (c *Connector) wantList() {
	select {
	case c.relist <- struct{}{}:
	default: // that is wanted already
	}
}

// login authenticates and subscribes to what queues' members and the switch
// itself do, and nothing of calls.
func (c *Connector) login(conn net.Conn) (*ami.Reader, error) {
	if err := conn.SetReadDeadline(time.Now().Add(c.cfg.CommandTimeout)); err != nil {
		return nil, err
	}
	in := ami.NewReader(conn)
	greeting, err := in.Greeting()
	if err != nil || !strings.HasPrefix(string(greeting), "Asterisk Call Manager/") {
		return nil, fmt.Errorf("%w at %s: it begins with %.40q", ErrNotManager, c.cfg.AMI.Address, greeting)
	}
	if err := send(conn, c.cfg.CommandTimeout, "Login", "ActionID", "tallyd-login", "Username", c.cfg.AMI.Username, "Secret", c.cfg.AMI.Password,
		"Events", "agent,system"); err != nil {
		return nil, err
	}
	for {
		m, err := in.Next()
		if err != nil {
			return nil, err
		}
		if string(m.Get("ActionID")) != "tallyd-login" {
			continue
		}
		if string(m.Get("Response")) != "Success" {
			return nil, fmt.Errorf("%w: %s", ErrManagerLogin, m.Get("Message"))
		}
		return in, nil
	}
}

// send writes an action; a line break in a value would be another header.
func send(conn net.Conn, limit time.Duration, action string, headers ...string) error {
	b := []byte("Action: " + action + "\r\n")
	for i := 0; i+1 < len(headers); i += 2 {
		if strings.ContainsAny(headers[i+1], "\r\n") {
			return fmt.Errorf("%s of %s has a line break", headers[i], action)
		}
		b = append(b, headers[i]+": "+headers[i+1]+"\r\n"...)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := conn.Write(append(b, "\r\n"...))
	return err
}

// message hands on what is of use. It is false where there is no room: then the
// session begins anew, and lists everything again.
func (c *Connector) message(ctx context.Context, m *ami.Message) bool {
	event := string(m.Event())
	m.Received = time.Now().UnixMilli() // answers bear no time stamp
	switch {
	case event == "" && string(m.Get("ActionID")) == listID:
		return c.hand(ctx, listBegins, nil)
	case event == "QueueStatusComplete":
		ok := c.hand(ctx, listEnds, nil)
		c.listed.Store(ok)
		return ok
	case event == "FullyBooted", event == "Reload":
		c.wantList() // the queues may be others now
	case isTold(m.Event()):
		return c.hand(ctx, plainMessage, m)
	}
	return true
}

// hand puts a message into its ring, for which it waits a while: this reader's
// socket has few events, and the manager interface queues them.
func (c *Connector) hand(ctx context.Context, k messageKind, m *ami.Message) bool {
	limit := time.Now().Add(c.cfg.CommandTimeout)
	for {
		if slot := c.messages.Slot(); slot != nil {
			slot.kind = k
			if m != nil {
				m.CopyTo(&slot.m)
			}
			c.messages.Put()
			return true
		}
		if time.Now().After(limit) || ctx.Err() != nil {
			return false
		}
		time.Sleep(time.Millisecond)
	}
}
