package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tallyd/rules/alert"
)

const (
	// alertsEvery is how often the rules are held against the present.
	alertsEvery = time.Second
	// clearedAlerts is how many that cleared are remembered.
	clearedAlerts = 100
	// alertChanges is how many changes are remembered for whoever tells them on.
	alertChanges = 4096
)

// AlertKey is which alert it is.
type AlertKey struct{ Rule, Subject string }

// alerts holds rules against the present, and remembers what came of it.
type alerts struct {
	service *Service
	run     int64     // tells this run's alerts from another's
	watched alertView // what StepAlerts looks at; its goroutine's

	mu      sync.Mutex
	set     *alert.Set
	engine  *alert.Engine
	raised  int64 // how many were
	active  map[AlertKey]AlertState
	cleared []AlertState // latest last
	changes []AlertState
	first   uint64 // the number of the first of changes
	told    uint64 // the number of the first that the webhook still has to tell
	unkept  bool   // something is not in the file yet
	// restored: what an earlier run raised is known, where it can be read.
	restored bool
	tell     map[chan struct{}]bool
}

func newAlerts(s *Service, set *alert.Set) *alerts {
	return &alerts{service: s, run: s.Now().UnixMilli(), watched: alertView{service: s}, set: set, engine: alert.NewEngine(set, alert.DefaultBounds()),
		active: map[AlertKey]AlertState{}, tell: map[chan struct{}]bool{}}
}

// RunAlerts holds the rules against the present every second until the context ends.
// What cannot be read is logged once, however long that lasts. It goes on with what was
// raised in an earlier run.
func (s *Service) RunAlerts(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(alertsEvery)
	defer tick.Stop()
	defer s.alerts.watched.close()
	if err := s.RestoreAlerts(); err != nil {
		log.Warn("alerts: what was raised before is not known", "err", err)
	}
	unread, unwritten := OnceOnly(log, "alerts: the day's figures cannot be read"), OnceOnly(log, "alerts: what is raised cannot be kept")
	for {
		select {
		case <-ctx.Done():
			unwritten(s.KeepAlerts())
			return
		case <-tick.C:
		}
		if err := s.StepAlerts(ctx); ctx.Err() == nil {
			unread(err)
		}
		unwritten(s.KeepAlerts())
	}
}

// StepAlerts holds the rules against the present once. One goroutine may call it. An
// error means that figures of the day were not there to be held against.
func (s *Service) StepAlerts(ctx context.Context) error {
	a := s.alerts
	a.mu.Lock()
	set := a.set
	a.mu.Unlock()
	subjects, err := a.watched.look(ctx, set)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set == set { // else the next step is by the new one
		a.note(a.engine.Step(a.watched.now, subjects))
	}
	return err
}

// SetAlerts goes on with other rules: what a rule raised that is the same in both
// stays, anything else is cleared.
func (s *Service) SetAlerts(set *alert.Set) {
	a := s.alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set = set
	a.note(a.engine.Replace(s.Now(), set))
}

// note remembers what changed, and has it told on.
func (a *alerts) note(changes []alert.Change) {
	if len(changes) == 0 {
		return
	}
	a.unkept = true
	for i := range changes {
		m := alertMessage(&changes[i])
		key := m.Key()
		if changes[i].Event == alert.Raised {
			a.raised++
			m.ID = fmt.Sprintf("%d-%d", a.run, a.raised)
			a.active[key] = m
		} else {
			m.ID = a.active[key].ID
			delete(a.active, key)
			a.cleared = append(a.cleared, m)
		}
		a.changes = append(a.changes, m)
	}
	a.cleared = slices.Delete(a.cleared, 0, max(0, len(a.cleared)-clearedAlerts))
	if over := len(a.changes) - alertChanges; over > 0 {
		a.changes = slices.Delete(a.changes, 0, over)
		a.first += uint64(over)
	}
	a.nudge()
}

// nudge tells whoever watches that there are changes.
func (a *alerts) nudge() {
	for c := range a.tell {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// AlertChanges are the changes of alerts from a number on, 0 for the first, and the
// number of the next one. Whoever asks too seldom misses some.
func (s *Service) AlertChanges(from uint64) (list []AlertState, next uint64) {
	a := s.alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	next = a.first + uint64(len(a.changes))
	from = max(a.first, min(from, next))
	return slices.Clone(a.changes[from-a.first:]), next
}

// WatchAlerts gives a channel that has something to read when there are changes.
func (s *Service) WatchAlerts() (changed <-chan struct{}, stop func()) {
	a, c := s.alerts, make(chan struct{}, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tell[c] = true
	return c, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.tell, c)
	}
}

// AlertsNow are all alerts: those that are raised, oldest first, and the latest that
// cleared, latest first; and the number of the next change.
func (s *Service) AlertsNow() (list *AlertList, next uint64) {
	a := s.alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	list = &AlertList{Active: slices.Collect(maps.Values(a.active)), Cleared: slices.Clone(a.cleared)}
	if list.Active == nil {
		list.Active = []AlertState{}
	}
	if list.Cleared == nil {
		list.Cleared = []AlertState{}
	}
	slices.SortFunc(list.Active, func(x, y AlertState) int { return byRaised(&x, &y) })
	slices.Reverse(list.Cleared)
	return list, a.first + uint64(len(a.changes))
}

// AlertsHealth tells how the alerts fare; nil where there are no rules.
func (s *Service) AlertsHealth() *AlertsHealth {
	a := s.alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.set.Len() == 0 {
		return nil
	}
	out := &AlertsHealth{Rules: a.set.Len(), Active: len(a.active), Left: a.engine.Left()}
	if s.cfg.Webhook != nil {
		out.Webhook = s.cfg.Webhook()
	}
	return out
}

// forget leaves out what cleared about an agent. What is raised about one goes as the
// agent does.
func (a *alerts) forget(agent string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if file := a.service.cfg.AlertsFile; file != "" && !a.restored {
		return forgetAlerts(file, agent)
	}
	a.cleared = slices.DeleteFunc(a.cleared, func(m AlertState) bool { return m.about(agent) })
	a.unkept = true
	return nil
}

// SeesAlerts tells whether somebody may see alerts about queues, agents or the site at
// all. What hangs on the wall is no place for what is to be said to a single person.
func (a *Asker) SeesAlerts(of string) bool {
	if !a.May(SeeAlerts) {
		return false
	}
	switch of {
	case Queues:
		return a.May(SeeQueues)
	case Site:
		return a.May(SeeSite)
	}
	return a.May(SeeAgents) && a.Role != WallboardRole
}

// MaySeeAlert is an error unless the asker may see alerts about a queue, an agent or
// the site.
func (v *View) MaySeeAlert(of, name string) error {
	if err := v.May(SeeAlerts); err != nil {
		return err
	}
	if !v.SeesAlert(v.People(), of, name) {
		return fmt.Errorf("%w: %q (role %s) may not see alerts about %s %q", ErrForbidden, v.who.Name, v.who.Role, of, name)
	}
	return nil
}

// SeesAlert tells whether the asker, who may see some people, may see alerts about a
// queue, an agent or the site.
func (v *View) SeesAlert(people *People, of, name string) bool {
	return v.who.SeesAlerts(of) && (of != Agents || people.Has(name))
}

// Alerts answers as Service.AlertsNow does: a supervisor with those about queues, the
// site and who is in the own teams now, an agent with those about itself.
func (v *View) Alerts() (*AlertList, error) {
	if err := v.May(SeeAlerts); err != nil {
		return nil, err
	}
	list, _ := v.service.AlertsNow()
	people := v.People()
	hidden := func(m AlertState) bool { return !v.SeesAlert(people, m.Of, m.Subject) }
	list.Active, list.Cleared = slices.DeleteFunc(list.Active, hidden), slices.DeleteFunc(list.Cleared, hidden)
	if v.who.SeesAlerts(Agents) {
		v.audit(SeeAlerts, nil, time.Time{}, time.Time{})
	}
	return list, nil
}
