package bus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// pageLength is how many states a page of all agents or queues has: below
// maxPayload also where every name is the longest and all of it escaped.
const pageLength = 100

// answers answers snapshot requests.
type answers struct {
	bus     *Bus
	states  *states
	figures *figures
	pulse   *pulse
}

func (a *answers) handle(m *nats.Msg) {
	if m.Reply == "" {
		return // nobody waits
	}
	message, err := a.answer(m.Subject, m.Data)
	if err != nil {
		message = api.Problem{V: api.Schema, Error: err.Error()}
	}
	body, err := json.Marshal(message)
	if err == nil {
		err = m.Respond(body)
	}
	if err != nil {
		a.bus.cfg.Logger.Warn("a snapshot cannot be sent", "subject", m.Subject, "err", err)
	}
}

func (a *answers) answer(subject string, body []byte) (any, error) {
	r, err := a.bus.subjects.parse(subject)
	if err != nil {
		return nil, err
	}
	switch r.what {
	case siteWord:
		return a.states.siteState(), nil
	case heartbeatWord:
		return a.pulse.last(), nil
	case agentsWord, queuesWord:
		return a.page(r.what, body)
	case agentWord:
		state, ok := a.states.agentNamed(r.name)
		if !ok {
			return nil, fmt.Errorf("agent %q is not known", r.name)
		}
		if r.part == kpiWord {
			return a.figures.named(api.Agents, r.name), nil
		}
		return state, nil
	default:
		state, ok := a.states.queueNamed(r.name)
		if !ok {
			return nil, fmt.Errorf("queue %q is not known", r.name)
		}
		if r.part == kpiWord {
			return a.figures.named(api.Queues, r.name), nil
		}
		return state, nil
	}
}

// pageRequest asks for the page that follows a name; nothing asks for the first.
type pageRequest struct {
	After *string `json:"after"`
}

func (a *answers) page(what string, body []byte) (any, error) {
	var p pageRequest
	if len(body) > 0 {
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, fmt.Errorf(`request %q is not {"after":NAME}`, body)
		}
	}
	s := a.states
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	roster := api.Roster{Header: a.bus.header(0)}
	if what == agentsWord {
		list, more := pageOf(s.present.Agents, p.After, func(n *api.AgentNow) string { return n.Name })
		for _, i := range list {
			roster.Agents = append(roster.Agents, s.agent(i))
		}
		roster.More = more
		return roster, nil
	}
	list, more := pageOf(s.present.Queues, p.After, func(n *api.QueueNow) string { return n.Name })
	for _, i := range list {
		roster.Queues = append(roster.Queues, s.queue(i))
	}
	roster.More = more
	return roster, nil
}

// pageOf picks the places of the names that follow one, in order, and tells
// whether others follow them.
func pageOf[T any](all []T, after *string, name func(*T) string) (page []int, more bool) {
	for i := range all {
		if after == nil || name(&all[i]) > *after {
			page = append(page, i)
		}
	}
	slices.SortFunc(page, func(a, b int) int { return cmp.Compare(name(&all[a]), name(&all[b])) })
	if len(page) > pageLength {
		return page[:pageLength], true
	}
	return page, false
}
