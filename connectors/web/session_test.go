package web

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

// do asks as a browser does: with a cookie, and what else it sends.
func (l *lab) do(method, at, body string, header ...string) (*http.Response, string) {
	l.t.Helper()
	req, err := http.NewRequest(method, l.http.URL+at, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp, string(b)
}

// signIn signs in, and gives the cookie.
func (l *lab) signIn(token string) string {
	l.t.Helper()
	resp, body := l.do("POST", "/session", `{"token":"`+token+`"}`, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	if resp.StatusCode != http.StatusOK || len(resp.Cookies()) != 1 {
		l.t.Fatal(resp.StatusCode, body)
	}
	return "tally=" + resp.Cookies()[0].Value
}

// TestSessionsAreTokens: on every route a session gets what its token gets.
func TestSessionsAreTokens(t *testing.T) {
	l := newLab(t)
	l.ready("ann", "bob", "cid")
	l.call("support", "ann")
	tokens := l.tokensOf(who...)
	for _, w := range who {
		cookie := l.signIn(tokens[w.Name])
		for _, route := range slices.Sorted(maps.Keys(allowed)) {
			method, at, _ := strings.Cut(route, " ")
			body := ""
			switch {
			case method == "POST":
				body = "[]"
			case at == "/api/v1/events":
				continue // it does not end
			}
			by, byToken := l.do(method, at, body, "Authorization", "Bearer "+tokens[w.Name])
			in, inSession := l.do(method, at, body, "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
			if by.StatusCode != in.StatusCode || by.StatusCode == http.StatusOK && at == "/api/v1/agents" && byToken != inSession {
				t.Errorf("%s of %s: %d with the token, %d in the session\n%s\n%s", route, w.Name, by.StatusCode, in.StatusCode, byToken, inSession)
			}
		}
	}
}

// TestSessionEnds: by signing out, with its token, when it is idle, and after a week;
// that of a wallboard with its token alone. A page that asks by itself keeps none.
func TestSessionEnds(t *testing.T) {
	l := newLab(t)
	tokens := l.tokensOf(who...)
	is := func(cookie string, want bool, header ...string) {
		t.Helper()
		resp, body := l.do("GET", "/session", "", append([]string{"Cookie", cookie}, header...)...)
		var s client.Session
		if err := json.Unmarshal([]byte(body), &s); err != nil || resp.StatusCode != http.StatusOK || s.SignedIn != want {
			t.Fatalf("signed in: %v, want %v: %d %s", s.SignedIn, want, resp.StatusCode, body)
		}
		if code := l.codeOf("GET", "/api/v1/agents", cookie, header...); code != map[bool]int{true: 200, false: 401}[want] {
			t.Fatalf("the agents: %d, signed in: %v", code, want)
		}
	}
	is("tally=wrong", false)
	boss, again := l.signIn(tokens["boss"]), l.signIn(tokens["boss"])
	is(boss, true)
	resp, _ := l.do("DELETE", "/session", "", "Cookie", boss, "Sec-Fetch-Site", "same-origin")
	if resp.StatusCode != http.StatusNoContent || resp.Cookies()[0].MaxAge >= 0 {
		t.Errorf("signing out: %v", resp)
	}
	is(boss, false)
	is(again, true)

	// A restart signs nobody out.
	reopened, err := api.OpenSessions(l.dir, l.tokens)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reopened.Check(strings.TrimPrefix(again, "tally="), true); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(l.dir, api.SessionsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(filepath.Join(l.dir, api.SessionsFile))
	if err != nil || strings.Contains(string(b), strings.TrimPrefix(again, "tally=")) || strings.Contains(string(b), tokens["boss"]) {
		t.Errorf("the file has secrets: %s %v", b, err)
	}

	if err := l.tokens.Revoke("boss"); err != nil {
		t.Fatal(err)
	}
	is(again, false)

	// Time passes.
	hr, wall := l.signIn(tokens["hr"]), l.signIn(tokens["wall"])
	for range 3 {
		l.pass(7 * time.Hour)
		is(hr, true)
	}
	l.pass(7 * time.Hour)
	is(hr, true, unattended, "1")
	l.pass(time.Hour)
	is(hr, false, unattended, "1")
	hr = l.signIn(tokens["hr"])
	for range 24 {
		l.pass(7 * time.Hour) // a week, in all
		l.do("GET", "/session", "", "Cookie", hr)
	}
	is(hr, false)
	is(wall, true)
	l.pass(400 * 24 * time.Hour)
	is(wall, true)
	if err := l.tokens.Revoke("wall"); err != nil {
		t.Fatal(err)
	}
	is(wall, false)
}

// pass has time pass for the sessions.
func (l *lab) pass(d time.Duration) {
	l.late += d
	l.sessions.SetClock(func() time.Time { return time.Now().Add(l.late) })
}

// codeOf is the status of an answer to who shows a cookie.
func (l *lab) codeOf(method, at, cookie string, header ...string) int {
	resp, _ := l.do(method, at, "", append([]string{"Cookie", cookie}, header...)...)
	return resp.StatusCode
}

// TestSignIn: what is accepted, and what browsers are told.
func TestSignIn(t *testing.T) {
	l := newLab(t)
	token := l.token(api.Asker{Name: "boss", Role: api.SupervisorRole, Teams: []string{"north"}})
	resp, body := l.do("POST", "/session", `{"token":"`+token+`"}`, "Content-Type", "application/json")
	c := resp.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.Path != "/" || c.MaxAge < 3600 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v, %v", c, resp.Header)
	}
	var s client.Session
	if err := json.Unmarshal([]byte(body), &s); err != nil || !s.SignedIn || s.Name != "boss" || s.Role != api.SupervisorRole || s.Teams[0] != "north" || s.Site != "main" || s.TimeZone != "UTC" || !slices.Contains(s.Rights, api.SeeScores) {
		t.Errorf("%s %v", body, err)
	}
	// With TLS nobody else can have set the cookie, and it goes nowhere in the clear.
	secure := httptest.NewTLSServer(l.server.Handler())
	defer secure.Close()
	safely, err := secure.Client().Post(secure.URL+"/session", "application/json", strings.NewReader(`{"token":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	safely.Body.Close()
	if c := safely.Cookies()[0]; !c.Secure || c.Name != "__Host-tally" || c.Domain != "" || c.Path != "/" {
		t.Errorf("%+v", c)
	}
	for body, want := range map[string]int{`{"token":"tally_wrong"}`: 401, `{"token":""}`: 401, `{}`: 401, `no`: 422, `{"token":"x","role":"admin"}`: 422} {
		if resp, answer := l.do("POST", "/session", body, "Content-Type", "application/json"); resp.StatusCode != want || len(resp.Cookies()) > 0 || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d", body, resp.StatusCode, answer, want)
		}
	}
	if resp, _ := l.do("POST", "/session", `{"token":"`+token+`"}`, "Content-Type", "text/plain"); resp.StatusCode != 422 {
		t.Errorf("a form of another site could sign in: %d", resp.StatusCode)
	}
	if code := l.code(token, "GET", "/session", ""); code != http.StatusOK {
		t.Errorf("with a token: %d", code)
	}
	last := 0
	for range 30 {
		resp, _ := l.do("POST", "/session", `{"token":"tally_wrong"}`, "Content-Type", "application/json")
		last = resp.StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the thirtieth wrong token: %d", last)
	}

	code, err := l.sessions.Invite("boss")
	if err != nil {
		t.Fatal(err)
	}
	cookie := l.signIn(code)
	if got := l.codeOf("GET", "/api/v1/agents", cookie); got != http.StatusOK {
		t.Errorf("by a code: %d", got)
	}
	if _, _, err := l.sessions.SignIn(code, "here"); !errors.Is(err, api.ErrToken) && !errors.Is(err, api.ErrTooOften) {
		t.Errorf("a code twice: %v", err)
	}
	code, _ = l.sessions.Invite("boss")
	l.pass(time.Hour)
	if _, _, err := l.sessions.SignIn(code, "here"); err == nil {
		t.Error("a code after an hour")
	}
	if _, err := l.sessions.Invite("nobody"); !errors.Is(err, api.ErrNoToken) {
		t.Error(err)
	}
}

// TestOtherSites: what another site's page has a browser ask changes nothing, however
// the browser is signed in. Tokens are shown on purpose, and go.
func TestOtherSites(t *testing.T) {
	l := newLab(t)
	token := l.token(admin)
	cookie := l.signIn(token)
	fact := `[{"kind":"survey","id":"s1","at":"2026-10-01T09:00:00Z","agent":"ann","survey":{"csat":5}}]`
	for _, c := range []struct {
		header []string
		want   bool
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, true},
		{[]string{"Origin", l.http.URL}, true},
		{[]string{"Sec-Fetch-Site", "cross-site"}, false},
		{[]string{"Sec-Fetch-Site", "same-site"}, false},
		{[]string{"Origin", "https://evil.example.org"}, false},
		{[]string{"Origin", "null"}, false},
	} {
		for _, ask := range [][3]string{{"POST", "/api/v1/facts", fact}, {"POST", "/api/v1/scores/seal", "{}"}, {"POST", "/session", `{"token":"` + token + `"}`}, {"POST", "/session/nats", ""}} {
			resp, body := l.do(ask[0], ask[1], ask[2], append([]string{"Cookie", cookie, "Content-Type", "application/json"}, c.header...)...)
			if refused := strings.Contains(body, "another site's page asks"); refused == c.want || refused != (resp.StatusCode == http.StatusForbidden) {
				t.Errorf("%s %s with %v: %d %s", ask[0], ask[1], c.header, resp.StatusCode, body)
			}
		}
	}
	if resp, body := l.do("POST", "/api/v1/facts", fact, "Authorization", "Bearer "+token, "Content-Type", "application/json", "Origin", "https://other.example.org"); resp.StatusCode != http.StatusOK {
		t.Errorf("a token shown by another site's page: %d %s", resp.StatusCode, body)
	}
}

// TestTicket: pages connect to NATS with what is good once, and soon, and are out when
// their session is.
func TestTicket(t *testing.T) {
	l := newLab(t)
	b := l.nats()
	l.server.cfg.WebSocketTo = b.WebSocket
	l.server.cfg.WebSocket = "/nats"
	tokens := l.tokensOf(who...)
	ticket := func(cookie string) (x client.Ticket) {
		t.Helper()
		resp, body := l.do("POST", "/session/nats", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
		if err := json.Unmarshal([]byte(body), &x); err != nil || resp.StatusCode != http.StatusOK || x.Path != "/nats" {
			t.Fatal(resp.StatusCode, body)
		}
		return x
	}
	connect := func(x client.Ticket) (*nats.Conn, error) {
		return nats.Connect(b.URL(), nats.UserInfo(x.User, x.Password), nats.CustomInboxPrefix("_INBOX_"+x.User), nats.NoReconnect())
	}
	cookie := l.signIn(tokens["ann"])
	x := ticket(cookie)
	nc, err := connect(x)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := connect(x); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a ticket twice: %v", err)
	}
	// It is bound to the token's rights.
	sub, err := nc.SubscribeSync("tally.v1.main.agent.ann.state")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
	if _, err := nc.SubscribeSync("tally.v1.main.agent.bob.state"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("an agent may read others' states")
	}
	l.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: l.agent("ann"), Status: metrics.Ready})
	if m, err := sub.NextMsg(5 * time.Second); err != nil || !strings.Contains(string(m.Data), `"available"`) {
		t.Errorf("%v, %v", m, err)
	}
	// Signing out ends the connection.
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	l.do("DELETE", "/session", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Error("signed out, and still connected")
	}
	// A ticket ends with the session, and after a minute.
	cookie = l.signIn(tokens["wall"])
	x = ticket(cookie)
	l.do("DELETE", "/session", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
	if _, err := connect(x); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("signed out, a ticket is good: %v", err)
	}
	x = ticket(l.signIn(tokens["wall"]))
	l.pass(61 * time.Second)
	if _, err := connect(x); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("after a minute a ticket is good: %v", err)
	}
	// It opens NATS, and nothing else; a token needs none.
	x = ticket(l.signIn(tokens["root"]))
	if code := l.code(x.Password, "GET", "/api/v1/agents", ""); code != http.StatusUnauthorized {
		t.Errorf("a ticket as a token: %d", code)
	}
	if resp, _ := l.do("POST", "/session", `{"token":"`+x.Password+`"}`, "Content-Type", "application/json"); resp.StatusCode == http.StatusOK {
		t.Error("a ticket signs in")
	}
	if code := l.code(tokens["root"], "POST", "/session/nats", ""); code != http.StatusUnprocessableEntity {
		t.Errorf("a ticket for a token: %d", code)
	}
}

// TestNames: who is called what, for whoever may see them.
func TestNames(t *testing.T) {
	l := newLab(t)
	l.ready("ann", "bob", "cid")
	l.call("support", "ann")
	for name, want := range map[string]string{"root": "ann north bob harbour+north cid south support", "boss": "ann north bob harbour+north support", "ann": "ann north", "wall": "ann north bob harbour+north cid south support"} {
		i := slices.IndexFunc(who, func(a api.Asker) bool { return a.Name == name })
		list := answer[client.Names](l, l.token(who[i]), "/api/v1/names")
		var got []string
		for _, a := range list.Agents {
			got = append(got, a.Agent, strings.Join(a.Teams, "+"))
		}
		for _, q := range list.Queues {
			got = append(got, q.Queue)
			if q.Threshold != 20_000 || q.Target != 0.8 {
				t.Errorf("%+v", q)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is told %v, want %s", name, got, want)
		}
	}
}
