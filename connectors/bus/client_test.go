package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// Contacts asks for a page of contacts.
func (c *Client) Contacts(ctx context.Context, r ContactsRequest) (*ContactsAnswer, error) {
	out := &ContactsAnswer{ContactList: &api.ContactList{}}
	if err := c.ask(ctx, c.subjects.QueryContacts(), r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// AllContacts asks for page after page, r.Limit contacts each, until it has limit of
// them (0: all), and gives each page to f. It waits for one no longer than within.
func (c *Client) AllContacts(ctx context.Context, within time.Duration, r ContactsRequest, limit int, f func(*ContactsAnswer) error) error {
	for left := limit; ; {
		if limit > 0 && (r.Limit == 0 || left < r.Limit) {
			r.Limit = min(left, api.DefaultContacts)
		}
		page, err := c.page(ctx, within, r)
		if err != nil {
			return err
		}
		if err := f(page); err != nil || page.Next == nil {
			return err
		}
		if left -= len(page.Contacts); limit > 0 && left <= 0 {
			return nil
		}
		if r.After != nil && *page.Next == *r.After {
			return fmt.Errorf("%s: a page ends where it began", c.subjects.QueryContacts())
		}
		r.After = page.Next
	}
}

func (c *Client) page(ctx context.Context, within time.Duration, r ContactsRequest) (*ContactsAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.Contacts(ctx, r)
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
