// Package client asks a daemon over HTTP, as connectors/web serves it.
//
//	c := client.New("http://127.0.0.1:8470", token)
//	a, err := c.KPI(ctx, client.KPIQuery{Kind: "queue", KPIs: []string{"sl.offered"}})
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tallyd/connectors/api"
)

// Client asks one daemon. Any goroutine may call its methods.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New returns the client of the daemon at an address, such as
// https://pbx.example.org:8470.
func New(address, token string) *Client { return Over(http.DefaultTransport, address, token) }

// Over is New by a transport of the caller's.
func Over(transport http.RoundTripper, address, token string) *Client {
	return &Client{strings.TrimSuffix(address, "/") + "/api/v" + strconv.Itoa(api.Schema), token, &http.Client{Transport: transport}}
}

// Problem is an answer that says why there is none.
type Problem struct {
	Status int
	Text   string
}

func (p *Problem) Error() string { return p.Text }

// KPIQuery asks for figures. The zero value asks for every queue's of today.
type KPIQuery struct {
	Kind      string // queue, agent, team, role or site; "": queue
	Names     []string
	From, To  time.Time
	Step      string // 15m, hour, shift, day, week or month; "": one row for the span
	Zone      string // "": the site's
	KPIs      []string
	Threshold time.Duration
	Bare      bool // rows without counters
	Limit     int  // 0: 1,000 rows, about
}

func (q *KPIQuery) values() url.Values {
	v := url.Values{}
	set(v, "kind", q.Kind)
	v["name"] = q.Names
	setTime(v, "from", q.From)
	setTime(v, "to", q.To)
	set(v, "step", q.Step)
	set(v, "time_zone", q.Zone)
	set(v, "kpi", strings.Join(q.KPIs, ","))
	setInt(v, "threshold_ms", q.Threshold.Milliseconds())
	setInt(v, "limit", int64(q.Limit))
	if q.Bare {
		v.Set("counters", "false")
	}
	return v
}

// KPI asks for figures. Where More is true, the rest is asked for from To on.
func (c *Client) KPI(ctx context.Context, q KPIQuery) (*KPIs, error) {
	out := &KPIs{}
	return out, c.get(ctx, "/kpi", q.values(), out)
}

// AllKPI asks for figures, as often as it takes.
func (c *Client) AllKPI(ctx context.Context, q KPIQuery) (*KPIs, error) {
	var all *KPIs
	for {
		a, err := c.KPI(ctx, q)
		if err != nil {
			return nil, err
		}
		if all != nil {
			a.From, a.Rows = all.From, append(all.Rows, a.Rows...)
		}
		next := time.UnixMilli(int64(a.To))
		if !a.More {
			return a, nil
		}
		if !q.From.IsZero() && !next.After(q.From) {
			return nil, errors.New("kpi: the answer ends at its beginning")
		}
		all, q.From = a, next
	}
}

// ContactQuery asks for contacts. The zero value asks for every visit that ended
// today.
type ContactQuery struct {
	From, To time.Time
	Kind     string // visit or call
	Switch   string
	Queues   []string
	Agent    string
	Rung     string // who was rung, whoever answered
	Outcomes []string
	Caller   string
	MOSBelow float64 // with audio that was measured, and was below it
	CallBack string  // api.CallBackTold or CallBackDue
	Newest   bool    // the latest first
	Unseen   bool
	Limit    int    // of an answer
	Cursor   string // of the answer before
}

func (q *ContactQuery) values() url.Values {
	v := url.Values{}
	setTime(v, "from", q.From)
	setTime(v, "to", q.To)
	set(v, "kind", q.Kind)
	set(v, "switch", q.Switch)
	v["queue"] = q.Queues
	set(v, "agent", q.Agent)
	set(v, "outcome", strings.Join(q.Outcomes, ","))
	set(v, "caller", q.Caller)
	if q.MOSBelow != 0 {
		v.Set("mos_below", strconv.FormatFloat(q.MOSBelow, 'f', -1, 64))
	}
	set(v, "rung", q.Rung)
	set(v, "call_back", q.CallBack)
	if q.Newest {
		v.Set("order", "newest")
	}
	setInt(v, "limit", int64(q.Limit))
	set(v, "cursor", q.Cursor)
	if q.Unseen {
		v.Set("unseen", "true")
	}
	return v
}

// Contacts asks for a page of contacts.
func (c *Client) Contacts(ctx context.Context, q ContactQuery) (*Contacts, error) {
	out := &Contacts{}
	return out, c.get(ctx, "/contacts", q.values(), out)
}

// AllContacts asks for page after page, until it has limit contacts (0: all), and
// gives each page to f. It waits for one no longer than within.
func (c *Client) AllContacts(ctx context.Context, within time.Duration, q ContactQuery, limit int, f func(*Contacts) error) error {
	for left := limit; ; {
		if limit > 0 && (q.Limit == 0 || left < q.Limit) {
			q.Limit = min(left, api.DefaultContacts)
		}
		page, err := c.page(ctx, within, q)
		if err != nil {
			return err
		}
		if err := f(page); err != nil || page.Cursor == "" {
			return err
		}
		if left -= len(page.Contacts); limit > 0 && left <= 0 {
			return nil
		}
		if page.Cursor == q.Cursor {
			return errors.New("contacts: a page ends where it began")
		}
		q.Cursor = page.Cursor
	}
}

func (c *Client) page(ctx context.Context, within time.Duration, q ContactQuery) (*Contacts, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.Contacts(ctx, q)
}

// FactQuery asks for facts. The zero value asks for all that happened today.
type FactQuery struct {
	From, To time.Time
	Kind     string // survey, disposition, training or form
	Agent    string
	Limit    int    // of an answer
	Cursor   string // of the answer before
}

// Facts asks for a page of facts.
func (c *Client) Facts(ctx context.Context, q FactQuery) (*Facts, error) {
	v, out := url.Values{}, &Facts{}
	setTime(v, "from", q.From)
	setTime(v, "to", q.To)
	set(v, "kind", q.Kind)
	set(v, "agent", q.Agent)
	setInt(v, "limit", int64(q.Limit))
	set(v, "cursor", q.Cursor)
	return out, c.get(ctx, "/facts", v, out)
}

// Feed stores facts, at most api.MaxFed of them and 1 MB, each of the kind whose part it
// has. The answers come in the order of the facts. Facts may be sent again: of one kind,
// two with one id are one.
func (c *Client) Feed(ctx context.Context, facts []api.Fact) ([]api.FactAnswer, error) {
	body, err := json.Marshal(facts)
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, http.MethodPost, "/facts", nil, body)
	if err != nil {
		return nil, err
	}
	out := &Fed{}
	if err := readAnswer(resp, "/facts", out); err != nil {
		return nil, err
	}
	if len(out.Facts) != len(facts) {
		return nil, fmt.Errorf("facts: %d answers to %d facts", len(out.Facts), len(facts))
	}
	return out.Facts, nil
}

// Export asks for some hours of what appraisals rest on, limit lines or somewhat
// more (0: 10,000), with what the callers of queues came to if calls. Where More is true, the rest is asked for from To on.
func (c *Client) Export(ctx context.Context, from, to time.Time, calls bool, limit int) (*Export, error) {
	v, out := url.Values{}, &Export{}
	if calls {
		v.Set("calls", "true")
	}
	setTime(v, "from", from)
	setTime(v, "to", to)
	setInt(v, "limit", int64(limit))
	return out, c.get(ctx, "/export", v, out)
}

// AllExport asks for it, hours by hours, and gives each answer to f. It waits for one
// no longer than within.
func (c *Client) AllExport(ctx context.Context, within time.Duration, from, to time.Time, calls bool, f func(*Export) error) error {
	for {
		part, err := c.exportPart(ctx, within, from, to, calls)
		if err != nil {
			return err
		}
		next := time.UnixMilli(int64(part.To))
		if err := f(part); err != nil || !part.More {
			return err
		}
		if !next.After(from) {
			return errors.New("export: the answer ends at its beginning")
		}
		from = next
	}
}

func (c *Client) exportPart(ctx context.Context, within time.Duration, from, to time.Time, calls bool) (*Export, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.Export(ctx, from, to, calls, 0)
}

// ScoreQuery says which scores are asked for: the zero value asks for all as they stand.
type ScoreQuery struct {
	Cycle    string // one that was sealed
	Scheme   string
	From, To string // days, such as 2026-10-01; To is exclusive
	Agent    string
	Role     string
	// Recompute asks for sealed scores to be formed again from what is stored.
	Recompute bool
	// Values and Weights ask Explain what if, by indicator: 85%, 230s; 30%.
	Values, Weights map[string]string
}

func (q *ScoreQuery) values() url.Values {
	v := url.Values{}
	set(v, "cycle", q.Cycle)
	set(v, "scheme", q.Scheme)
	set(v, "from", q.From)
	set(v, "to", q.To)
	set(v, "agent", q.Agent)
	set(v, "role", q.Role)
	if q.Recompute {
		v.Set("recompute", "true")
	}
	for _, x := range []struct {
		name string
		of   map[string]string
	}{{"value", q.Values}, {"weight", q.Weights}} {
		for id, value := range x.of {
			v.Add(x.name, id+":"+value)
		}
	}
	return v
}

// Scores asks for cards.
func (c *Client) Scores(ctx context.Context, q ScoreQuery) (*Scores, error) {
	out := &Scores{}
	return out, c.get(ctx, "/scores", q.values(), out)
}

// Cycles asks which periods' scores were sealed.
func (c *Client) Cycles(ctx context.Context) (*Cycles, error) {
	out := &Cycles{}
	return out, c.get(ctx, "/scores/cycles", nil, out)
}

// Schemes asks what people are appraised by: of the site's schemes the one of a name, or
// all; of a cycle the one that it was sealed by.
func (c *Client) Schemes(ctx context.Context, scheme, cycle string) (*Schemes, error) {
	v, out := url.Values{}, &Schemes{}
	set(v, "scheme", scheme)
	set(v, "cycle", cycle)
	return out, c.get(ctx, "/schemes", v, out)
}

// History asks for an agent's sealed scores in a role ("": all), of limit cycles (0: 24).
func (c *Client) History(ctx context.Context, agent, role string, limit int) (*History, error) {
	v, out := url.Values{}, &History{}
	set(v, "agent", agent)
	set(v, "role", role)
	setInt(v, "limit", int64(limit))
	return out, c.get(ctx, "/scores/history", v, out)
}

// Explain asks why an agent's score is what it is.
func (c *Client) Explain(ctx context.Context, q ScoreQuery) (*Explanation, error) {
	out := &Explanation{}
	return out, c.get(ctx, "/scores/explain", q.values(), out)
}

// Seal makes the scores of a scheme and period final.
func (c *Client) Seal(ctx context.Context, scheme, from, to string) (*Scores, error) {
	body, err := json.Marshal(map[string]string{"scheme": scheme, "from": from, "to": to})
	if err != nil {
		return nil, err
	}
	resp, err := c.send(ctx, http.MethodPost, "/scores/seal", nil, body)
	if err != nil {
		return nil, err
	}
	out := &Scores{}
	return out, readAnswer(resp, "/scores/seal", out)
}

// Agents asks what agents are doing now; no names: all that the token may see.
func (c *Client) Agents(ctx context.Context, names ...string) (list []api.AgentState, err error) {
	return list, c.get(ctx, "/agents", url.Values{"name": names}, &list)
}

// Queues asks for the present states of queues.
func (c *Client) Queues(ctx context.Context, names ...string) (list []api.QueueState, err error) {
	return list, c.get(ctx, "/queues", url.Values{"name": names}, &list)
}

// Site asks for everybody together.
func (c *Client) Site(ctx context.Context) (*api.SiteState, error) {
	out := &api.SiteState{}
	return out, c.get(ctx, "/site", nil, out)
}

// Alerts asks what is raised, and what cleared of late.
func (c *Client) Alerts(ctx context.Context) (*Alerts, error) {
	out := &Alerts{}
	return out, c.get(ctx, "/alerts", nil, out)
}

// Health asks how the daemon fares.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	out := &Health{}
	return out, c.get(ctx, "/health", nil, out)
}

// Roster asks who is who at a moment, now for the zero time.
func (c *Client) Roster(ctx context.Context, at time.Time) (*api.RosterList, error) {
	v, out := url.Values{}, &api.RosterList{}
	setTime(v, "at", at)
	return out, c.get(ctx, "/roster", v, out)
}

// Events calls f with everything that is so and then with every change, until the
// context ends, f returns an error or the daemon goes away: an api.AgentState,
// api.QueueState, api.SiteState, api.AlertState, api.Figures (if figures are wanted) or Alive. What
// came before a break is to be replaced by what comes after it.
func (c *Client) Events(ctx context.Context, figures bool, f func(any) error) error {
	resp, err := c.send(ctx, http.MethodGet, "/events", url.Values{"kpi": {strconv.FormatBool(figures)}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, 1<<20)
	name := ""
	for in.Scan() {
		key, value, _ := strings.Cut(in.Text(), ": ")
		switch key {
		case "event":
			name = value
		case "data":
			m, err := message(name, []byte(value))
			if err == nil && m != nil {
				err = f(m)
			}
			if err != nil {
				return err
			}
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// message reads an event; nil for one that is not known.
func message(name string, data []byte) (any, error) {
	switch name {
	case "agent":
		return read[api.AgentState](data)
	case "queue":
		return read[api.QueueState](data)
	case "site":
		return read[api.SiteState](data)
	case "alert":
		return read[api.AlertState](data)
	case "figures":
		return read[api.Figures](data)
	case "alive":
		return read[Alive](data)
	}
	return nil, nil
}

func read[M any](data []byte) (m M, err error) {
	return m, json.Unmarshal(data, &m)
}

func (c *Client) get(ctx context.Context, path string, v url.Values, out any) error {
	resp, err := c.send(ctx, http.MethodGet, path, v, nil)
	if err != nil {
		return err
	}
	return readAnswer(resp, path, out)
}

func readAnswer(resp *http.Response, path string, out any) error {
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("the answer to %s cannot be read: %w", path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, v url.Values, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path+"?"+v.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var p struct {
		Detail string
		Errors []struct{ Message, Location string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&p); err != nil || p.Detail == "" {
		return nil, &Problem{resp.StatusCode, "the daemon answers " + resp.Status}
	}
	for _, e := range p.Errors {
		p.Detail += "; " + strings.TrimPrefix(e.Location+": "+e.Message, ": ")
	}
	return nil, &Problem{resp.StatusCode, p.Detail}
}

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func setTime(v url.Values, key string, t time.Time) {
	if !t.IsZero() {
		v.Set(key, t.Format(time.RFC3339Nano))
	}
}

func setInt(v url.Values, key string, n int64) {
	if n != 0 {
		v.Set(key, strconv.FormatInt(n, 10))
	}
}
