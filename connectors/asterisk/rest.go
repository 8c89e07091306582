package asterisk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/CyCoreSystems/ari/v5"
	"github.com/CyCoreSystems/ari/v5/client/native"
)

// rest asks ARI's REST side, by ari/v5. That library knows no deadlines, so each
// request runs beside its caller, who waits for no longer than its context
// allows; there is one request at a time, so that a switch that does not answer
// holds one goroutine and not many.
type rest struct {
	client                   *native.Client
	base, username, password string
	limit                    time.Duration
	turn                     chan struct{}
}

func newREST(cfg *Config) *rest {
	base := strings.TrimSuffix(cfg.ARI, "/")
	return &rest{client: native.New(&native.Options{Application: "tallyd", URL: base, Username: cfg.Username, Password: cfg.Password}),
		base: base, username: cfg.Username, password: cfg.Password, limit: cfg.CommandTimeout, turn: make(chan struct{}, 1)}
}

// ask runs one request.
func ask[T any](ctx context.Context, r *rest, request func() (T, error)) (T, error) {
	ctx, stop := context.WithTimeout(ctx, r.limit)
	defer stop()
	type answer struct {
		v   T
		err error
	}
	var none T
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	c := make(chan answer, 1)
	go func() {
		defer func() { <-r.turn }()
		v, err := request()
		c <- answer{v, err}
	}()
	select {
	case a := <-c:
		if a.err != nil {
			a.err = rootOf(a.err)
		}
		return a.v, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("ARI did not answer within %s: %w", r.limit, ctx.Err())
	}
}

// gone tells whether an error says that what was asked about is no more.
func gone(err error) bool {
	return native.CodeFromError(err) == http.StatusNotFound
}

// rootOf is the error that all others are about: ari/v5 wraps it in where in its
// code it passed.
func rootOf(err error) error {
	for {
		next := errors.Unwrap(err)
		switch e := err.(type) {
		case *url.Error:
			return e.Err
		case interface{ Cause() error }:
			next = e.Cause()
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// switchInfo is what a switch says of itself.
type switchInfo struct {
	started time.Time
	version string
	system  string // systemname in asterisk.conf
}

// missing names what the switch's own configuration keeps from being seen.
func (i *switchInfo) missing() []string {
	if i.system == "" {
		return []string{"unique ids of one switch among several: systemname is not set in asterisk.conf"}
	}
	return nil
}

func (r *rest) info(ctx context.Context) (*switchInfo, error) {
	i, err := ask(ctx, r, func() (*ari.AsteriskInfo, error) { return r.client.Asterisk().Info(nil) })
	if err != nil {
		switch code := native.CodeFromError(err); {
		case code == http.StatusUnauthorized || code == http.StatusForbidden:
			return nil, ErrPassword
		case code != 0:
			return nil, fmt.Errorf("%w: %v", ErrNotAsterisk, err)
		}
		var network net.Error
		if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %v", ErrNotAsterisk, err)
	}
	if i.SystemInfo.Version == "" {
		return nil, ErrNotAsterisk
	}
	return &switchInfo{started: time.Time(i.StatusInfo.StartupTime).Truncate(time.Millisecond), version: i.SystemInfo.Version, system: i.ConfigInfo.Name}, nil
}

// restChannel is one channel as a snapshot shows it.
type restChannel struct {
	id, name, state, number string
	app, data               string
	member                  string      // whom Queue connected it to, where the queue sets that
	bridge                  *restBridge // the one it is in
}

// queue is the queue that the channel is in.
func (c *restChannel) queue() string {
	name, _, _ := strings.Cut(c.data, ",")
	return strings.TrimSpace(name)
}

// maxAsked bounds how many channels and bridges a snapshot asks for.
const maxAsked = 20_000

// channels are those that exist, each as it was when it last changed. ari/v5 does not
// read which application a channel runs, and asks once more for each. To have the
// switch evaluate CHANNEL(appname) would be worse: Asterisk 16 and 22 crash where the
// channel goes on to its next application in that moment.
func (r *rest) channels(ctx context.Context) ([]restChannel, error) {
	var list []struct {
		ID, Name, State string
		Caller          struct{ Number string }
		Dialplan        struct {
			App  string `json:"app_name"`
			Data string `json:"app_data"`
		}
	}
	if err := r.get(ctx, "/channels", &list); err != nil {
		return nil, err
	}
	var out []restChannel
	at := map[string]int{}
	for _, d := range list[:min(len(list), maxAsked)] {
		c := restChannel{id: d.ID, name: d.Name, state: d.State, number: d.Caller.Number, app: d.Dialplan.App, data: d.Dialplan.Data}
		if c.app == "Queue" {
			var err error
			if c.member, err = r.variable(ctx, d.ID, "MEMBERINTERFACE"); err != nil && !gone(err) { // gone: it is not set, or the channel is
				return nil, err
			}
		}
		// A channel that changes while Asterisk lists them can be listed twice.
		if i, twice := at[c.id]; twice {
			out[i] = c
			continue
		}
		at[c.id] = len(out)
		out = append(out, c)
	}
	return out, nil
}

// maxAnswer bounds an answer in bytes: a channel takes some 700.
const maxAnswer = 64 << 20

// get asks without the library.
func (r *rest) get(ctx context.Context, path string, to any) error {
	_, err := ask(ctx, r, func() (struct{}, error) { return struct{}{}, r.fetch(ctx, path, to) })
	return err
}

func (r *rest) fetch(ctx context.Context, path string, to any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(r.username, r.password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return refused(res, nil)
	}
	return json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(to)
}

// variable evaluates a variable or function on a channel.
func (r *rest) variable(ctx context.Context, channel, name string) (string, error) {
	k := ari.NewKey(ari.ChannelKey, url.PathEscape(channel))
	return ask(ctx, r, func() (string, error) { return r.client.Channel().GetVariable(k, url.QueryEscape(name)) })
}

// bridges are those with channels in them.
func (r *rest) bridges(ctx context.Context) ([]*ari.BridgeData, error) {
	keys, err := ask(ctx, r, func() ([]*ari.Key, error) { return r.client.Bridge().List(nil) })
	if err != nil {
		return nil, err
	}
	var out []*ari.BridgeData
	for _, k := range keys[:min(len(keys), maxAsked)] {
		k := ari.NewKey(ari.BridgeKey, url.PathEscape(k.ID))
		d, err := ask(ctx, r, func() (*ari.BridgeData, error) { return r.client.Bridge().Data(k) })
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// device is a device's state; ARI lists none, but answers by name.
func (r *rest) device(ctx context.Context, name string) (string, error) {
	k := ari.NewKey(ari.DeviceStateKey, url.PathEscape(name))
	d, err := ask(ctx, r, func() (*ari.DeviceStateData, error) { return r.client.DeviceState().Data(k) })
	if err != nil {
		return "", err
	}
	return d.State, nil
}

// endpoints are the phones that the switch knows, with whether they can be reached.
func (r *rest) endpoints(ctx context.Context) (map[string]bool, error) {
	keys, err := ask(ctx, r, func() ([]*ari.Key, error) { return r.client.Endpoint().List(nil) })
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, k := range keys[:min(len(keys), maxAsked)] {
		tech, resource, _ := strings.Cut(k.ID, "/")
		k := ari.NewKey(ari.EndpointKey, url.PathEscape(tech)+"/"+url.PathEscape(resource))
		d, err := ask(ctx, r, func() (*ari.EndpointData, error) { return r.client.Endpoint().Data(k) })
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[d.Technology+"/"+d.Resource] = d.State != "offline"
	}
	return out, nil
}
