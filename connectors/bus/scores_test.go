package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus/bustest"
	"tallyd/metrics"
	"tallyd/rules"
	"tallyd/storage"
)

// sealCards seals cards of some agents, whose score tells the sealing.
func (c *centre) sealCards(cycle string, score float64, agents int) {
	c.t.Helper()
	var cards []storage.SealedCard
	for a := range agents {
		card := rules.Card{Agent: fmt.Sprint("agent ", a), Role: "agent", Score: &score, Indicators: []rules.Result{}}
		body, err := json.Marshal(card)
		if err != nil {
			c.t.Fatal(err)
		}
		cards = append(cards, storage.SealedCard{Agent: card.Agent, Role: card.Role, Body: body})
	}
	head, err := json.Marshal(rules.Scores{Scheme: rules.SchemeID{Name: "s"}, Period: rules.SpanOfDays{From: rules.Date{Year: 2026, Month: 10, Day: 1}, To: rules.Date{Year: 2026, Month: 11, Day: 1}}, Cards: []rules.Card{}})
	if err == nil {
		err = c.store.SealScores(c.t.Context(), &storage.Sealing{Cycle: cycle, At: metrics.MillisOf(time.Now()), By: "hr", Scheme: "sum", Head: head}, []byte("scheme"), cards, nil)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// streamedScores is what the stream of scores has, in its order.
func streamedScores(t *testing.T, nc *nats.Conn) (out []string) {
	t.Helper()
	bustest.Read(t, nc, subjectsOfMain.ScoreStream(), func(subject string, s *api.ScoreRecord) {
		if subject != subjectsOfMain.Score(s.Cycle, s.Card.Agent) {
			t.Errorf("%s has a card of %s", subject, s.Card.Agent)
		}
		out = append(out, fmt.Sprintf("%s/%d %s %v", s.Cycle, s.Revision, s.Card.Agent, *s.Card.Score))
	})
	return out
}

// TestScoreStream: every card that was sealed is in the stream once and in order, among
// rollups and contacts, whatever ends in between; who is forgotten is taken out.
func TestScoreStream(t *testing.T) {
	c := newCentre(t)
	b, nc := c.beside(t)
	r := newRecords(b, nc)
	deliver := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := r.deliver(ctx); err != nil {
			t.Fatal(err)
		}
	}
	const agents = 700 // more than may be on their way at once
	var want []string
	seal := func(cycle string, revision int, score float64) {
		c.sealCards(cycle, score, agents)
		var list []string
		for a := range agents {
			list = append(list, fmt.Sprintf("%s/%d agent %d %v", cycle, revision, a, score))
		}
		slices.Sort(list) // cards come by their agents
		want = append(want, list...)
	}
	check := func(when string) {
		t.Helper()
		if got := streamedScores(t, nc); !slices.Equal(got, want) {
			t.Errorf("%s the stream has %d cards, want %d", when, len(got), len(want))
		}
		if rollups, contacts, _ := streamed(t, nc); len(rollups) != c.puts*20 || len(contacts) != c.puts*10 {
			t.Errorf("%s there are %d rollups and %d contacts of %d times of storing", when, len(rollups), len(contacts), c.puts)
		}
	}
	c.put(20, 10)
	deliver()
	check("before any sealing")
	seal("oct", 0, 70)
	c.put(20, 10)
	seal("nov", 0, 71)
	deliver()
	check("after two sealings")
	r = newRecords(b, nc) // another run, which finds where the streams are
	seal("oct", 1, 72)
	c.put(20, 10)
	deliver()
	check("in another run")

	// Runs that end between two cards.
	seal("oct", 2, 70)
	ended := 0
	for done := false; !done; {
		r = newRecords(b, nc)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(5+ended)*time.Millisecond)
		if done = r.deliver(ctx) == nil; !done {
			ended++
		}
		cancel()
	}
	if ended == 0 {
		t.Error("no run ended too early")
	}
	check("after runs that ended")

	if _, err := c.service.Forget(t.Context(), api.ForgetRequest{Kind: api.ForgetAgent, Agent: "agent 7", By: "test"}); err != nil {
		t.Fatal(err)
	}
	deliver()
	want = slices.DeleteFunc(want, func(line string) bool { return strings.Contains(line, " agent 7 ") })
	if got := streamedScores(t, nc); !slices.Equal(got, want) {
		t.Errorf("after a forgetting the stream has %d cards, want %d", len(got), len(want))
	}
}
