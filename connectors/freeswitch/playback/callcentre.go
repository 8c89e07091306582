package playback

import (
	"strconv"

	es "tallyd/connectors/freeswitch/eventsocket"
)

// callCentre follows what mod_callcenter says, to what its tables then hold.
func (m *model) callCentre(e *es.Event) {
	get := func(k es.Key) string { return string(e.Get(k)) }
	queue, agent, member := get(es.KeyCCQueue), get(es.KeyCCAgent), get(es.KeyCCMemberUUID)
	switch get(es.KeyCCAction) {
	case "agent-add":
		row := m.agent(agent)
		m.agents.set(row, "type", get(es.KeyCCAgentType))
		m.agents.set(row, "status", "Logged Out")
	case "agent-contact-change":
		m.agents.set(m.agent(agent), "contact", get(es.KeyCCAgentContact))
	case "agent-status-change":
		m.agentStatus(m.agent(agent), get(es.KeyCCAgentStatus))
	case "agent-state-change":
		m.agentState(agent, get(es.KeyCCAgentState))
	case "agent-offering":
		m.agents.set(m.agent(agent), "last_offered_call", m.epoch())
		m.tierOffered(queue, agent)
		if row := m.members.find("uuid", member); row != nil && m.members.get(row, "state") == "Waiting" {
			m.serve(row, agent, "single_box", "Trying")
		}
	case "bridge-agent-start":
		m.starting[agent] = starting{queue, member, get(es.KeyCCAgentUUID)}
	case "bridge-agent-end":
		m.bridgeEnd(e, agent, member)
		m.tierFreed(queue, agent, "Ready")
	case "bridge-agent-fail":
		m.offerFailed(queue, agent, member, get(es.KeyCCHangupCause))
	case "member-queue-start", "member-queue-resume":
		m.join(e, queue, member)
	case "member-queue-end":
		row := m.members.find("uuid", member)
		if get(es.KeyCCCause) == "Terminated" {
			m.members.delete(func(row []string) bool { return m.members.get(row, "uuid") == member })
		} else {
			m.queues.addTo(m.queue(queue), "calls_abandoned", 1)
			m.abandon(row)
		}
	}
	m.discard()
}

// agentStatus also clears the counters that mod_callcenter clears when an agent
// becomes Available. Available again is told, and changes nothing.
func (m *model) agentStatus(row []string, status string) {
	if status == "Available" && m.agents.get(row, "status") == status {
		return
	}
	m.agents.set(row, "status", status)
	m.agents.set(row, "last_status_change", m.epoch())
	if status == "Available" {
		for _, column := range []string{"talk_time", "calls_answered", "no_answer_count"} {
			m.agents.set(row, column, "0")
		}
	}
}

// starting is an agent who picked up. Whether the caller was still there shows
// in the agent's state: only a bridge makes it "In a queue call".
type starting struct{ queue, member, uuid string }

func (m *model) agentState(agent, state string) {
	row := m.agent(agent)
	m.agents.set(row, "state", state)
	start, ok := m.starting[agent]
	if !ok || state != "In a queue call" {
		return
	}
	delete(m.starting, agent)
	m.agents.set(row, "uuid", start.uuid)
	m.agents.set(row, "last_bridge_start", m.epoch())
	m.agents.addTo(row, "calls_answered", 1)
	m.agents.set(row, "no_answer_count", "0")
	m.tier(start.queue, agent, "Active Inbound")
	m.queues.addTo(m.queue(start.queue), "calls_answered", 1)
	if row := m.members.find("uuid", start.member); row != nil {
		m.serve(row, agent, "single_box", "Answered")
		m.members.set(row, "bridge_epoch", m.epoch())
	}
}

// bridgeEnd ends an agent's leg. Without a bridge the caller was gone before.
func (m *model) bridgeEnd(e *es.Event, agent, member string) {
	delete(m.starting, agent)
	if string(e.Get(es.KeyCCAgentBridged)) != "true" {
		if row := m.members.find("uuid", member); row != nil {
			m.abandon(row)
			m.serve(row, agent, "single_box", "Abandoned")
		}
		return
	}
	row := m.agent(agent)
	if m.agents.get(row, "type") != "uuid-standby" {
		m.agents.set(row, "uuid", "")
	}
	m.agents.set(row, "last_bridge_end", m.epoch())
	m.agents.addTo(row, "talk_time", m.now/1_000_000-atoi(m.agents.get(row, "last_bridge_start")))
	m.members.delete(func(row []string) bool { return m.members.get(row, "uuid") == member })
}

// offerFailed frees the agent, for the next offer after a pause that depends on
// the cause, and sends the caller back to waiting.
func (m *model) offerFailed(queue, agent, member, cause string) {
	row := m.agent(agent)
	state, pause := "Ready", ""
	switch cause {
	case "LOSE_RACE", "ORIGINATOR_CANCEL":
	case "NORMAL_CIRCUIT_CONGESTION", "USER_BUSY":
		pause = m.agents.get(row, "busy_delay_time")
	case "CALL_REJECTED":
		pause = m.agents.get(row, "reject_delay_time")
	default:
		state, pause = "No Answer", m.agents.get(row, "no_answer_delay_time")
		m.agents.addTo(row, "no_answer_count", 1)
	}
	if n := atoi(pause); n > 0 {
		m.agents.set(row, "ready_time", strconv.FormatInt(m.now/1_000_000+n, 10))
	}
	m.tierFreed(queue, agent, state)
	if row := m.members.find("uuid", member); row != nil && m.members.get(row, "serving_agent") == agent {
		if m.members.get(row, "state") == "Trying" {
			m.members.set(row, "state", "Waiting")
		}
		m.members.set(row, "serving_agent", "")
		m.members.set(row, "serving_system", "")
	}
}

func (m *model) serve(row []string, agent, system, state string) {
	m.members.set(row, "serving_agent", agent)
	m.members.set(row, "serving_system", system)
	m.members.set(row, "state", state)
}

// join adds a caller, or takes one back who had gone.
func (m *model) join(e *es.Event, queue, member string) {
	row := m.members.find("uuid", member)
	if row == nil {
		row = m.members.add()
		for column, value := range map[string]string{
			"queue": queue, "instance_id": "single_box", "uuid": member,
			"cid_number": string(e.Get(es.KeyCCMemberCIDNumber)), "cid_name": string(e.Get(es.KeyCCMemberCIDName)),
			"system_epoch": m.epoch(), "joined_epoch": m.epoch(),
		} {
			m.members.set(row, column, value)
		}
		if answered, ok := e.Int(es.KeyCallerChannelAnsweredTime); ok && answered > 0 {
			m.members.set(row, "system_epoch", strconv.FormatInt(answered/1_000_000, 10))
		}
	} else {
		m.members.set(row, "rejoined_epoch", m.epoch())
	}
	m.members.set(row, "session_uuid", string(e.Get(es.KeyCCMemberSessionUUID)))
	m.serve(row, "", "", "Waiting")
	if strategy := m.queues.get(m.queue(queue), "strategy"); strategy == "ring-all" || strategy == "ring-progressively" {
		m.serve(row, strategy, "", "Trying")
	}
}

func (m *model) abandon(row []string) {
	if row == nil {
		return
	}
	m.members.set(row, "state", "Abandoned")
	m.members.set(row, "session_uuid", "")
	m.members.set(row, "abandoned_epoch", m.epoch())
}

// discard forgets who abandoned long ago.
func (m *model) discard() {
	m.members.delete(func(row []string) bool {
		if m.members.get(row, "state") != "Abandoned" {
			return false
		}
		after := atoi(m.queues.get(m.queue(m.members.get(row, "queue")), "discard_abandoned_after"))
		since := atoi(m.members.get(row, "abandoned_epoch"))
		return since+after < m.now/1_000_000
	})
}

// tier sets the state of an agent in one queue.
func (m *model) tier(queue, agent, state string) {
	for _, row := range m.tiers.rows {
		if m.tiers.get(row, "agent") == agent && m.tiers.get(row, "queue") == queue {
			m.tiers.set(row, "state", state)
		}
	}
}

// tierOffered makes the agent stand by in all other queues.
func (m *model) tierOffered(queue, agent string) {
	m.tier(queue, agent, "Offering")
	m.otherTiers(queue, agent, "Ready", "Standby")
}

func (m *model) tierFreed(queue, agent, state string) {
	m.tier(queue, agent, state)
	m.otherTiers(queue, agent, "Standby", "Ready")
}

func (m *model) otherTiers(queue, agent, from, to string) {
	for _, row := range m.tiers.rows {
		if m.tiers.get(row, "agent") == agent && m.tiers.get(row, "queue") != queue && m.tiers.get(row, "state") == from {
			m.tiers.set(row, "state", to)
		}
	}
}
