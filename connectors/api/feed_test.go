package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/roster"
)

// rosterOf is a roster of agents of no team.
func rosterOf(agents ...string) func() *roster.Roster {
	var list []roster.Agent
	for _, a := range agents {
		list = append(list, roster.Agent{ID: a})
	}
	r := roster.New(time.UTC, nil, nil, list)
	return func() *roster.Roster { return r }
}

// feedLab is a lab whose roster has ann, and where bob answered a visit and another
// caller gave up.
func feedLab(t testing.TB, switches ...string) (l *lab, answered, abandoned string) {
	l = newLab(t, switches...)
	l.service.cfg.Roster = rosterOf("ann")
	fs := l.switches[0]
	fs.ready("bob")
	fs.call("support", "bob", 5000, 60_000)
	lost := fs.join("support")
	fs.abandon(lost)
	l.pass(60_000)
	return l, "fs1-1", lost.String()
}

func (l *lab) take(kind, id, message string) (*FactTaken, error) {
	return l.service.TakeFact(context.Background(), kind, id, []byte(message))
}

func (l *lab) took(kind, message string) (duplicate bool) {
	l.t.Helper()
	taken, err := l.take(kind, "", message)
	if err != nil {
		l.t.Fatalf("%s: %v", message, err)
	}
	return taken.Duplicate
}

// facts is everything that is stored, as JSON.
func (l *lab) facts() (out []string) {
	l.t.Helper()
	list, err := l.service.Facts(context.Background(), FactQuery{From: time.UnixMilli(1), To: time.UnixMilli(1 << 45)})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range list.Facts {
		out = append(out, asJSON(l.t, f))
	}
	return out
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFactMessages: what each kind looks like as it is sent, as it is read, and as a
// TestFactRefused: each refusal says what is wrong, and leaves nothing behind.
func TestFactRefused(t *testing.T) {
	l, visit, lost := feedLab(t, "fs1")
	if _, err := l.store.Retain(t.Context(), metrics.IntervalOf(labStart), 0); err != nil {
		t.Fatal(err)
	}
	const at = `"at":"2026-10-01T00:59:00Z"`
	long := strings.Repeat("x", 60_000)
	survey := func(fields string) string { return `{"id":"m-1",` + fields + `,"survey":{"csat":5}}` }
	for _, x := range []struct{ kind, id, message, reason, want string }{
		{"review", "", survey(at + `,"agent":"ann"`), BadMessage, `kind "review" is none of survey, disposition, training, form`},
		{"survey", "", ``, BadMessage, `message is not JSON: unexpected EOF`},
		{"survey", "", `{"id":`, BadMessage, `message is not JSON: unexpected EOF`},
		{"survey", "", `{'id':1}`, BadMessage, `message is not JSON: invalid character '\''`},
		{"survey", "", `null`, BadMessage, `id is missing`},
		{"survey", "", `[1]`, BadMessage, `message is a JSON array, not an object`},
		{"survey", "", `{} {}`, BadMessage, `message has something after its object`},
		{"survey", "", strings.Repeat("[", 60_000), BadMessage, `message is nested more than 8 deep`},
		{"survey", "", survey(at + `,"agent":"a` + "\xff" + `"`), BadMessage, `message is not UTF-8`},
		{"survey", "", survey(at + `,"agent":"ann","mood":"good"`), BadMessage, `field "mood" is not known`},
		{"survey", "", survey(at + `,"agent":"ann","Agent":"bob"`), BadMessage, `field "Agent" is not known`},
		{"survey", "", survey(at + `,"agent":"ann","agent":"bob"`), BadMessage, `field "agent" is there twice`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":{"csat":1,"csat":5}}`, BadMessage, `field "csat" is there twice`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":{"csat":4.5}}`, BadMessage, `survey.csat: number 4.5 where a whole number belongs`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":{"csat":1e999}}`, BadMessage, `survey.csat: number 1e999 where a whole number belongs`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":{"csat":"5"}}`, BadMessage, `survey.csat: string where a whole number belongs`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":{"resolved":1}}`, BadMessage, `survey.resolved: number where true or false belongs`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":5}`, BadMessage, `survey: number where an object belongs`},
		{"survey", "", survey(at + `,"agent":7`), BadMessage, `agent: number where a text belongs`},
		{"form", "", `{"id":"m-1",` + at + `,"agent":"ann","form":{"sections":{}}}`, BadMessage, `form.sections: object where a list belongs`},
		{"survey", "", survey(`"agent":"ann"`), BadMessage, `at is missing`},
		{"survey", "", survey(`"at":"yesterday","agent":"ann"`), BadMessage, `at "yesterday" is not a moment such as 2026-10-01T09:00:00Z`},
		{"survey", "", survey(`"at":"2026-10-01 00:59:00","agent":"ann"`), BadMessage, `at "2026-10-01 00:59:00" is not a moment such as 2026-10-01T09:00:00Z`},
		{"survey", "", survey(`"at":"1969-01-01T00:00:00Z","agent":"ann"`), BadMessage, `at 1969-01-01T00:00:00Z is before 1970`},
		{"survey", "", survey(`"at":"2026-10-01T01:08:00Z","agent":"ann"`), BadMoment, `at 2026-10-01T01:08:00.000Z is in the future: it is 2026-10-01T01:02:05.000Z here`},
		{"survey", "", survey(`"at":"2026-09-30T15:59:59Z","agent":"ann"`), BadMoment, `survey "m-1" of 2026-09-30T15:59:59Z is before the records that are kept, from 2026-09-30T16:00:00Z on`},
		{"survey", "m-2", survey(at + `,"agent":"ann"`), BadMessage, `id "m-1" is another one than "m-2", which the message came with`},
		{"survey", "", `{` + at + `,"agent":"ann","survey":{"csat":5}}`, BadMessage, `id is missing`},
		{"survey", "客", `{` + at + `,"agent":"ann","survey":{"csat":5}}`, BadMessage, `id "客" has the byte 0xe5, which is not printable`},
		{"survey", "", `{"id":"` + long + `",` + at + `,"agent":"ann","survey":{"csat":5}}`, BadMessage, `id has 60000 bytes, 128 are the most`},
		{"survey", "", survey(at), BadMessage, `agent is missing`},
		{"survey", "", survey(at + `,"agent":"` + long + `"`), BadMessage, `agent has 60000 bytes, 256 are the most`},
		{"survey", "", survey(at + `,"agent":"\u0000"`), BadMessage, `agent "\x00" has the control character U+0000`},
		{"survey", "", survey(at + `,"agent":"(other)"`), BadMessage, `agent "(other)" is nobody`},
		{"survey", "", survey(at + `,"agent":"eve"`), UnknownAgent, `agent "eve" is not known: not in the roster, and on no switch`},
		{"survey", "", survey(at + `,"agent":"ann","switch":"fs1"`), BadMessage, `switch "fs1" is there without a contact`},
		{"survey", "", survey(at + `,"contact":"nothing"`), UnknownContact, `contact "nothing" of switch "fs1" is not known`},
		{"survey", "", survey(`"at":"2026-10-01T01:00:06Z","contact":"nothing"`), UnknownContact, `contact "nothing" of switch "fs1" is not known yet`},
		{"survey", "", survey(at + `,"contact":"` + visit + `","switch":"fs2"`), UnknownContact, `contact "fs1-1" of switch "fs2" is not known`},
		{"survey", "", survey(at + `,"contact":"` + lost + `"`), UnknownContact, `contact "fs1-2" of switch "fs1" was answered by no agent`},
		{"survey", "", survey(at + `,"agent":"ann","contact":"` + visit + `"`), UnknownContact, `agent "ann" did not answer contact "fs1-1" of switch "fs1"`},
		{"survey", "", survey(`"at":"2026-10-01T00:54:00Z","contact":"` + visit + `"`), UnknownContact, `contact "fs1-1" of switch "fs1" is not known`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann"}`, BadMessage, `survey is missing`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","form":{"id":"qa","rater":"s1","points":1,"of":2}}`, BadMessage, `form is there, but the fact is a survey`},
		{"survey", "", `{"id":"m-1",` + at + `,"agent":"ann","survey":{"nps":11}}`, BadMessage, `nps 11 is not between 0 and 10`},
		{"disposition", "", `{"id":"m-1",` + at + `,"agent":"ann","disposition":{"code":"x","due":"soon"}}`, BadMessage, `due "soon" is not a moment such as 2026-10-01T09:00:00Z`},
		{"disposition", "", `{"id":"m-1",` + at + `,"agent":"ann","disposition":{"code":"x","done":"2027-01-01T00:00:00Z"}}`, BadMoment, `done 2027-01-01T00:00:00.000Z is in the future: it is 2026-10-01T01:02:05.000Z here`},
		{"training", "", `{"id":"m-1",` + at + `,"agent":"ann","training":{"course":"c1"}}`, BadMessage, `passed is missing`},
		{"training", "", `{"id":"m-1",` + at + `,"agent":"ann","training":{"course":"c1","passed":true,"of":10}}`, BadMessage, `points is missing`},
		{"form", "", `{"id":"m-1",` + at + `,"agent":"ann","form":{"id":"qa","rater":"s1","of":100}}`, BadMessage, `points is missing`},
		{"form", "", `{"id":"m-1",` + at + `,"agent":"ann","form":{"id":"qa","rater":"s1","points":5,"of":9,"sections":[{"id":"a","points":1}]}}`, BadMessage, `section 1: of is missing`},
		{"survey", "", survey(at + `,"agent":"ann","` + long + `":1`), BadMessage, `field "` + long[:maxRefusal-7] + "…"},
	} {
		_, err := l.take(x.kind, x.id, x.message)
		var refused *Refused
		if !errors.As(err, &refused) || refused.Reason != x.reason || refused.Later != strings.HasSuffix(x.want, " yet") || err.Error() != x.want {
			t.Errorf("%.200s: refused with %+v\n%v, want %s\n%s", x.message, refused, err, x.reason, x.want)
		}
	}
	if got := l.facts(); len(got) != 0 {
		t.Errorf("stored are %v", got)
	}
}

// TestFactPastRetention: what retention would delete is not taken, before it deletes
// anything too.
func TestFactPastRetention(t *testing.T) {
	l, _, _ := feedLab(t, "fs1")
	l.service.cfg.Kept = func(now time.Time) time.Time { return now.AddDate(-1, 0, 0) } // 01:02:05 a year ago
	message := func(id, at string) string {
		return `{"id":"` + id + `","at":"` + at + `","agent":"ann","survey":{"csat":5}}`
	}
	l.took("survey", message("1", "2025-10-01T01:00:00Z"))
	_, err := l.take("survey", "", message("2", "2025-10-01T00:59:59Z"))
	var refused *Refused
	const want = "at 2025-10-01T00:59:59.000Z is before the records that are kept, from 2025-10-01T01:00:00.000Z on"
	if !errors.As(err, &refused) || refused.Reason != BadMoment || err.Error() != want {
		t.Errorf("%+v: %v, want %s", refused, err, want)
	}
}

// TestFactOfContact: a contact's agent is who answered it, wherever the contact is by
// then: just over, on its way to the store, or there. Of several of one id it is the
// latest that had begun.
func TestFactOfContact(t *testing.T) {
	l, visit, _ := feedLab(t, "fs1", "fs2")
	fact := func(id int, sw string) string {
		return fmt.Sprintf(`{"id":"%d","at":%q,"contact":%q,"switch":%q,"survey":{"csat":5}}`, id, l.now.Time().Format(time.RFC3339), visit, sw)
	}
	if _, err := l.take("survey", "", strings.Replace(fact(0, ""), `,"switch":""`, "", 1)); err == nil || err.Error() != `contact "fs1-1" needs its switch: the site has several` {
		t.Errorf("error is %v", err)
	}
	l.took("survey", fact(1, "fs1"))
	l.pass(metrics.IntervalLength)
	if l.intake.Pending() == 0 {
		t.Fatal("nothing is on its way")
	}
	l.took("survey", fact(2, "fs1"))
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	l.took("survey", fact(3, "fs1"))
	// The id comes back: stored, and once more on its way.
	for n, agent := range []string{"cid", "dan", "eve"} {
		joined := l.now + metrics.Millis(n-1)*3_600_000
		s := &metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(l.now) - 50, Correction: true, Contacts: []metrics.Contact{{Switch: "fs1", Visit: visit,
			Leg: "leg", Queue: "support", Agent: agent, Outcome: metrics.Answered, Joined: joined, Answered: joined, Ended: joined + 1}, {
			Kind: metrics.CallContact, Switch: "fs1", Visit: visit, Agent: "a call's", Joined: l.now, Ended: l.now}}}
		l.intake.Take(s)
		if n == 0 {
			if err := l.intake.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.took("survey", fact(4, "fs1"))
	long := strings.Repeat("9", 60) // longer than an id is kept
	l.intake.Take(&metrics.Sealed{Switch: "fs2", Interval: metrics.IntervalOf(l.now) - 50, Correction: true, Contacts: []metrics.Contact{{
		Switch: "fs2", Visit: metrics.IDString(long).String(), Queue: "support", Agent: "a\tb", Joined: l.now, Ended: l.now}}})
	visit = long
	if _, err := l.take("survey", "", fact(5, "fs2")); err == nil || !strings.HasSuffix(err.Error(), `can have no facts: agent "a\tb" has the control character U+0009`) {
		t.Errorf("error is %v", err)
	}
	var agents []string
	for _, f := range l.facts() {
		var m Fact
		if err := json.Unmarshal([]byte(f), &m); err != nil {
			t.Fatal(err)
		}
		agents = append(agents, m.Agent)
	}
	if want := []string{"bob", "bob", "bob", "dan"}; !reflect.DeepEqual(agents, want) {
		t.Errorf("agents are %v, want %v", agents, want)
	}
}

// TestFactAgents: who is known by any of the roster, a switch, a contact or a rollup
// of the month is known, and else nobody.
func TestFactAgents(t *testing.T) {
	l, _, _ := feedLab(t, "fs1")
	at := l.now - 40*24*3_600_000
	sealed := &metrics.Sealed{Switch: "gone", Interval: metrics.IntervalOf(at), Rollups: []metrics.Rollup{{Kind: metrics.AgentRow, Name: "once"}, {Kind: metrics.QueueRow, Name: "a queue"}},
		Contacts: []metrics.Contact{{Switch: "gone", Visit: "1", Queue: "q", Agent: "answered", Joined: at, Ended: at + 1},
			{Kind: metrics.CallContact, Switch: "gone", Visit: "2", Agent: "called", Joined: at, Ended: at + 1}}}
	if err := l.store.PutSealed(sealed); err != nil {
		t.Fatal(err)
	}
	fact := func(agent string, at metrics.Millis) string {
		return fmt.Sprintf(`{"id":"%s %d","at":%q,"agent":%q,"training":{"course":"c1","passed":true}}`, agent, at, written(at), agent)
	}
	for agent, known := range map[string]bool{"ann": true, "bob": true, "answered": true, "called": true, "once": false, "a queue": false, "an": false} {
		_, err := l.take("training", "", fact(agent, l.now))
		if known != (err == nil) {
			t.Errorf("%q: error is %v", agent, err)
		}
	}
	l.took("training", fact("once", at+30*24*3_600_000))
}

// TestFactAgain: a fact that is sent again gets the answer that it got at first,
// whoever and whatever has gone meanwhile, and another one of its id never does.
func TestFactAgain(t *testing.T) {
	l, visit, _ := feedLab(t, "fs1")
	messages := []string{
		`{"id":"1","at":"2026-10-01T00:59:00Z","agent":"ann","survey":{"csat":5}}`,
		`{"id":"2","at":"2026-10-01T00:59:00Z","contact":"` + visit + `","survey":{"csat":5}}`,
		`{"id":"3","at":"2026-10-01T01:06:00Z","agent":"bob","contact":"` + visit + `","switch":"fs1","survey":{"csat":5}}`,
	}
	for _, m := range messages {
		if l.took("survey", m) {
			t.Errorf("%s: a duplicate", m)
		}
	}
	stored := l.facts()
	l.service = New(Config{Site: "main", Store: l.store, Now: func() time.Time { return time.Unix(0, 0) }}) // knows nobody
	for i, m := range messages {
		if !l.took("survey", m) || !l.took("survey", stored[i]) {
			t.Errorf("%s: no duplicate", m)
		}
	}
	for _, m := range []string{
		strings.Replace(messages[0], "csat", "nps", 1), strings.Replace(messages[0], "ann", "bob", 1), strings.Replace(messages[0], "00:59:00", "00:59:01", 1),
		strings.Replace(messages[1], `"contact":"`+visit, `"agent":"bob`, 1), strings.Replace(messages[1], visit, "another", 1),
		strings.Replace(messages[2], "fs1\"", "fs2\"", 1), strings.Replace(messages[2], "bob", "ann", 1),
	} {
		var refused *Refused
		if _, err := l.take("survey", "", m); !errors.As(err, &refused) || refused.Reason != OtherFact {
			t.Errorf("%s: error is %v", m, err)
		}
	}
	if got := l.facts(); !reflect.DeepEqual(got, stored) {
		t.Errorf("stored are %v, want %v", got, stored)
	}
	if err := l.store.Close(); err != nil {
		t.Fatal(err)
	}
	var refused *Refused
	if _, err := l.take("survey", "", messages[0]); err == nil || errors.As(err, &refused) {
		t.Errorf("with the store closed it is the fact's fault: %v", err)
	}
	if _, err := New(Config{Site: "main"}).TakeFact(t.Context(), "survey", "", []byte(messages[0])); err == nil || errors.As(err, &refused) {
		t.Errorf("without a store it is the fact's fault: %v", err)
	}
}

// TestForgetWhileFed: facts that come in while an agent is forgotten are forgotten
// too, or refused; what happens later is of somebody new.
func TestForgetWhileFed(t *testing.T) {
	l, _, _ := feedLab(t, "fs1")
	before := written(l.now)
	fact := func(id, at, agent, rater string) string {
		return fmt.Sprintf(`{"id":%q,"at":%q,"agent":%q,"form":{"id":"qa","rater":%q,"points":1,"of":2}}`, id, at, agent, rater)
	}
	var feeding sync.WaitGroup
	begun := make(chan struct{}, 4)
	for g := range 4 {
		feeding.Go(func() {
			for i := range 40 {
				id := fmt.Sprint(g, "-", i)
				m := fact(id, before, "ann", "s1")
				if g%2 == 1 {
					m = fact(id, before, "bob", "ann")
				}
				if _, err := l.take("form", "", m); err != nil && err.Error() != `"ann" was forgotten` {
					t.Error(err)
				}
				if i == 0 {
					begun <- struct{}{}
				}
			}
		})
	}
	<-begun
	<-begun
	done, err := l.service.Forget(t.Context(), ForgetRequest{Kind: ForgetAgent, Agent: "ann", By: "root"})
	if err != nil || done.Facts == 0 {
		t.Fatalf("done is %+v, error %v", done, err)
	}
	feeding.Wait()
	for _, f := range l.facts() {
		if strings.Contains(f, "ann") {
			t.Errorf("left is %s", f)
		}
	}
	l.pass(metrics.Millis(clocksDiffer.Milliseconds()) + 1)
	l.took("form", fact("later", written(l.now), "ann", "s1"))
	if n := len(l.facts()); n > done.Facts+1 {
		t.Errorf("%d facts are left, %d were forgotten", n, done.Facts)
	}
}

// TestForgetContactsAgent: a fact about a contact from before a forgetting, which the
// tracker still has under the agent's name, is of whom the store will name.
func TestForgetContactsAgent(t *testing.T) {
	l, visit, _ := feedLab(t, "fs1")
	fact := func(id string) string {
		return fmt.Sprintf(`{"id":%q,"at":%q,"contact":%q,"survey":{"csat":5}}`, id, written(l.now), visit)
	}
	l.took("survey", fact("before"))
	done, err := l.service.Forget(t.Context(), ForgetRequest{Kind: ForgetAgent, Agent: "bob", By: "root"})
	if err != nil || done.Facts != 1 {
		t.Fatalf("done is %+v, error %v", done, err)
	}
	for _, ms := range []metrics.Millis{1, 10 * 60_000, metrics.IntervalLength} { // the last one hands it over
		l.pass(ms)
		l.took("survey", fact(fmt.Sprint(ms)))
	}
	for _, f := range l.facts() {
		if !strings.Contains(f, `"agent":"`+done.Name) {
			t.Errorf("stored is %s", f)
		}
	}
}

// FuzzFactMessage: no message makes the reader panic, and what it reads is published
