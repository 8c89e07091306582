package metrics

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// The scenarios in testdata/scenarios say, in words that a reader of reports
// knows, what happened and what the figures must then be. go test -rewrite
// writes the answers anew. The language:
//
//	settings                 short_abandon=5s seal_after=60s
//	    QUEUE short_abandon=5s service_level=20s wrap_up=30s
//	events
//	    HH:MM:SS[.mmm] join VISIT QUEUE LEG [NUMBER] [joined=TIME]
//	    … offer VISIT QUEUE AGENT | pick VISIT AGENT LEG [answered=TIME]
//	    … nobody|busy|failed|gone|elsewhere|unbridged VISIT AGENT   (the offer ends)
//	    … connect AGENT | disconnect VISIT AGENT [self|switch|blind|attended]
//	    … left VISIT OUTCOME [self|switch] [gone] [blind|attended]
//	    … status AGENT ready|out|pause [REASON] | free AGENT | busy AGENT | wrapup AGENT DURATION
//	    … leg LEG AGENT in|out | answer LEG | hold LEG | resume LEG | hangup LEG [self|switch|blind|attended]
//	    … bridge LEG LEG | unbridge LEG LEG
//	    … media LEG MOS
//	    … lost | up [restarted] | down | tick | snapshot | end-snapshot
//	kpi queue|agent NAME [threshold=20s]       then KPI ids, one a line or several
//	counters queue|agent|pair|pause NAME [SECOND]   every counter that is not 0
//	now agent|queue NAME
//	visits                   every visit, concluded or not
//	intervals                what was sealed, and corrections
//	finish                   seals what is open
type scenario struct {
	t       *testing.T
	names   *Names
	tracker *Tracker
	sealed  []*Sealed
	visits  []Contact
	queues  map[string]QueueSettings
	of      map[string]QueueID // the queue of each visit
	legs    map[string]string  // the caller's leg of each visit
}

const scenarioDay = "2026-11-23"

func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		s := newScenario(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			return s.run(d)
		})
	})
}

func newScenario(t *testing.T) *scenario {
	s := &scenario{t: t, names: NewNames(), queues: map[string]QueueSettings{}, of: map[string]QueueID{}, legs: map[string]string{}}
	s.tracker = NewTracker(s.names, Options{
		Switch: "sw1",
		Queue: func(name string) QueueSettings {
			if q, ok := s.queues[name]; ok {
				return q
			}
			return DefaultQueueSettings()
		},
		Sealed: func(x *Sealed) { s.sealed = append(s.sealed, x) },
		Visit:  func(c *Contact) { s.visits = append(s.visits, *c) },
	})
	return s
}

func (s *scenario) run(d *datadriven.TestData) string {
	var out strings.Builder
	switch d.Cmd {
	case "settings":
		for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			f := strings.Fields(line)
			q := DefaultQueueSettings()
			for _, kv := range f[1:] {
				k, v, _ := strings.Cut(kv, "=")
				*map[string]*Millis{"short_abandon": &q.ShortAbandon, "service_level": &q.ServiceLevel, "wrap_up": &q.WrapUp}[k] = span(s.t, v)
			}
			s.queues[f[0]] = q
		}
	case "events":
		for _, line := range strings.Split(d.Input, "\n") {
			if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
				e := s.event(f)
				s.tracker.Apply(&e)
			}
		}
	case "kpi":
		s.kpi(d, &out)
	case "counters":
		r := s.row(d)
		for _, c := range Counters() {
			if v := r.Get(c); v != 0 {
				fmt.Fprintf(&out, "%s %d\n", c, v)
			}
		}
	case "now":
		s.now(d, &out)
	case "visits":
		all := slices.Clone(s.visits)
		s.tracker.Open(func(c *Contact) { all = append(all, *c) })
		for _, c := range all {
			fmt.Fprintf(&out, "%s %s %v agent=%q wait=%s talk=%s hold=%s ended_by=%v", c.Visit, c.Queue, c.Outcome, c.Agent,
				c.Wait().duration(), c.Talk().duration(), c.Hold.duration(), c.EndedBy)
			if c.Partial {
				out.WriteString(" partial")
			}
			if c.Unseen {
				out.WriteString(" unseen")
			}
			out.WriteString("\n")
		}
	case "intervals":
		for _, x := range s.sealed {
			what := "sealed"
			if x.Correction {
				what = "correction"
			}
			fmt.Fprintf(&out, "%s %s rows=%d contacts=%d\n", x.Interval.Start().Time().Format("15:04"), what, len(x.Rollups), len(x.Contacts))
		}
	case "finish":
		s.tracker.Finish()
	default:
		d.Fatalf(s.t, "unknown command %q", d.Cmd)
	}
	return out.String()
}

func (m Millis) duration() time.Duration { return time.Duration(m) * time.Millisecond }

func span(t *testing.T, v string) Millis {
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	return Millis(d.Milliseconds())
}

func (s *scenario) at(v string) Millis {
	x, err := time.Parse("2006-01-02 15:04:05", scenarioDay+" "+v)
	if err != nil {
		s.t.Fatal(err)
	}
	return MillisOf(x)
}

func (s *scenario) event(f []string) Event {
	e := Event{At: s.at(f[0])}
	verb, arg := f[1], f[2:]
	agent := func(i int) { e.Agent = AgentID(s.names.InternString(AgentName, arg[i])) }
	visit := func(i int) {
		e.Visit, e.Queue, e.Leg = IDString(arg[i]), s.of[arg[i]], IDString(s.legs[arg[i]])
	}
	for _, a := range arg {
		switch k, v, _ := strings.Cut(a, "="); k {
		case "joined":
			e.Joined = s.at(v)
		case "answered":
			if v != "" {
				e.Answered = s.at(v)
			}
		case "self":
			e.By = Self
		case "switch":
			e.By = Switch
		case "blind":
			e.Moved = Blind
		case "attended":
			e.Moved = Attended
		case "gone":
			e.LegGone = true
		case "known":
			e.Known = true
		case "restarted":
			e.Restarted = true
		}
	}
	ends := map[string]Cause{"nobody": NoAnswer, "busy": Busy, "failed": Failed, "gone": CallerLeft, "elsewhere": TakenElsewhere, "unbridged": NotConnected}
	plain := map[string]Kind{"lost": SwitchLost, "up": SwitchUp, "down": SwitchDown, "tick": ClockTick, "snapshot": SnapshotBegin, "end-snapshot": SnapshotEnd, "queues-gone": QueuesGone}
	legs := map[string]Kind{"answer": LegAnswered, "hold": LegHeld, "resume": LegResumed, "hangup": LegEnded, "bridge": LegBridged, "unbridge": LegUnbridged}
	switch {
	case verb == "join":
		e.Kind = VisitJoined
		s.of[arg[0]], s.legs[arg[0]] = QueueID(s.names.InternString(QueueName, arg[1])), arg[2]
		visit(0)
		if len(arg) > 3 && !strings.Contains(arg[3], "=") {
			e.Caller = MakeCaller([]byte(arg[3]))
		}
	case verb == "offer":
		e.Kind = OfferStarted
		s.of[arg[0]] = QueueID(s.names.InternString(QueueName, arg[1]))
		visit(0)
		agent(2)
	case verb == "pick":
		e.Kind = OfferAnswered
		visit(0)
		agent(1)
		e.Peer = IDString(arg[2])
	case verb == "connect":
		e.Kind = Connected
		agent(0)
	case verb == "disconnect":
		e.Kind, e.LegGone = Disconnected, true
		visit(0)
		agent(1)
	case verb == "left":
		e.Kind = VisitLeft
		visit(0)
		e.Outcome = Outcome(slices.Index(OutcomeNames(), arg[1]))
	case verb == "media":
		e.Kind, e.Leg = LegMedia, IDString(arg[0])
		mos, err := strconv.ParseFloat(arg[1], 64)
		if err != nil {
			s.t.Fatal(err)
		}
		e.Media.MOS = uint16(math.Round(100 * mos))
	case verb == "status":
		e.Kind = AgentStatus
		agent(0)
		e.Status = map[string]Status{"ready": Ready, "out": LoggedOut, "pause": Paused}[arg[1]]
		if len(arg) > 2 {
			e.Reason = ReasonID(s.names.InternString(ReasonName, arg[2]))
		}
	case verb == "free" || verb == "idle":
		e.Kind = map[string]Kind{"free": AgentFree, "idle": AgentBusy}[verb]
		agent(0)
	case verb == "wrapup":
		e.Kind = AgentWrapUp
		agent(0)
		e.Value = int64(span(s.t, arg[1]))
	case verb == "leg":
		e.Kind, e.Leg = LegStarted, IDString(arg[0])
		agent(1)
		e.Direction = map[string]Direction{"in": Inbound, "out": Outbound}[arg[2]]
	case legs[verb] != 0:
		e.Kind, e.Leg = legs[verb], IDString(arg[0])
		if len(arg) > 1 {
			e.Peer = IDString(arg[1])
		}
	case plain[verb] != 0:
		e.Kind = plain[verb]
	case ends[verb] != 0:
		e.Kind, e.Cause, e.LegGone = OfferEnded, ends[verb], false
		visit(0)
		agent(1)
	default:
		s.t.Fatalf("unknown event %q", strings.Join(f, " "))
	}
	return e
}

// row is the sum over all intervals, sealed and open.
func (s *scenario) row(d *datadriven.TestData) *Rollup {
	k := Key{Kind: RowKind(slices.Index(rowKindNames[:], d.CmdArgs[0].Key))}
	if len(d.CmdArgs) > 1 && len(d.CmdArgs[1].Vals) == 0 {
		k.Name = d.CmdArgs[1].Key
	}
	if len(d.CmdArgs) > 2 && len(d.CmdArgs[2].Vals) == 0 {
		k.Second = d.CmdArgs[2].Key
	}
	var r Rollup
	add := func(list []Rollup) {
		for i := range list {
			if list[i].Key() == k {
				r.Merge(&list[i])
			}
		}
	}
	for _, x := range s.sealed {
		add(x.Rollups)
	}
	for _, w := range s.tracker.Windows() {
		add(s.tracker.Rollups(w))
	}
	return &r
}

func (s *scenario) kpi(d *datadriven.TestData, out *strings.Builder) {
	p := Params{Threshold: 20_000, ShortAbandon: 5_000}
	if d.HasArg("threshold") {
		var v string
		d.ScanArgs(s.t, "threshold", &v)
		p.Threshold = span(s.t, v)
	}
	r := s.row(d)
	for _, id := range strings.Fields(d.Input) {
		k, ok := FindKPI(id)
		if !ok {
			d.Fatalf(s.t, "no KPI %q", id)
		}
		v, ok := k.Value(r, p)
		switch {
		case !ok:
			fmt.Fprintf(out, "%s no data\n", id)
		case k.Unit == "ratio":
			fmt.Fprintf(out, "%s %.1f %%\n", id, 100*v)
		case k.Unit == "ms":
			fmt.Fprintf(out, "%s %s\n", id, Millis(v).duration())
		default:
			fmt.Fprintf(out, "%s %g\n", id, v)
		}
	}
}

func (s *scenario) now(d *datadriven.TestData, out *strings.Builder) {
	name := d.CmdArgs[1].Key
	if d.CmdArgs[0].Key == "agent" {
		a := s.tracker.Live.Agent(AgentID(s.names.InternString(AgentName, name)))
		fmt.Fprintf(out, "%v since %s", a.State, a.Since.Time().Format("15:04:05.000"))
		if a.Reason != 0 {
			fmt.Fprintf(out, " reason=%s", s.names.Name(ReasonName, uint32(a.Reason)))
		}
		out.WriteString("\n")
		return
	}
	q := s.tracker.Live.Queue(QueueID(s.names.InternString(QueueName, name)))
	fmt.Fprintf(out, "waiting %d talking %d", q.Waiting, q.Talking)
	if q.Oldest != 0 {
		fmt.Fprintf(out, " oldest since %s", q.Oldest.Time().Format("15:04:05.000"))
	}
	out.WriteString("\n")
}
