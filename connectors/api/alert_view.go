package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tallyd/metrics"
	"tallyd/rules/alert"
	"tallyd/rules/expression"
)

const (
	// alertFiguresEvery is how often the figures of the day are looked at that rules
	// ask for.
	alertFiguresEvery = 10 * time.Second
	// siteFiguresEvery is the same for the site's, whose day is added up anew.
	siteFiguresEvery = 30 * time.Second
	siteFiguresIn    = 10 * time.Second
)

// alertView is what rules are held against, as of one moment. Nobody but the
// goroutine that looks uses it.
type alertView struct {
	service  *Service
	now      time.Time
	present  Present
	ahead    map[string]metrics.Millis // of the switches' clocks
	subjects []alert.Subject
	figures  dayFigures
	site     siteFigures
}

// dayFigures are the day's of queues and agents, of those that rules ask for.
type dayFigures struct {
	watch         *DayWatch // nil where nobody asks
	queues, agent []string  // what the watch forms
	read          time.Time
	err           error                                     // of the latest reading, until the next
	rows          map[string]map[string]map[string]*float64 // by kind, name and figure
}

// siteFigures are the site's.
type siteFigures struct {
	asked []string
	read  time.Time
	err   error
	row   map[string]*float64
}

func (v *alertView) close() {
	if v.figures.watch != nil {
		v.figures.watch.Close()
		v.figures.watch = nil
	}
}

// look is what there is for rules to be held against.
func (v *alertView) look(ctx context.Context, set *alert.Set) ([]alert.Subject, error) {
	v.now = v.service.Now()
	v.subjects = v.subjects[:0]
	err := errors.Join(v.readDay(ctx, set.Figures(alert.Queue), set.Figures(alert.Agent)), v.readSite(ctx, set.Figures(alert.Site)))
	if set.Len() == 0 {
		return nil, err
	}
	v.service.Look(&v.present)
	v.clocks()
	if set.Has(alert.Queue) {
		for i := range v.present.Queues {
			q := &v.present.Queues[i]
			v.subjects = append(v.subjects, alert.Subject{Of: alert.Queue, Name: q.Name, Unseen: !q.Observed, Values: v.queue(q)})
		}
	}
	if set.Has(alert.Agent) {
		for i := range v.present.Agents {
			a := &v.present.Agents[i]
			v.subjects = append(v.subjects, alert.Subject{Of: alert.Agent, Name: a.Name, Unseen: !a.Observed || a.State == metrics.Unknown, Values: v.agent(a)})
		}
	}
	if set.Has(alert.Site) {
		v.subjects = append(v.subjects, alert.Subject{Of: alert.Site, Unseen: !v.present.Site.Observed, Values: v.everybody()})
	}
	return v.subjects, err
}

// clocks notes how far the switches' clocks are ahead: what lasts is counted from
// moments that they told.
func (v *alertView) clocks() {
	if v.ahead == nil {
		v.ahead = map[string]metrics.Millis{}
	}
	for _, s := range v.service.Sources() {
		v.ahead[s.Name] = metrics.Millis(s.ClockOff.Milliseconds())
	}
}

// lasted is how long something has lasted that began at a moment of a switch's.
func (v *alertView) lasted(since metrics.Millis, by string) float64 {
	if since == 0 {
		return 0
	}
	return float64(max(0, metrics.MillisOf(v.now)+v.ahead[by]-since))
}

func (v *alertView) queue(q *QueueNow) expression.Values {
	return func(name string) (any, bool) {
		switch name {
		case alert.Waiting:
			return float64(q.Waiting), true
		case alert.LongestWait:
			return v.lasted(q.Oldest, q.oldestAt), true
		case alert.Talking:
			return float64(q.Talking), true
		}
		if n, is := inState(&q.Agents, name); is {
			return n, true
		}
		return v.figure(Queues, q.Name, name)
	}
}

func (v *alertView) agent(a *AgentNow) expression.Values {
	return func(name string) (any, bool) {
		switch name {
		case alert.State:
			return a.State.String(), true
		case alert.Reason:
			return a.Reason, true
		case alert.OfQueue:
			return a.Queue, true
		case alert.InState:
			return v.lasted(a.Since, a.Switch), true
		case alert.Team, alert.Role:
			stay, here := v.service.cfg.Roster().At(a.Name, v.now)
			switch {
			case !here:
				return "", true
			case name == alert.Team:
				return stay.Team, true
			}
			return stay.Role, true
		}
		return v.figure(Agents, a.Name, name)
	}
}

func (v *alertView) everybody() expression.Values {
	n := &v.present.Site
	return func(name string) (any, bool) {
		switch name {
		case alert.Waiting:
			return float64(n.Waiting), true
		case alert.LongestWait:
			return v.lasted(n.Oldest, n.oldestAt), true
		case alert.Talking:
			return float64(n.Talking), true
		}
		if n, is := inState(&n.Agents, name); is {
			return n, true
		}
		return formed(v.site.row[name])
	}
}

// inState is how many agents are in the state that a name tells.
func inState(n *[numStates]int, name string) (float64, bool) {
	if !strings.HasPrefix(name, alert.AgentsPrefix) {
		return 0, false
	}
	for s := range n {
		if alert.AgentsIn(metrics.State(s)) == name {
			return float64(n[s]), true
		}
	}
	return 0, false
}

func (v *alertView) figure(kind, of, id string) (any, bool) {
	return formed(v.figures.rows[kind][of][id])
}

// formed is a figure, where there is data.
func formed(v *float64) (any, bool) {
	if v == nil {
		return nil, false
	}
	return *v, true
}

// due tells whether it is time for another reading; a clock that was set back makes it
// so too.
func (v *alertView) due(read time.Time, every time.Duration) bool {
	return v.now.Sub(read) >= every || v.now.Before(read)
}

// readDay brings the figures of the day up to date where it is time.
func (v *alertView) readDay(ctx context.Context, queues, agents []string) error {
	f := &v.figures
	same := slices.Equal(f.queues, queues) && slices.Equal(f.agent, agents)
	if same && (len(queues)+len(agents) == 0 || !v.due(f.read, alertFiguresEvery)) {
		return f.err
	}
	if !same {
		v.close()
	}
	f.queues, f.agent, f.read, f.err = queues, agents, v.now, nil
	if len(queues)+len(agents) == 0 {
		f.rows = nil
		return nil
	}
	if f.watch == nil {
		if f.watch, f.err = v.service.watchFigures(queues, agents); f.err != nil {
			return f.err
		}
		f.rows = map[string]map[string]map[string]*float64{Queues: {}, Agents: {}}
	}
	change, err := f.watch.Changed(ctx)
	if err != nil {
		v.close() // what it missed is read anew
		f.rows, f.err = nil, err
		return err
	}
	for kind, rows := range map[string][]KPIRow{Queues: change.Queues, Agents: change.Agents} {
		for i := range rows {
			f.rows[kind][rows[i].Name] = rows[i].KPIs
		}
	}
	return nil
}

// readSite does so with the site's figures.
func (v *alertView) readSite(ctx context.Context, ids []string) error {
	f := &v.site
	if slices.Equal(f.asked, ids) && (len(ids) == 0 || !v.due(f.read, siteFiguresEvery)) {
		return f.err
	}
	f.asked, f.read, f.row, f.err = ids, v.now, nil, nil
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, siteFiguresIn)
	defer cancel()
	answer, err := v.service.KPI(ctx, KPIQuery{Kind: Site, KPIs: ids, Bare: true})
	if f.err = err; err == nil && len(answer.Rows) > 0 {
		f.row = answer.Rows[0].KPIs
	}
	return err
}
