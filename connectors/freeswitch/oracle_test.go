package freeswitch

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// replayed is what a recording came to.
type replayed struct {
	tracker    *metrics.Tracker
	translator *Translator
	sealed     []*metrics.Sealed
	contacts   []metrics.Contact // concluded, then those in progress
	concluded  int
	bytes      []byte // every rollup and contact, in order of sealing
}

func replayFiles(t testing.TB, files ...string) *replayed {
	t.Helper()
	var streams []io.Reader
	for _, f := range files {
		streams = append(streams, openRecording(t, f))
	}
	return replayStreams(t, streams...)
}

func replayStreams(t testing.TB, streams ...io.Reader) *replayed {
	t.Helper()
	names := metrics.NewNames()
	r := &replayed{}
	r.tracker = metrics.NewTracker(names, metrics.Options{
		Switch: "fs1",
		Sealed: func(s *metrics.Sealed) {
			r.sealed = append(r.sealed, s)
			for i := range s.Rollups {
				r.bytes, _ = s.Rollups[i].AppendBinary(r.bytes)
			}
			for i := range s.Contacts {
				r.bytes, _ = s.Contacts[i].AppendBinary(r.bytes)
			}
		},
		Visit: func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) },
	})
	r.translator = NewTranslator(names, r.tracker.Apply)
	for i, s := range streams {
		if i > 0 {
			r.translator.Lost()
		}
		if err := Replay(context.Background(), s, r.translator); err != nil && !errors.Is(err, eventsocket.ErrTruncated) {
			t.Fatal(err)
		}
	}
	r.concluded = len(r.contacts)
	r.tracker.Open(func(c *metrics.Contact) { r.contacts = append(r.contacts, *c) })
	r.tracker.Finish()
	return r
}

// sum merges all rollups by row.
func (r *replayed) sum() map[metrics.Key]*metrics.Rollup {
	out := map[metrics.Key]*metrics.Rollup{}
	for _, s := range r.sealed {
		for i := range s.Rollups {
			x := &s.Rollups[i]
			if o := out[x.Key()]; o != nil {
				o.Merge(x)
			} else {
				c := *x
				for k := range c.Histograms {
					c.Histograms[k] = slices.Clone(c.Histograms[k])
				}
				out[x.Key()] = &c
			}
		}
	}
	return out
}

func openRecording(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		f, err = os.Open(name + ".gz")
		name += ".gz"
	}
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

// truth is the oracle's account: made from the phones' own log and FreeSWITCH's
// call detail records, never from the events.
type truth struct {
	Queues map[string]struct {
		Offered, Answered, Abandoned int
		TimedOut                     int64 `json:"timed_out"`
		LeftEmpty                    int64 `json:"left_empty"`
		ExitedByKey                  int64 `json:"exited_by_key"`
		Withdrawn                    int64
		TalkSeconds                  float64 `json:"talk_seconds"`
	}
	Agents map[string]struct {
		CallsAnswered int            `json:"calls_answered"`
		TalkSeconds   float64        `json:"talk_seconds"`
		ByQueue       map[string]int `json:"by_queue"`
		Unanswered    map[string]int `json:"unanswered_by_cause"`
	}
	Visits []truthVisit
	Legs   []struct {
		UA, UUID, Caller, By, Fail string
		Ans                        float64 `json:"t_ans"`
		End                        float64 `json:"t_end"`
		Secs                       float64
	}
	Calls []truthCall
}

type truthCall struct {
	Caller, By string
	End        float64 `json:"t_end"`
}

type truthVisit struct {
	UUID, Queue, Outcome, Agent string
	Join                        float64 `json:"t_join"`
	Wait, Talk                  float64
	AgentLeg                    string `json:"agent_leg_uuid"`
	CancelReason                string `json:"cancel_reason"`
	Caller                      string
	Race                        string
}

func readTruth(t testing.TB, name string) *truth {
	t.Helper()
	b, err := io.ReadAll(openRecording(t, name))
	if err != nil {
		t.Fatal(err)
	}
	var tr truth
	if err := json.Unmarshal(b, &tr); err != nil {
		t.Fatal(err)
	}
	return &tr
}

// whoEnded tells from the phones' log who ended an answered visit.
func (tr *truth) whoEnded(v *truthVisit) ([]metrics.EndedBy, bool) {
	for _, l := range tr.Legs {
		if l.UUID != v.AgentLeg || l.UUID == "" || l.End == 0 {
			continue
		}
		if l.By == "local" {
			return []metrics.EndedBy{metrics.ByAgent}, true
		}
		if !slices.ContainsFunc(tr.Calls, func(c truthCall) bool { return c.Caller == v.Caller }) {
			return nil, false // no phone of a caller: an agent's own consultation call
		}
		for _, c := range tr.Calls {
			if c.Caller == v.Caller && c.By == "local" && math.Abs(c.End-l.End) < 0.35 {
				return []metrics.EndedBy{metrics.ByCaller}, true
			}
		}
		return []metrics.EndedBy{metrics.ByBlindTransfer, metrics.ByAttendedTransfer, metrics.BySwitch}, true
	}
	return nil, false
}

var outcomeOfReason = map[string][]metrics.Outcome{
	"BREAK_OUT": {metrics.Abandoned, metrics.Withdrawn}, "NONE": {metrics.Abandoned}, "TIMEOUT": {metrics.TimedOut},
	"NO_AGENT_TIMEOUT": {metrics.LeftEmpty}, "EXIT_WITH_KEY": {metrics.ExitedByKey},
}

// compare holds a replay against the oracle, visit by visit.
func compare(t *testing.T, r *replayed, tr *truth) {
	t.Helper()
	all := len(tr.Visits)
	for _, v := range tr.Visits {
		if v.Outcome == "no_queue" {
			all--
		}
	}
	if len(r.contacts) != all {
		t.Errorf("%d visits, the oracle has %d", len(r.contacts), all)
	}
	fine := slices.ContainsFunc(tr.Visits, func(v truthVisit) bool { return v.Outcome != "answered" && v.Outcome != "abandoned" })
	type key struct{ leg, queue string }
	mine := map[key][]*metrics.Contact{}
	for i := range r.contacts {
		c := &r.contacts[i]
		mine[key{c.Leg, c.Queue}] = append(mine[key{c.Leg, c.Queue}], c)
	}
	for _, l := range mine {
		slices.SortFunc(l, func(a, b *metrics.Contact) int { return int(a.Joined - b.Joined) })
	}
	var waits, talks int
	var waitDiff, talkDiff, talkSum float64
	for i := range tr.Visits {
		v := &tr.Visits[i]
		l := mine[key{v.UUID, v.Queue}]
		if v.Outcome == "no_queue" {
			continue // the queue did not exist: mod_callcenter says nothing at all
		}
		if v.UUID == "" {
			continue // a call that died with the switch: only the sums can tell
		}
		if len(l) == 0 {
			t.Errorf("visit %s in %s (%s, %s) is not in the replay", v.UUID, v.Queue, v.Outcome, v.Caller)
			continue
		}
		c := l[0]
		mine[key{v.UUID, v.Queue}] = l[1:]
		where := fmt.Sprintf("visit %s in %s at %.3f of %s %s", v.UUID, v.Queue, v.Join, v.Caller, v.Race)
		if (v.Outcome == "answered") != (c.Outcome == metrics.Answered) {
			t.Errorf("%s: %v by %q, the oracle has %s by %s (%s)", where, c.Outcome, c.Agent, v.Outcome, v.Agent, v.CancelReason)
			continue
		}
		if v.Outcome == "shutdown" {
			v.Outcome, v.CancelReason = metrics.SwitchFailed.String(), ""
		}
		if fine && c.Outcome.String() != v.Outcome {
			t.Errorf("%s: %v, the oracle has %s", where, c.Outcome, v.Outcome)
		}
		wait := float64(c.Wait()) / 1000
		if c.Outcome == metrics.TimedOut || c.Outcome == metrics.LeftEmpty || c.Outcome == metrics.ExitedByKey {
			continue // the phones' log knows when the caller hung up, not when the queue let go
		}
		if d := math.Abs(wait - v.Wait); d > 0.08 && !stampedLate[v.AgentLeg] {
			t.Errorf("%s (%s): waited %.3f s, the oracle has %.3f s", where, c.Outcome, wait, v.Wait)
		}
		waitDiff += wait - v.Wait
		waits++
		if v.Outcome != "answered" {
			if want := outcomeOfReason[v.CancelReason]; want != nil && !slices.Contains(want, c.Outcome) {
				t.Errorf("%s: %v, the oracle has %s", where, c.Outcome, v.CancelReason)
			}
			continue
		}
		if c.Agent != v.Agent {
			t.Errorf("%s: answered by %q, the oracle has %q", where, c.Agent, v.Agent)
		}
		if want, ok := tr.whoEnded(v); ok && !slices.Contains(want, c.EndedBy) {
			t.Errorf("%s: ended by %v, the phones' log says %v", where, c.EndedBy, want)
		}
		talk := float64(c.Talk()) / 1000
		if d := math.Abs(talk - v.Talk); d > 0.35 && v.Talk > 0 {
			t.Errorf("%s: talked %.3f s, the oracle has %.3f s", where, talk, v.Talk)
		}
		talkDiff += talk - v.Talk
		talkSum += v.Talk
		talks++
	}
	if waits > 0 && math.Abs(waitDiff/float64(waits)) > 0.03 {
		t.Errorf("mean wait is off by %.3f s", waitDiff/float64(waits))
	}
	if talks > 0 && math.Abs(talkDiff) > 0.02*talkSum {
		t.Errorf("talk is off by %.3f s of %.3f s", talkDiff, talkSum)
	}
	sum := r.sum()
	for name, q := range tr.Queues {
		for _, v := range tr.Visits {
			if v.Queue == name && v.Outcome == "no_queue" {
				q.Offered--
			}
		}
		x := sum[metrics.Key{Kind: metrics.QueueRow, Name: name}]
		if x == nil {
			t.Errorf("queue %s is not in the rollups", name)
			continue
		}
		if fine {
			got := [...]int64{x.Get(metrics.Offered), x.Get(metrics.AnsweredCount), x.Get(metrics.AbandonedCount), x.Get(metrics.TimedOutCount),
				x.Get(metrics.LeftEmptyCount), x.Get(metrics.ExitedByKeyCount), x.Get(metrics.WithdrawnCount)}
			want := [...]int64{int64(q.Offered), int64(q.Answered), int64(q.Abandoned), q.TimedOut, q.LeftEmpty, q.ExitedByKey, q.Withdrawn}
			if got != want {
				t.Errorf("queue %s: offered, answered, abandoned, timed out, left empty, by key, withdrawn %v, the oracle has %v", name, got, want)
			}
			continue
		}
		lost := x.Get(metrics.AbandonedCount) + x.Get(metrics.TimedOutCount) + x.Get(metrics.LeftEmptyCount) +
			x.Get(metrics.ExitedByKeyCount) + x.Get(metrics.WithdrawnCount)
		if int(x.Get(metrics.Offered)) != q.Offered || int(x.Get(metrics.AnsweredCount)) != q.Answered || int(lost) != q.Abandoned {
			t.Errorf("queue %s: offered %d, answered %d, not answered %d; the oracle has %d, %d, %d", name,
				x.Get(metrics.Offered), x.Get(metrics.AnsweredCount), lost, q.Offered, q.Answered, q.Abandoned)
		}
	}
	for name, a := range tr.Agents {
		x := sum[metrics.Key{Kind: metrics.AgentRow, Name: name}]
		if x == nil {
			x = &metrics.Rollup{}
		}
		if int(x.Get(metrics.AnsweredCount)) != a.CallsAnswered {
			t.Errorf("agent %s answered %d, the oracle has %d", name, x.Get(metrics.AnsweredCount), a.CallsAnswered)
		}
		for queue, n := range a.ByQueue {
			p := sum[metrics.Key{Kind: metrics.PairRow, Name: name, Second: queue}]
			if p == nil || int(p.Get(metrics.AnsweredCount)) != n {
				t.Errorf("agent %s in %s: %v, the oracle has %d", name, queue, p, n)
			}
		}
		if a.Unanswered == nil {
			continue // this oracle does not tell
		}
		missed, rejected, cancelled := 0, 0, 0
		for cause, n := range a.Unanswered {
			switch offerCause([]byte(cause)) {
			case metrics.NoAnswer:
				missed += n
			case metrics.CallerLeft, metrics.TakenElsewhere:
				cancelled += n
			default:
				rejected += n
			}
		}
		if int(x.Get(metrics.MissedCount)) != missed || int(x.Get(metrics.RejectedCount)) != rejected || int(x.Get(metrics.CancelledCount)) != cancelled {
			t.Errorf("agent %s: missed %d, rejected %d, cancelled %d; the oracle has %d, %d, %d (%v)", name, x.Get(metrics.MissedCount),
				x.Get(metrics.RejectedCount), x.Get(metrics.CancelledCount), missed, rejected, cancelled, a.Unanswered)
		}
	}
}

// stampedLate are agents' legs whose answer FreeSWITCH itself stamped more than
// 0.08 s after the phone had sent it; no header of any event knows better.
var stampedLate = map[string]bool{
	"78ca77bd-635f-4282-9d58-d39935cfa886": true, // runA: 0.108 s
}

// segments are the recordings made after the first connection ended.
func segments(dir string) []string {
	list, _ := filepath.Glob(dir + "/plain.seg*.raw*")
	slices.Sort(list)
	return list
}

func TestOracle(t *testing.T) {
	type run struct{ name, dir string }
	var runs []run
	for _, name := range []string{"runA", "runC-reload", "lab-twodomains", "lab-standby", "lab-races", "lab-narrow", "lab-runtime", "lab-restart"} {
		runs = append(runs, run{name, "testdata/" + name})
	}
	// Other recordings, laid out the same way, can be named from outside.
	for _, dir := range filepath.SplitList(os.Getenv("TALLYD_RECORDINGS")) {
		runs = append(runs, run{filepath.Base(dir), dir})
	}
	for _, run := range runs {
		t.Run(run.name, func(t *testing.T) {
			r := replayFiles(t, append([]string{run.dir + "/plain.raw"}, segments(run.dir)...)...)
			compare(t, r, readTruth(t, run.dir+"/truth.json"))
			conserved(t, r)
			c := r.translator.Counts
			t.Logf("%d events, %d ignored, %d malformed, %d visits", c.Events, c.Ignored, c.Malformed, len(r.contacts))
		})
	}
}

// conserved checks what must hold of any recording whatever.
func conserved(t *testing.T, r *replayed) {
	t.Helper()
	open := map[string]int64{}
	for _, c := range r.contacts[r.concluded:] {
		open[c.Queue]++
		if c.Answered != 0 {
			open[c.Queue]-- // counted as answered when it was
		}
	}
	for k, x := range r.sum() {
		switch k.Kind {
		case metrics.QueueRow:
			sum := open[k.Name]
			for _, c := range []metrics.Counter{metrics.AnsweredCount, metrics.AbandonedCount, metrics.TimedOutCount, metrics.LeftEmptyCount,
				metrics.ExitedByKeyCount, metrics.WithdrawnCount, metrics.SwitchFailedCount, metrics.UnobservedCount} {
				sum += x.Get(c)
			}
			if sum != x.Get(metrics.Offered) {
				t.Errorf("queue %s: offered %d, but outcomes and open visits come to %d", k.Name, x.Get(metrics.Offered), sum)
			}
			if got := x.Histograms[metrics.AnsweredWaits].Total(); got != x.Get(metrics.AnsweredCount) {
				t.Errorf("queue %s: %d waits of %d answered", k.Name, got, x.Get(metrics.AnsweredCount))
			}
		case metrics.AgentRow:
			var sum int64
			for _, c := range []metrics.Counter{metrics.AvailableTime, metrics.RingingTime, metrics.TalkingTime, metrics.HoldingTime,
				metrics.WrappingUpTime, metrics.PausedTime, metrics.OnOtherCallTime} {
				sum += x.Get(c)
			}
			if sum != x.Get(metrics.LoggedInTime) {
				t.Errorf("agent %s: states come to %d ms, logged in %d ms", k.Name, sum, x.Get(metrics.LoggedInTime))
			}
		}
	}
}
