package web

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tallyd/connectors/api"
)

const (
	// lookEvery is the least time between two events of one name.
	lookEvery    = 100 * time.Millisecond
	figuresEvery = time.Second
	// eventsHeld is how many events may wait for a reader beside those of the
	// beginning.
	eventsHeld = 4096
)

// event is a message about an agent, or about something else.
type event struct {
	agent   string
	message any
}

// wants are the kinds of event that somebody reads.
type wants struct{ agents, queues, site, figures, alerts bool }

// subscription is one reader.
type subscription struct {
	want   wants
	events chan event // closed where it lags
}

// watcher looks for changes while somebody reads them, and tells each reader.
type watcher struct {
	service *api.Service
	log     *slog.Logger
	wake    chan struct{} // capacity 1: somebody reads

	mu      sync.Mutex
	readers map[*subscription]bool
	present api.Present
	agents  []agentSeen
	queues  []api.QueueNow
	site    api.SiteNow
	health  []api.SwitchHealth
	from    api.Moment
	figures []figures // of first sight
	places  map[figuresOf]int
	alerts  uint64 // the next change of alerts
}

// agentSeen is what readers were told of an agent.
type agentSeen struct {
	api.AgentNow
	past *api.PastState
}

// figuresOf is whose figures they are.
type figuresOf struct{ kind, name string }

type figures struct {
	of  figuresOf
	row api.KPIRow
}

func newWatcher(service *api.Service, log *slog.Logger) *watcher {
	return &watcher{service: service, log: log, wake: make(chan struct{}, 1), readers: map[*subscription]bool{}, places: map[figuresOf]int{}}
}

// subscribe begins with everything that is so.
func (w *watcher) subscribe(want wants) *subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.look()
	raised, _ := w.service.AlertsNow()
	s := &subscription{want: want, events: make(chan event, len(w.agents)+len(w.queues)+len(w.figures)+len(raised.Active)+1+eventsHeld)}
	for i := range w.agents {
		s.tell(w.agent(i))
	}
	for i := range w.queues {
		s.tell(w.queue(i))
	}
	s.tell(w.siteEvent())
	for i := range w.figures {
		s.tell(w.figuresEvent(i))
	}
	for _, m := range raised.Active {
		s.tell(w.alert(m))
	}
	w.readers[s] = true
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return s
}

func (w *watcher) unsubscribe(s *subscription) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.readers, s)
}

// reading tells whether anybody reads, and figures too.
func (w *watcher) reading() (anything, figures bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.readers {
		figures = figures || s.want.figures
	}
	return len(w.readers) > 0, figures
}

// run looks until the context ends.
func (w *watcher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		w.watch(ctx)
	}
}

// watch looks while anybody reads.
func (w *watcher) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var day *api.DayWatch
	defer func() { w.forget(day) }()
	for n := 0; ; n++ {
		reading, figures := w.reading()
		switch {
		case !reading:
			return
		case !figures:
			w.forget(day)
			day = nil
		case day == nil:
			day = w.service.WatchDay()
		}
		if day != nil && n%int(figuresEvery/lookEvery) == 0 {
			if err := w.lookAtFigures(ctx, day); err != nil && ctx.Err() == nil {
				w.log.Warn("http: the day's figures cannot be read", "err", err)
			}
		}
		w.mu.Lock()
		w.look()
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forget ends the watch of the day's figures.
func (w *watcher) forget(day *api.DayWatch) {
	if day == nil {
		return
	}
	day.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.figures = nil
	clear(w.places)
}

// look tells what has changed.
func (w *watcher) look() {
	w.service.Look(&w.present)
	for i := range w.present.Agents {
		now := &w.present.Agents[i]
		switch {
		case i == len(w.agents):
			w.agents = append(w.agents, agentSeen{AgentNow: *now})
		case w.agents[i].AgentNow == *now:
			continue
		default:
			w.agents[i] = agentSeen{*now, w.agents[i].Past()}
		}
		w.tell(w.agent(i))
	}
	for i := range w.present.Queues {
		now := &w.present.Queues[i]
		switch {
		case i == len(w.queues):
			w.queues = append(w.queues, *now)
		case w.queues[i] == *now:
			continue
		default:
			w.queues[i] = *now
		}
		w.tell(w.queue(i))
	}
	health := w.service.Health()
	if w.site != w.present.Site || !slices.EqualFunc(w.health, health, api.SwitchHealth.Equal) {
		w.site, w.health = w.present.Site, health
		w.tell(w.siteEvent())
	}
	var changes []api.AlertState
	changes, w.alerts = w.service.AlertChanges(w.alerts)
	for _, m := range changes {
		w.tell(w.alert(m))
	}
}

func (w *watcher) lookAtFigures(ctx context.Context, day *api.DayWatch) error {
	change, err := day.Changed(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from = change.From
	for kind, rows := range map[string][]api.KPIRow{api.Queues: change.Queues, api.Agents: change.Agents} {
		for _, row := range rows {
			of := figuresOf{kind, row.Name}
			i, known := w.places[of]
			if !known {
				i = len(w.figures)
				w.places[of] = i
				w.figures = append(w.figures, figures{of: of})
			}
			w.figures[i].row = row
			w.tell(w.figuresEvent(i))
		}
	}
	return nil
}

// tell tells every reader. One that lags is cut off.
func (w *watcher) tell(e event) {
	for s := range w.readers {
		if !s.tell(e) {
			delete(w.readers, s)
			close(s.events)
		}
	}
}

// tell hands an event on, if it is wanted; false where there is no room.
func (s *subscription) tell(e event) bool {
	wanted := false
	switch m := e.message.(type) {
	case api.AgentState:
		wanted = s.want.agents
	case api.QueueState:
		wanted = s.want.queues
	case api.SiteState:
		wanted = s.want.site
	case api.AlertState:
		wanted = s.want.alerts
	case api.Figures:
		wanted = s.want.figures && (m.Agent != "" && s.want.agents || m.Queue != "" && s.want.queues)
	}
	if !wanted {
		return true
	}
	select {
	case s.events <- e:
		return true
	default:
		return false
	}
}

func (w *watcher) header() api.Header {
	return api.Header{V: api.Schema, At: api.MomentOf(w.service.Now()), Site: w.service.Site()}
}

func (w *watcher) agent(i int) event {
	a := &w.agents[i]
	m := a.Message(a.past)
	m.Header = w.header()
	return event{a.Name, m}
}

func (w *watcher) queue(i int) event {
	m := w.queues[i].Message()
	m.Header = w.header()
	return event{"", m}
}

func (w *watcher) siteEvent() event {
	m := w.site.Message(w.health)
	m.Header = w.header()
	return event{"", m}
}

func (w *watcher) alert(m api.AlertState) event {
	m.Header = w.header()
	return event{"", m}
}

func (w *watcher) figuresEvent(i int) event {
	f := &w.figures[i]
	m := api.Figures{Header: w.header(), From: w.from, Counters: f.row.Counters, KPIs: f.row.KPIs}
	if f.of.kind == api.Queues {
		m.Queue = f.of.name
		return event{"", m}
	}
	m.Agent = f.of.name
	return event{f.of.name, m}
}
