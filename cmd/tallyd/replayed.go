package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/freeswitch"
	"tallyd/metrics"
)

// replayed is what recordings come to.
type replayed struct {
	kind       string
	names      *metrics.Names
	tracker    *metrics.Tracker
	translator *freeswitch.Translator
	roster     *config.Roster
	malformed  int64
	first      metrics.Millis
	rows       map[metrics.Key]*metrics.Rollup
	visits     []metrics.Contact
}

func newReplayed(kind string, settings func(string) metrics.QueueSettings) *replayed {
	r := &replayed{kind: kind, names: metrics.NewNames(), rows: map[metrics.Key]*metrics.Rollup{}}
	r.tracker = metrics.NewTracker(r.names, metrics.Options{
		Switch: kind, Queue: settings, Sealed: r.add,
		Visit: func(c *metrics.Contact) { r.visits = append(r.visits, *c) },
	})
	r.translator = freeswitch.NewTranslator(r.names, func(e *metrics.Event) {
		if r.first == 0 {
			r.first = e.At
		}
		r.tracker.Apply(e)
	})
	return r
}

func (r *replayed) add(s *metrics.Sealed) {
	for i := range s.Rollups {
		x := s.Rollups[i]
		if o := r.rows[x.Key()]; o != nil {
			o.Merge(&x)
		} else {
			r.rows[x.Key()] = &x
		}
	}
}

func (r *replayed) finish() {
	r.tracker.Finish()
	r.tracker.Open(func(c *metrics.Contact) { r.visits = append(r.visits, *c) })
	slices.SortFunc(r.visits, func(a, b metrics.Contact) int {
		if a.Joined != b.Joined {
			return int(a.Joined - b.Joined)
		}
		return strings.Compare(a.Visit+a.Queue, b.Visit+b.Queue)
	})
	r.malformed += r.translator.Counts.Malformed
}

type replayJSON struct {
	Formulas   string               `json:"formulas"`
	Switch     string               `json:"switch"`
	From       string               `json:"from"`
	To         string               `json:"to"`
	Events     int64                `json:"events"`
	Ignored    int64                `json:"ignored"`
	Malformed  int64                `json:"malformed"`
	Unobserved metrics.Millis       `json:"unobserved_ms"`
	Queues     map[string]queueJSON `json:"queues"`
	Agents     map[string]agentJSON `json:"agents"`
	Visits     []visitJSON          `json:"visits,omitempty"`
}

type queueJSON struct {
	Offered        int64            `json:"offered"`
	Answered       int64            `json:"answered"`
	Abandoned      int64            `json:"abandoned"`
	ShortAbandoned int64            `json:"short_abandoned"`
	TimedOut       int64            `json:"timed_out"`
	LeftEmpty      int64            `json:"left_empty"`
	JoinRefused    int64            `json:"join_refused"`
	ExitedByKey    int64            `json:"exited_by_key"`
	Withdrawn      int64            `json:"withdrawn"`
	SwitchFailed   int64            `json:"switch_failed"`
	InProgress     int64            `json:"in_progress"`
	Unobserved     int64            `json:"unobserved"`
	WaitAnswered   int64            `json:"wait_answered_ms"`
	WaitAbandoned  int64            `json:"wait_abandoned_ms"`
	MaxWait        int64            `json:"max_wait_ms"`
	Talk           int64            `json:"talk_ms"`
	Hold           int64            `json:"hold_ms"`
	Within         map[string]int64 `json:"answered_within_ms"`
	EndedBy        map[string]int64 `json:"ended_by"`
	Offers         int64            `json:"offers"`
	Missed         int64            `json:"missed"`
	Rejected       int64            `json:"rejected"`
	Cancelled      int64            `json:"cancelled"`
}

type agentJSON struct {
	Name           string           `json:"name"`
	Answered       map[string]int64 `json:"answered"`
	Offers         int64            `json:"offers"`
	Talk           int64            `json:"talk_ms"`
	Hold           int64            `json:"hold_ms"`
	Holds          int64            `json:"holds"`
	Missed         int64            `json:"missed"`
	Rejected       int64            `json:"rejected"`
	Cancelled      int64            `json:"cancelled"`
	Paused         map[string]int64 `json:"paused_ms"`
	Available      int64            `json:"available_ms"`
	Ringing        int64            `json:"ringing_ms"`
	Talking        int64            `json:"talking_ms"`
	Holding        int64            `json:"holding_ms"`
	WrappingUp     int64            `json:"wrapping_up_ms"`
	OnOtherCall    int64            `json:"on_other_call_ms"`
	LoggedIn       int64            `json:"logged_in_ms"`
	Unobserved     int64            `json:"unobserved_ms"`
	TransferredOut int64            `json:"transferred_out"`
	HungUpFirst    int64            `json:"hung_up_first"`
}

type visitJSON struct {
	ID      string `json:"id"`
	Queue   string `json:"queue"`
	Caller  string `json:"caller"`
	Joined  int64  `json:"joined_ms"`
	Outcome string `json:"outcome"`
	Agent   string `json:"agent,omitempty"`
	Wait    int64  `json:"wait_ms"`
	Talk    int64  `json:"talk_ms"`
	Hold    int64  `json:"hold_ms"`
	EndedBy string `json:"ended_by,omitempty"`
}

// withinSteps are the thresholds that a replay reports, in milliseconds.
var withinSteps = []metrics.Millis{5_000, 10_000, 20_000, 30_000}

func (r *replayed) document(visits bool) *replayJSON {
	c := r.translator.Counts
	d := &replayJSON{Formulas: formulasVersion, Switch: r.kind, From: stamp(r.first), To: stamp(r.tracker.Now()),
		Events: c.Events, Ignored: c.Ignored, Malformed: r.malformed, Unobserved: r.tracker.Unobserved(),
		Queues: map[string]queueJSON{}, Agents: map[string]agentJSON{}}
	for k, x := range r.rows {
		switch k.Kind {
		case metrics.QueueRow:
			d.Queues[k.Name] = queueOf(x)
		case metrics.AgentRow:
			d.Agents[k.Name] = r.agentOf(k.Name, x)
		}
	}
	for k, x := range r.rows {
		a, ok := d.Agents[k.Name]
		switch {
		case !ok:
		case k.Kind == metrics.PairRow && x.Get(metrics.AnsweredCount) != 0:
			a.Answered[k.Second] = x.Get(metrics.AnsweredCount)
		case k.Kind == metrics.PauseRow:
			a.Paused[k.Second] = x.Get(metrics.PausedTime)
		}
	}
	for i := range r.visits {
		v := visitOf(&r.visits[i])
		if q, ok := d.Queues[v.Queue]; ok && r.visits[i].Ended == 0 && r.visits[i].Answered == 0 {
			q.InProgress++
			d.Queues[v.Queue] = q
		} else if ok && r.visits[i].Outcome == metrics.Unobserved && !r.visits[i].Unseen {
			q.Unobserved++ // still open, across a gap
			d.Queues[v.Queue] = q
		}
		if visits {
			d.Visits = append(d.Visits, v)
		}
	}
	return d
}

func stamp(m metrics.Millis) string {
	if m == 0 {
		return ""
	}
	return m.Time().Format("2006-01-02T15:04:05.000Z")
}

func queueOf(x *metrics.Rollup) queueJSON {
	g := x.Get
	q := queueJSON{
		Offered: g(metrics.Offered), Answered: g(metrics.AnsweredCount), Abandoned: g(metrics.AbandonedCount), ShortAbandoned: g(metrics.ShortAbandoned),
		TimedOut: g(metrics.TimedOutCount), LeftEmpty: g(metrics.LeftEmptyCount), JoinRefused: g(metrics.JoinRefusedCount),
		ExitedByKey: g(metrics.ExitedByKeyCount), Withdrawn: g(metrics.WithdrawnCount), SwitchFailed: g(metrics.SwitchFailedCount),
		Unobserved: g(metrics.UnobservedCount), WaitAnswered: g(metrics.WaitAnswered), WaitAbandoned: g(metrics.WaitAbandoned),
		MaxWait: g(metrics.MaxWait), Talk: g(metrics.Talk), Hold: g(metrics.Hold),
		Offers: g(metrics.Offers), Missed: g(metrics.MissedCount), Rejected: g(metrics.RejectedCount), Cancelled: g(metrics.CancelledCount),
		Within: map[string]int64{},
		EndedBy: map[string]int64{
			metrics.ByCaller.String(): g(metrics.EndedByCaller), metrics.ByAgent.String(): g(metrics.EndedByAgent),
			metrics.ByBlindTransfer.String(): g(metrics.TransferredBlind), metrics.ByAttendedTransfer.String(): g(metrics.TransferredAttended),
		},
	}
	if n := g(metrics.EndedBySwitch); n != 0 {
		q.EndedBy[metrics.BySwitch.String()] = n
	}
	if n := g(metrics.EndedUnknown); n != 0 {
		q.EndedBy[metrics.EndUnknown.String()] = n
	}
	for _, ms := range withinSteps {
		q.Within[fmt.Sprint(ms)] = x.Histograms[metrics.AnsweredWaits].Within(ms)
	}
	return q
}

func (r *replayed) agentOf(id string, x *metrics.Rollup) agentJSON {
	g := x.Get
	return agentJSON{
		Name: r.roster.NameOf(id), Answered: map[string]int64{}, Paused: map[string]int64{},
		Offers: g(metrics.Offers), Talk: g(metrics.Talk), Hold: g(metrics.Hold), Holds: g(metrics.Holds),
		Missed: g(metrics.MissedCount), Rejected: g(metrics.RejectedCount), Cancelled: g(metrics.CancelledCount),
		Available: g(metrics.AvailableTime), Ringing: g(metrics.RingingTime), Talking: g(metrics.TalkingTime), Holding: g(metrics.HoldingTime),
		WrappingUp: g(metrics.WrappingUpTime), OnOtherCall: g(metrics.OnOtherCallTime), LoggedIn: g(metrics.LoggedInTime), Unobserved: g(metrics.UnobservedTime),
		TransferredOut: g(metrics.TransferredBlind) + g(metrics.TransferredAttended), HungUpFirst: g(metrics.EndedByAgent),
	}
}

func visitOf(c *metrics.Contact) visitJSON {
	v := visitJSON{ID: c.Visit, Queue: c.Queue, Caller: c.Caller, Joined: int64(c.Joined), Outcome: c.Outcome.String(),
		Agent: c.Agent, Wait: int64(c.Wait()), Talk: int64(c.Talk()), Hold: int64(c.Hold)}
	if c.Outcome == metrics.Answered && c.Ended != 0 {
		v.EndedBy = c.EndedBy.String()
	}
	return v
}

func (r *replayed) writeJSON(w io.Writer, visits bool) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r.document(visits))
}

func (r *replayed) writeTable(out io.Writer, visits bool) error {
	d := r.document(visits)
	fmt.Fprintf(out, "%s, %s to %s: %d events, %d of them ignored, %d malformed, unobserved %s\n\n", d.Switch, d.From, d.To, d.Events, d.Ignored, d.Malformed,
		time.Duration(d.Unobserved)*time.Millisecond)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "QUEUE\tOFFERED\tANSWERED\tABANDONED\tOTHER EXITS\tIN PROGRESS\tSERVICE LEVEL 20 s\tASA\tLONGEST WAIT\tTALK")
	for _, name := range slices.Sorted(maps.Keys(d.Queues)) {
		q, x := d.Queues[name], r.rows[metrics.Key{Kind: metrics.QueueRow, Name: name}]
		sl, _ := metrics.FindKPI("sl.offered")
		asa, _ := metrics.FindKPI("asa")
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", name, q.Offered, q.Answered, q.Abandoned,
			q.TimedOut+q.LeftEmpty+q.ExitedByKey+q.Withdrawn+q.SwitchFailed+q.Unobserved, q.InProgress,
			figure(sl, x, metrics.Params{Threshold: 20_000}), figure(asa, x, metrics.Params{}), duration(q.MaxWait), duration(q.Talk))
	}
	fmt.Fprintln(w, "\nAGENT\tOFFERS\tANSWERED\tMISSED\tREJECTED\tCANCELLED\tTALK\tAVAILABLE\tPAUSED\tLOGGED IN")
	for _, name := range slices.Sorted(maps.Keys(d.Agents)) {
		a := d.Agents[name]
		var answered, paused int64
		for _, n := range a.Answered {
			answered += n
		}
		for _, ms := range a.Paused {
			paused += ms
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", strings.TrimSpace(name+" "+a.Name), a.Offers, answered, a.Missed, a.Rejected, a.Cancelled,
			duration(a.Talk), duration(a.Available), duration(paused), duration(a.LoggedIn))
	}
	if visits {
		fmt.Fprintln(w, "\nJOINED\tQUEUE\tCALLER\tOUTCOME\tAGENT\tWAIT\tTALK\tENDED BY")
		for _, v := range d.Visits {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", stamp(metrics.Millis(v.Joined)), v.Queue, v.Caller, v.Outcome, v.Agent,
				duration(v.Wait), duration(v.Talk), v.EndedBy)
		}
	}
	return w.Flush()
}
