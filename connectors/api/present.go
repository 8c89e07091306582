package api

import (
	"tallyd/metrics"
)

// numStates is how many states an agent can be in.
const numStates = int(metrics.OnOtherCall) + 1

// AgentNow is what an agent is doing, whatever the switch. An agent of several
// switches is doing the busiest of what they tell. Values compare with ==.
type AgentNow struct {
	Name     string
	State    metrics.State
	Reason   string // while paused
	Queue    string // of the call offered, talked on or wrapped up
	Switch   string // that tells so
	Since    metrics.Millis
	Observed bool // false: it was so when the switch was last seen
}

// QueueNow is who waits in a queue, and who works on its calls. Values compare
// with ==.
type QueueNow struct {
	Name     string
	Waiting  int
	Oldest   metrics.Millis // when the longest-waiting caller joined; 0 for nobody
	Talking  int
	Agents   [numStates]int // on this queue's calls: ringing, talking, holding, wrapping up
	Observed bool           // false: one of its switches cannot be seen

	oldestAt string // the switch that tells of Oldest
}

// SiteNow is everybody together.
type SiteNow struct {
	Waiting  int
	Oldest   metrics.Millis
	Talking  int
	Agents   [numStates]int
	Observed bool

	oldestAt string
}

// Present is everything that is so at one moment. Agents and Queues keep their
// places from one reading to the next; new ones come at the end.
type Present struct {
	Agents []AgentNow
	Queues []QueueNow
	Site   SiteNow

	agents, queues map[string]int
	signature      uint64
}

// Look brings p up to the present, and tells whether it may have changed. It
// costs some ten nanoseconds an agent where nothing did.
func (s *Service) Look(p *Present) bool {
	s.directory.refresh(s.cfg.Sources)
	d := &s.directory
	d.mu.RLock()
	defer d.mu.RUnlock()
	signature := s.signature(d)
	if p.agents != nil && p.signature == signature {
		return false
	}
	p.signature = signature
	s.read(p, d)
	return true
}

// signature changes when anything does.
func (s *Service) signature(d *directory) uint64 {
	h := uint64(len(d.agents.list))<<32 ^ uint64(len(d.queues.list))
	for i := range s.cfg.Sources {
		live := &s.cfg.Sources[i].Tracker.Live
		if live.Blind() {
			h++
		}
		for id, n := 1, live.Agents(); id < n; id++ {
			h = h*0x9E3779B97F4A7C15 + live.Agent(metrics.AgentID(id)).Change
		}
		for id, n := 1, live.Queues(); id < n; id++ {
			h = h*0x9E3779B97F4A7C15 + live.Queue(metrics.QueueID(id)).Change
		}
	}
	return h
}

func (s *Service) read(p *Present, d *directory) {
	if p.agents == nil {
		p.agents, p.queues = map[string]int{}, map[string]int{}
	}
	for i := len(p.Agents); i < len(d.agents.list); i++ {
		p.agents[d.agents.list[i].name] = i
		p.Agents = append(p.Agents, AgentNow{})
	}
	for i := len(p.Queues); i < len(d.queues.list); i++ {
		p.queues[d.queues.list[i].name] = i
		p.Queues = append(p.Queues, QueueNow{})
	}
	p.Site = SiteNow{Observed: true}
	for i := range s.cfg.Sources {
		p.Site.Observed = p.Site.Observed && !s.cfg.Sources[i].Tracker.Live.Blind()
	}
	for i := range d.queues.list {
		q := s.queueNow(&d.queues.list[i])
		p.Queues[i] = q
		p.Site.Waiting += q.Waiting
		p.Site.Talking += q.Talking
		p.Site.Oldest, p.Site.oldestAt = oldest(p.Site.Oldest, p.Site.oldestAt, q.Oldest, q.oldestAt)
	}
	for i := range d.agents.list {
		a := s.agentNow(&d.agents.list[i])
		p.Agents[i] = a
		p.Site.Agents[a.State]++
		if q, ok := p.queues[a.Queue]; ok {
			switch a.State {
			case metrics.RingingState, metrics.Talking, metrics.Holding, metrics.WrappingUp:
				p.Queues[q].Agents[a.State]++
			}
		}
	}
}

func (s *Service) agentNow(e *entity) AgentNow {
	out := AgentNow{Name: e.name}
	for n, r := range e.refs {
		src := &s.cfg.Sources[r.source]
		now := src.Tracker.Live.Agent(metrics.AgentID(r.id))
		if int(now.State) >= numStates || n > 0 && metrics.Busier(now.State) <= metrics.Busier(out.State) {
			continue
		}
		out = AgentNow{Name: e.name, State: now.State, Switch: src.Name, Since: now.Since, Observed: !src.Tracker.Live.Blind()}
		names := src.Tracker.Names()
		if now.State == metrics.PausedState && now.Reason != 0 {
			out.Reason = names.Name(metrics.ReasonName, uint32(now.Reason))
		}
		if now.Queue != 0 {
			out.Queue = names.Name(metrics.QueueName, uint32(now.Queue))
		}
	}
	switch out.State {
	case metrics.RingingState, metrics.Talking, metrics.Holding, metrics.WrappingUp:
	default:
		out.Queue = "" // that of the last call says nothing about now
	}
	return out
}

func (s *Service) queueNow(e *entity) QueueNow {
	out := QueueNow{Name: e.name, Observed: true}
	for _, r := range e.refs {
		src := &s.cfg.Sources[r.source]
		live := &src.Tracker.Live
		now := live.Queue(metrics.QueueID(r.id))
		out.Waiting += now.Waiting
		out.Talking += now.Talking
		out.Oldest, out.oldestAt = oldest(out.Oldest, out.oldestAt, now.Oldest, src.Name)
		out.Observed = out.Observed && !live.Blind()
	}
	return out
}

// oldest is the earlier of two moments, 0 for none, with the switch that tells of it.
func oldest(a metrics.Millis, at string, b metrics.Millis, bt string) (metrics.Millis, string) {
	if b != 0 && (a == 0 || b < a) {
		return b, bt
	}
	return a, at
}

// AgentIndex finds an agent's place by name.
func (p *Present) AgentIndex(name string) (int, bool) {
	i, ok := p.agents[name]
	return i, ok
}

// QueueIndex finds a queue's place by name.
func (p *Present) QueueIndex(name string) (int, bool) {
	i, ok := p.queues[name]
	return i, ok
}

// SourceNow is how the connection to a switch fares, with what it has brought.
type SourceNow struct {
	Name     string
	Observed bool
	Health
}

// Sources tells how the connections to the switches fare, in their order.
func (s *Service) Sources() []SourceNow {
	out := make([]SourceNow, len(s.cfg.Sources))
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		out[i] = SourceNow{Name: src.Name, Observed: !src.Tracker.Live.Blind()}
		if src.Health != nil {
			out[i].Health = src.Health()
		}
	}
	return out
}

// Health tells how the connections to the switches fare, in their order.
func (s *Service) Health() []SwitchHealth {
	out := make([]SwitchHealth, len(s.cfg.Sources))
	for i := range s.cfg.Sources {
		src := &s.cfg.Sources[i]
		h := SwitchHealth{Name: src.Name, Observed: !src.Tracker.Live.Blind()}
		if src.Health != nil {
			now := src.Health()
			h.Connected, h.Gaps, h.Unobserved, h.Error = now.Connected, now.Gaps, now.Unobserved.Milliseconds(), now.Error
			h.Missing, h.ClockOff = now.Missing, now.ClockOff.Milliseconds()
			h.Since = Moment(metrics.MillisOf(now.Since))
			if now.Since.IsZero() {
				h.Since = 0
			}
		}
		out[i] = h
	}
	return out
}
