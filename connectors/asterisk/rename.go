package asterisk

import (
	"slices"

	"tallyd/metrics"
)

// rename takes whom interfaces stand for from now on. Whoever has a call keeps it
// to its end under the old name: until then renaming is set, and rename is to be
// called again.
func (t *Translator) rename(aliases map[string]string, at metrics.Millis) {
	if !t.names.SetAliases(metrics.AgentName, aliases) && !t.renaming {
		return
	}
	busy := map[*member]bool{}
	for _, c := range t.channels {
		busy[c.member] = true
		for _, o := range [...]*offer{c.offer, c.behind} {
			if o != nil {
				busy[o.member] = true
			}
		}
	}
	t.renaming = false
	for _, m := range t.members.list {
		agent := metrics.AgentID(t.names.InternString(metrics.AgentName, m.interf))
		switch {
		case agent == m.agent:
		case busy[m] || len(m.talks) > 0:
			t.renaming = true
		default:
			t.becomes(m, agent, at)
		}
	}
}

// becomes makes a member somebody else. Who it was until then is logged out,
// unless by another interface.
func (t *Translator) becomes(m *member, agent metrics.AgentID, at metrics.Millis) {
	old := m.agent
	for _, s := range m.queues {
		t.put(metrics.Event{Kind: metrics.MemberRemoved, At: at, Agent: old, Queue: s.queue})
	}
	m.agent = agent
	if !slices.ContainsFunc(t.members.list, func(x *member) bool { return x.agent == old }) {
		t.put(metrics.Event{Kind: metrics.AgentStatus, At: at, Agent: old, Status: metrics.LoggedOut})
	}
	for _, s := range m.queues {
		t.put(metrics.Event{Kind: metrics.MemberAdded, At: at, Agent: agent, Queue: s.queue})
		if s.paused {
			t.put(metrics.Event{Kind: metrics.MemberPaused, At: at, Agent: agent, Queue: s.queue, Reason: s.reason, Status: metrics.Paused})
		}
	}
	m.status, m.why = metrics.UnknownStatus, 0
	t.tell(m, at)
}
