package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// post sends a body, and reads the answer.
func (l *lab) post(token, at, body string) (int, http.Header, string) {
	l.t.Helper()
	req, err := http.NewRequest(http.MethodPost, l.http.URL+at, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// TestFeed: what is fed in is what is read; once, however often.
func TestFeed(t *testing.T) {
	l := newLab(t)
	tokens := l.tokensOf(who...)
	five, yes, points, of := 5, true, int64(8), int64(10)
	sent := []api.Fact{
		{ID: "1", At: "2026-10-01T08:59:00.000Z", Agent: "ann", Survey: &api.Survey{CSAT: &five, Resolved: &yes}},
		{ID: "1", At: "2026-10-01T08:59:01.000Z", Agent: "bob", Disposition: &api.Disposition{Code: "<b>&\u2028", Case: "C-1", Due: "2026-10-03T09:00:00.000Z"}},
		{ID: "1", At: "2026-10-01T08:59:02.000Z", Agent: "cid", Training: &api.Training{Course: "c1", Passed: &yes, Points: &points, Of: &of}},
		{ID: "1", At: "2026-10-01T08:59:03.000Z", Agent: "ann", Form: &api.Form{ID: "qa", Rater: "bob", Points: &points, Of: &of, Critical: true,
			Sections: []api.Section{{ID: "a", Points: &points, Of: &of}, {ID: "b", NA: true}}}},
	}
	c := client.New(l.http.URL, tokens["survey"])
	for again := range 2 {
		answers, err := c.Feed(t.Context(), append(sent, api.Fact{ID: "2", At: "soon", Agent: "ann"}))
		if err != nil {
			t.Fatal(err)
		}
		for i := range sent {
			if answers[i] != (api.FactAnswer{ID: "1", Stored: true, Duplicate: again == 1}) {
				t.Errorf("%+v", answers[i])
			}
		}
		if got := answers[len(sent)]; got != (api.FactAnswer{ID: "2", Error: "one of survey, disposition, training, form is missing"}) {
			t.Errorf("%+v", got)
		}
	}
	if read := answer[client.Facts](l, tokens["root"], "/api/v1/facts").Facts; !reflect.DeepEqual(read, sent) {
		t.Errorf("read is %+v", read)
	}
	if _, err := c.Facts(t.Context(), client.FactQuery{}); !isProblem(err, http.StatusForbidden) {
		t.Errorf("who feeds reads: %v", err)
	}
	list := l.audit.all()
	if len(list) < 1 || list[0].Who != "survey" || list[0].What != api.Feed || fmt.Sprint(list[0].Names) != "[ann bob cid]" {
		t.Errorf("noted is %+v", list)
	}
}

func isProblem(err error, status int) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Status == status
}

// TestFeedRefused: what is no list, or too much of one, is refused as a whole.
func TestFeedRefused(t *testing.T) {
	l := newLab(t)
	token := l.tokensOf(who...)["survey"]
	for _, x := range []struct {
		body string
		code int
		want string
	}{
		{"", http.StatusBadRequest, "request body is required"},
		{"{}", http.StatusUnprocessableEntity, "facts are a JSON list"},
		{"[", http.StatusUnprocessableEntity, "the list is not JSON"},
		{"[" + strings.Repeat("0,", api.MaxFed) + "0]", http.StatusUnprocessableEntity, "the list has 1001 facts, 1000 are the most"},
		{`["` + strings.Repeat("x", maxBody) + `"]`, http.StatusRequestEntityTooLarge, "request body is too large"},
	} {
		code, h, body := l.post(token, "/api/v1/facts", x.body)
		if code != x.code || h.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, x.want) {
			t.Errorf("%.20s: %d %s %s", x.body, code, h.Get("Content-Type"), body)
		}
	}
	code, h, body := l.post(token, "/api/v1/facts", "[]")
	var out client.Fed
	if err := json.Unmarshal([]byte(body), &out); err != nil || code != http.StatusOK || out.V != 1 || out.Site != "main" || out.Facts == nil || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v %s", code, h, body)
	}
}

// TestFeedDescribed: the document says what a list is of.
func TestFeedDescribed(t *testing.T) {
	l := newLab(t)
	_, _, body := l.get("", "/openapi.json")
	for _, want := range []string{`"requestBody":{"content":{"application/json":{"schema":{"items":{"$ref":"#/components/schemas/Fact"},"maxItems":1000,"type":"array"}}},"required":true}`, `"operationId":"feed"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in the document", want)
		}
	}
}
