package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// Client asks a running daemon.
type Client struct {
	nc       *nats.Conn
	subjects Subjects
	token    string // shown through somebody else's server
}

// Dial reaches the daemon of a site whose data folder this is; url and
// credentials name an external server instead of the embedded one.
func Dial(dir, site, url, credentials string) (*Client, error) {
	var login nats.Option
	var token string
	if url == "" {
		b, err := os.ReadFile(filepath.Join(dir, addressFile))
		if err != nil {
			return nil, fmt.Errorf("no daemon is running on the data folder %q: %w", dir, err)
		}
		url = strings.TrimSpace(string(b))
		l, err := readLogin(filepath.Join(dir, InternalFile))
		if err != nil {
			return nil, err
		}
		login = nats.UserInfo(l.user, l.password)
	} else {
		var err error
		if login, err = externalLogin(credentials); err != nil {
			return nil, err
		}
		l, err := readLogin(filepath.Join(dir, InternalFile))
		if err != nil {
			return nil, err
		}
		token = l.password
	}
	options := []nats.Option{nats.Name("tallyd command"), nats.Timeout(readyWithin), nats.NoReconnect(), nats.CustomInboxPrefix(internalInbox)}
	if login != nil {
		options = append(options, login)
	}
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return nil, fmt.Errorf("the daemon's bus at %s: %w", url, err)
	}
	return &Client{nc, SubjectsOf(site), token}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.nc.Close() }

// KPI asks for figures, in as many pieces as it takes.
func (c *Client) KPI(ctx context.Context, r KPIRequest) (*KPIAnswer, error) {
	var all *KPIAnswer
	for {
		out := &KPIAnswer{KPIResult: &api.KPIResult{}}
		if err := c.ask(ctx, c.subjects.QueryKPI(), r, out); err != nil {
			return nil, err
		}
		if all != nil {
			out.From, out.Rows = all.From, append(all.Rows, out.Rows...)
		}
		if !out.More {
			return out, nil
		}
		if !r.From.IsZero() && !metrics.Millis(out.To).Time().After(r.From) {
			return nil, fmt.Errorf("%s: the answer ends at its beginning", c.subjects.QueryKPI())
		}
		all, r.From = out, metrics.Millis(out.To).Time()
	}
}

func (c *Client) ask(ctx context.Context, subject string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	q := nats.NewMsg(subject)
	q.Data = body
	if c.token != "" {
		q.Header.Set(TokenHeader, c.token)
	}
	m, err := c.nc.RequestMsgWithContext(ctx, q)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("no daemon answers on %s", subject)
	case err != nil:
		return fmt.Errorf("%s: %w", subject, err)
	}
	var problem api.Problem
	if err := json.Unmarshal(m.Data, &problem); err != nil {
		return fmt.Errorf("%s: %w", subject, err)
	}
	if problem.Error != "" {
		return errors.New(problem.Error)
	}
	return json.Unmarshal(m.Data, answer)
}
