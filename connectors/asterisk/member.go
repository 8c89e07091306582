package asterisk

import (
	"slices"

	"tallyd/metrics"
)

// member is one interface that serves queues: an agent, as Asterisk knows one.
type member struct {
	agent  metrics.AgentID
	interf string
	name   string   // "" where it is not known
	device string   // whose state tells whether it can be reached
	talks  []*offer // the callers that it talks with

	consulted metrics.Millis // when it began a consultation last

	queues []service // in order of first sight
	away   bool      // the device cannot be reached
	wrapUp int64     // seconds, where the member has a wrap-up time of its own
	reason metrics.ReasonID
	status metrics.Status // as told last
	why    metrics.ReasonID
	// The reason that a dialplan gave for a pause, and when.
	asked   string
	askedAt metrics.Millis
}

// service is a member's part in one queue.
type service struct {
	queue  metrics.QueueID
	paused bool
	reason metrics.ReasonID
	listed uint32 // by the manager interface, last
}

// roll is all members.
type roll struct {
	byInterface map[string]*member
	byDevice    map[string]holder
	list        []*member
	away        map[string]bool // devices that cannot be reached
	// ami tells that the manager interface reports members and pauses: then what
	// ARI shows of them is not needed.
	ami     bool
	listing uint32 // counts the lists
}

func newRoll() roll {
	return roll{byInterface: map[string]*member{}, byDevice: map[string]holder{}, away: map[string]bool{}}
}

// forgetStates forgets who serves what: another run of the switch says it anew.
func (r *roll) forgetStates() {
	for _, m := range r.list {
		m.queues, m.status, m.why, m.talks = nil, metrics.UnknownStatus, 0, nil
	}
	clear(r.away)
}

// member returns the member with an interface, made at first sight; nil where
// there are too many.
func (t *Translator) member(interf []byte) *member {
	r := &t.members
	if m := r.byInterface[string(interf)]; m != nil {
		return m
	}
	if len(interf) == 0 || len(r.list) >= maxMembers {
		return nil
	}
	m := &member{interf: string(interf), agent: metrics.AgentID(t.names.Intern(metrics.AgentName, interf))}
	m.device = deviceOf(m.interf)
	r.byInterface[m.interf] = m
	r.list = append(r.list, m)
	t.own(m.interf, m)
	m.away = r.away[m.device]
	return m
}

// service returns the member's part in a queue, nil where there is none.
func (m *member) service(q metrics.QueueID) *service {
	for i := range m.queues {
		if m.queues[i].queue == q {
			return &m.queues[i]
		}
	}
	return nil
}

// serves notes that a member serves a queue.
func (t *Translator) serves(m *member, q metrics.QueueID) *service {
	if s := m.service(q); s != nil {
		return s
	}
	m.queues = append(m.queues, service{queue: q})
	return &m.queues[len(m.queues)-1]
}

// joins takes that a member was added to a queue.
func (t *Translator) joins(m *member, q metrics.QueueID, at metrics.Millis) {
	if m.service(q) == nil {
		t.serves(m, q)
		t.put(metrics.Event{Kind: metrics.MemberAdded, At: at, Agent: m.agent, Queue: q})
	}
	t.tell(m, at)
}

// quits takes that a member was removed from a queue.
func (t *Translator) quits(m *member, q metrics.QueueID, at metrics.Millis) {
	i := slices.IndexFunc(m.queues, func(s service) bool { return s.queue == q })
	if i >= 0 {
		t.pause(m, q, false, 0, at)
		m.queues = slices.Delete(m.queues, i, i+1)
		t.put(metrics.Event{Kind: metrics.MemberRemoved, At: at, Agent: m.agent, Queue: q})
	}
	t.tell(m, at)
}

// pause takes that a member was paused in a queue, for a reason where it is
// known, or is available there again.
func (t *Translator) pause(m *member, q metrics.QueueID, paused bool, reason metrics.ReasonID, at metrics.Millis) {
	s := t.serves(m, q)
	if !paused {
		reason = 0
	}
	if s.paused == paused && s.reason == reason {
		return
	}
	s.paused, s.reason = paused, reason
	if paused {
		m.reason = reason
	}
	out := metrics.Event{Kind: metrics.MemberPaused, At: at, Agent: m.agent, Queue: q, Reason: reason, Status: metrics.Ready}
	if paused {
		out.Status = metrics.Paused
	}
	t.put(out)
	t.tell(m, at)
}

// tell tells the tracker of a member's status, if it changed: logged in is who
// serves a queue and can be reached, paused who is paused in all of them.
func (t *Translator) tell(m *member, at metrics.Millis) {
	status, why := metrics.Ready, metrics.ReasonID(0)
	if len(m.queues) == 0 || m.away {
		status = metrics.LoggedOut
	} else if !slices.ContainsFunc(m.queues, func(s service) bool { return !s.paused }) {
		status, why = metrics.Paused, m.reason
		if why == 0 {
			why = metrics.ReasonID(t.names.InternString(metrics.ReasonName, NoReason))
		}
	}
	if status == m.status && why == m.why {
		return
	}
	m.status, m.why = status, why
	t.put(metrics.Event{Kind: metrics.AgentStatus, At: at, Agent: m.agent, Status: status, Reason: why})
}

// NoReason stands for the reason of a pause for which none is known.
const NoReason = "(no reason)"

func (t *Translator) reason(text []byte) metrics.ReasonID {
	if len(text) == 0 {
		return 0
	}
	return metrics.ReasonID(t.names.Intern(metrics.ReasonName, text))
}

func (t *Translator) queue(name []byte) metrics.QueueID {
	return metrics.QueueID(t.names.Intern(metrics.QueueName, name))
}
