package asterisk

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"tallyd/metrics"
)

// replayed is what a recording came to.
type replayed struct {
	tracker    *metrics.Tracker
	translator *Translator
	names      *metrics.Names
	contacts   []metrics.Contact // by the time of joining
	facts      []metrics.Event
	sum        map[metrics.Key]*metrics.Rollup
	bytes      []byte
}

func open(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if !strings.HasSuffix(name, ".gz") {
		return f
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// openEither opens a file, or its compressed form.
func openEither(t testing.TB, name string) io.Reader {
	t.Helper()
	if _, err := os.Stat(name); err != nil {
		name += ".gz"
	}
	return open(t, name)
}

func newReplayed() *replayed {
	r := &replayed{names: metrics.NewNames(), sum: map[metrics.Key]*metrics.Rollup{}}
	r.tracker = metrics.NewTracker(r.names, metrics.Options{
		Switch: "ast1",
		Sealed: func(s *metrics.Sealed) {
			for i := range s.Rollups {
				x := &s.Rollups[i]
				r.bytes, _ = x.AppendBinary(r.bytes)
				if o := r.sum[x.Key()]; o != nil {
					o.Merge(x)
				} else {
					r.sum[x.Key()] = x
				}
			}
			for i := range s.Contacts {
				r.bytes, _ = s.Contacts[i].AppendBinary(r.bytes)
			}
		},
		Visit: func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) },
	})
	r.translator = NewTranslator(r.names, func(e *metrics.Event) {
		r.facts = append(r.facts, *e)
		r.tracker.Apply(e)
	})
	return r
}

func (r *replayed) play(t testing.TB, events io.Reader, m *Manager) {
	t.Helper()
	if err := Replay(context.Background(), events, m, r.translator); err != nil {
		t.Fatal(err)
	}
	if m != nil {
		if err := m.Rest(r.translator); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *replayed) finish() {
	r.tracker.Finish()
	r.tracker.Open(func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) })
	slices.SortStableFunc(r.contacts, func(a, b metrics.Contact) int { return int(a.Joined - b.Joined) })
}

func replay(t testing.TB, folder string, withAMI bool) *replayed {
	t.Helper()
	r := newReplayed()
	var m *Manager
	if withAMI {
		m = NewManager(openEither(t, folder+"/ami-events.txt"))
	}
	r.play(t, openEither(t, folder+"/ari-events.jsonl"), m)
	r.finish()
	return r
}

type truth struct {
	Queues map[string]struct {
		Offered, Answered, Abandoned int64
		Timeout                      int64
		ExitEmpty                    int64
		ExitKey                      int64
		Refused                      int64 `json:"joinempty_not_in_queue_log"`
		CompleteCaller               int64 `json:"complete_caller"`
		CompleteAgent                int64 `json:"complete_agent"`
		Blind, Attended, RNA         int64
	}
	Agents map[string]struct {
		Interface string
		Answered  map[string]int64
		Talk      float64 `json:"talk_secs_driver"`
		RNA       int64
		Missed    int64 `json:"rna_ge_1s"`
		Holds     int64
		Hold      float64 `json:"hold_secs"`
	}
	Attempts []struct {
		UniqueID, Queue string
		Outcome, Agent  string
		End             string
		Wait            *float64 `json:"wait_cel"`
		Enter           int64
	}
	Pauses []struct {
		Agent, Queue, Reason string
		Start, End           int64
	}
}

func readTruth(t testing.TB, folder string) (out truth) {
	t.Helper()
	if err := json.NewDecoder(open(t, folder+"/truth.json.gz")).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

var outcomeWords = map[string]metrics.Outcome{"answered": metrics.Answered, "abandoned": metrics.Abandoned, "timeout": metrics.TimedOut,
	"exitempty": metrics.LeftEmpty, "exitkey": metrics.ExitedByKey}
var endWords = map[string]metrics.EndedBy{"COMPLETECALLER": metrics.ByCaller, "COMPLETEAGENT": metrics.ByAgent,
	"BLINDTRANSFER": metrics.ByBlindTransfer, "ATTENDEDTRANSFER": metrics.ByAttendedTransfer}

// TestOracles: what a recording comes to equals what the switch's own logs say.
func TestOracles(t *testing.T) {
	for _, folder := range []string{"asterisk22", "asterisk16"} {
		for _, withAMI := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s ami=%t", folder, withAMI), func(t *testing.T) {
				r := replay(t, "testdata/"+folder, withAMI)
				want := readTruth(t, "testdata/"+folder)
				checkVisits(t, r, &want)
				checkQueues(t, r, &want)
				checkAgents(t, r, &want)
				if c := r.translator.Counts; c.Malformed != 0 || c.Unknown != 0 {
					t.Errorf("%+v", c)
				}
				if withAMI {
					checkPauses(t, r, &want)
				}
			})
		}
	}
}

func checkVisits(t *testing.T, r *replayed, want *truth) {
	byID := map[string][]metrics.Contact{}
	for _, c := range r.contacts {
		if c.Outcome != metrics.JoinRefused {
			byID[c.Visit] = append(byID[c.Visit], c)
		}
	}
	interf := map[string]string{"": ""}
	for name, a := range want.Agents {
		interf[name] = a.Interface
	}
	for _, w := range want.Attempts {
		l := byID[w.UniqueID]
		if len(l) == 0 {
			t.Errorf("visit %s of queue %s was not seen", w.UniqueID, w.Queue)
			continue
		}
		c := l[0]
		byID[w.UniqueID] = l[1:]
		if c.Queue != w.Queue || c.Outcome != outcomeWords[w.Outcome] || c.Agent != interf[w.Agent] {
			t.Errorf("visit %s: %s %v by %q, want %s %s by %q", c.Visit, c.Queue, c.Outcome, c.Agent, w.Queue, w.Outcome, interf[w.Agent])
		}
		if w.End != "" && c.EndedBy != endWords[w.End] {
			t.Errorf("visit %s: ended by %v, want %s", c.Visit, c.EndedBy, w.End)
		}
		if w.Wait != nil {
			if off := float64(c.Wait()) - *w.Wait*1000; math.Abs(off) > 15 {
				t.Errorf("visit %s (%s): wait %d ms, CEL has %.0f", c.Visit, w.Outcome, c.Wait(), *w.Wait*1000)
			}
		}
	}
	for id, l := range byID {
		if len(l) > 0 {
			t.Errorf("visit %s: %d more than there were, the first %s %v", id, len(l), l[0].Queue, l[0].Outcome)
		}
	}
}

func checkQueues(t *testing.T, r *replayed, want *truth) {
	for name, w := range want.Queues {
		x := r.sum[metrics.Key{Kind: metrics.QueueRow, Name: name}]
		if x == nil {
			t.Fatalf("queue %s was not seen", name)
		}
		for _, c := range []struct {
			counter metrics.Counter
			want    int64
		}{{metrics.Offered, w.Offered}, {metrics.AnsweredCount, w.Answered}, {metrics.AbandonedCount, w.Abandoned}, {metrics.TimedOutCount, w.Timeout},
			{metrics.LeftEmptyCount, w.ExitEmpty}, {metrics.ExitedByKeyCount, w.ExitKey}, {metrics.JoinRefusedCount, w.Refused},
			{metrics.EndedByCaller, w.CompleteCaller}, {metrics.EndedByAgent, w.CompleteAgent}, {metrics.TransferredBlind, w.Blind},
			{metrics.TransferredAttended, w.Attended}, {metrics.WithdrawnCount, 0}, {metrics.UnobservedCount, 0}} {
			if got := x.Get(c.counter); got != c.want {
				t.Errorf("queue %s: %v %d, want %d", name, c.counter, got, c.want)
			}
		}
		if got := x.Get(metrics.MissedCount) + x.Get(metrics.RejectedCount); got != w.RNA {
			t.Errorf("queue %s: %d rings not answered, want %d", name, got, w.RNA)
		}
	}
}

func checkAgents(t *testing.T, r *replayed, want *truth) {
	for name, w := range want.Agents {
		x := r.sum[metrics.Key{Kind: metrics.AgentRow, Name: w.Interface}]
		if x == nil {
			t.Fatalf("agent %s was not seen", name)
		}
		if got := x.Get(metrics.MissedCount); got != w.Missed {
			t.Errorf("agent %s: missed %d, want %d", name, got, w.Missed)
		}
		if got := x.Get(metrics.RejectedCount); got != w.RNA-w.Missed {
			t.Errorf("agent %s: rejected %d, want %d", name, got, w.RNA-w.Missed)
		}
		for queue, n := range w.Answered {
			p := r.sum[metrics.Key{Kind: metrics.PairRow, Name: w.Interface, Second: queue}]
			if p == nil || p.Get(metrics.AnsweredCount) != n {
				t.Errorf("agent %s in queue %s: answered %v, want %d", name, queue, p, n)
			}
		}
		if got := x.Get(metrics.Holds); got != w.Holds {
			t.Errorf("agent %s: %d holds, want %d", name, got, w.Holds)
		}
		if got := float64(x.Get(metrics.Hold)) / 1000; math.Abs(got-w.Hold) > 0.5*float64(w.Holds)+0.1 {
			t.Errorf("agent %s: hold %.3f s, want %.3f", name, got, w.Hold)
		}
		// The phone counts on for up to 0.5 s after it asked for a transfer.
		if got := float64(x.Get(metrics.Talk)) / 1000; math.Abs(got-w.Talk) > 0.5+0.1*float64(x.Get(metrics.AnsweredCount)) {
			t.Errorf("agent %s: talk %.3f s, the phone says %.3f", name, got, w.Talk)
		}
	}
}

func checkPauses(t *testing.T, r *replayed, want *truth) {
	type key struct {
		interf, queue, reason string
		start                 int64
	}
	type open struct {
		reason string
		at     int64
	}
	got := map[key]int64{}
	now := map[[2]string]open{}
	for _, e := range r.facts {
		if e.Kind != metrics.MemberPaused {
			continue
		}
		k := [2]string{r.names.Name(metrics.AgentName, uint32(e.Agent)), r.names.Name(metrics.QueueName, uint32(e.Queue))}
		if o, ok := now[k]; ok {
			got[key{k[0], k[1], o.reason, o.at / 1000}] = int64(e.At)
			delete(now, k)
		}
		if e.Status == metrics.Paused {
			now[k] = open{r.names.Name(metrics.ReasonName, uint32(e.Reason)), int64(e.At)}
		}
	}
	for _, p := range want.Pauses {
		found := false
		for k, end := range got {
			if k.interf == want.Agents[p.Agent].Interface && k.queue == p.Queue && strings.HasPrefix(k.reason, p.Reason) &&
				math.Abs(float64(k.start-p.Start)) <= 1 && math.Abs(float64(end)/1000-float64(p.End)-0.5) <= 1 { // queue_log has whole seconds
				found = true
				delete(got, k)
				break
			}
		}
		if !found {
			t.Errorf("the pause %+v was not seen", p)
		}
	}
	for k := range got {
		t.Errorf("a pause that was none: %+v", k)
	}
}
