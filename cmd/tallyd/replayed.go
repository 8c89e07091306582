package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/metrics"
)

// replayed is what recordings come to.
type replayed struct {
	settings func(string) metrics.QueueSettings
	roster   *config.Roster
	parts    []*part
	people   *metrics.People // nil where nobody has logins at several switches
	rows     map[metrics.Key]*metrics.Rollup
	visits   []metrics.Contact
	pauses   map[string][]pauseJSON // by agent
}

// part is one switch of it.
type part struct {
	kind      string
	names     *metrics.Names
	tracker   *metrics.Tracker
	player    player
	apply     func(*metrics.Event) // takes what the player tells
	first     metrics.Millis
	malformed int64
}

func newReplayed(roster *config.Roster, settings func(string) metrics.QueueSettings) *replayed {
	return &replayed{settings: settings, roster: roster, rows: map[metrics.Key]*metrics.Rollup{}, pauses: map[string][]pauseJSON{}}
}

// add adds a switch, before any is played; all says which there will be.
func (r *replayed) add(kind, ami string, all []recordingsOf) error {
	kinds, names := map[string]string{}, []string{}
	for _, x := range all {
		kinds[x.kind] = x.kind
		names = append(names, x.kind)
	}
	shared := r.roster.Shared(kinds)
	sealed := r.sum
	if shared != nil {
		if r.people == nil {
			r.people = metrics.NewPeople(names, true, r.sum)
		}
		sealed = r.people.Take
	}
	p := &part{kind: kind, names: metrics.NewNames()}
	r.roster.Apply(p.names, kind)
	p.tracker = metrics.NewTracker(p.names, metrics.Options{
		Switch: kind, Queue: r.settings, Sealed: sealed, Shared: shared,
		Visit: func(c *metrics.Contact) { r.visits = append(r.visits, *c) },
	})
	p.apply = func(e *metrics.Event) {
		if p.first == 0 {
			p.first = e.At
		}
		if e.Kind == metrics.MemberPaused {
			r.pause(p, e)
		}
		p.tracker.Apply(e)
	}
	var err error
	p.player, err = newPlayer(kind, p.names, ami, func(e *metrics.Event) { p.apply(e) })
	r.parts = append(r.parts, p)
	return err
}

func (r *replayed) sum(s *metrics.Sealed) {
	for i := range s.Rollups {
		x := s.Rollups[i]
		if o := r.rows[x.Key()]; o != nil {
			o.Merge(&x)
		} else {
			r.rows[x.Key()] = &x
		}
	}
}

// pause notes a pause in one queue, or its end.
func (r *replayed) pause(p *part, e *metrics.Event) {
	agent := p.names.Name(metrics.AgentName, uint32(e.Agent))
	queue := p.names.Name(metrics.QueueName, uint32(e.Queue))
	list := r.pauses[agent]
	for i := range list {
		if list[i].Queue == queue && list[i].To == nil {
			to := int64(e.At)
			list[i].To = &to
		}
	}
	if e.Status == metrics.Paused {
		reason := ""
		if e.Reason != 0 {
			reason = p.names.Name(metrics.ReasonName, uint32(e.Reason))
		}
		list = append(list, pauseJSON{Queue: queue, Reason: reason, From: int64(e.At)})
	}
	r.pauses[agent] = list
}

func (r *replayed) finish() {
	for _, p := range r.parts {
		p.tracker.Finish()
		p.tracker.Open(func(c *metrics.Contact) { r.visits = append(r.visits, *c) })
		p.malformed += p.player.counts().Malformed
	}
	if r.people != nil {
		r.people.Finish()
	}
	slices.SortFunc(r.visits, func(a, b metrics.Contact) int {
		return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Visit, b.Visit), cmp.Compare(a.Queue, b.Queue))
	})
}

// name is an agent's name: the roster's, or the one that a switch tells.
func (r *replayed) name(agent string) string {
	if name := r.roster.NameOf(agent); name != "" {
		return name
	}
	for _, p := range r.parts {
		if name := p.player.name(agent); name != "" {
			return name
		}
	}
	return ""
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
	Consults       int64            `json:"consults"`
	Paused         map[string]int64 `json:"paused_ms"`
	Pauses         []pauseJSON      `json:"pauses,omitempty"`
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

// pauseJSON is a pause in one queue, whatever the agent did meanwhile; To is null
// where it did not end. Paused in all queues, and doing nothing else, is the
// state that paused_ms counts.
type pauseJSON struct {
	Queue  string `json:"queue"`
	Reason string `json:"reason"`
	From   int64  `json:"from_ms"`
	To     *int64 `json:"to_ms"`
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
	d := &replayJSON{Formulas: formulasVersion, Queues: map[string]queueJSON{}, Agents: map[string]agentJSON{}}
	var kinds []string
	var first, last metrics.Millis
	for _, p := range r.parts {
		c := p.player.counts()
		kinds = append(kinds, p.kind)
		d.Events, d.Ignored, d.Malformed = d.Events+c.Events, d.Ignored+c.Ignored, d.Malformed+p.malformed
		d.Unobserved += p.tracker.Unobserved()
		if first == 0 || p.first != 0 && p.first < first {
			first = p.first
		}
		last = max(last, p.tracker.Now())
	}
	slices.Sort(kinds)
	d.Switch, d.From, d.To = strings.Join(kinds, "+"), stamp(first), stamp(last)
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
		Name: r.name(id), Answered: map[string]int64{}, Paused: map[string]int64{}, Pauses: r.pauses[id], Consults: g(metrics.Consults),
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
