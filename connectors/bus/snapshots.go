package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

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
	alerts  *alertStreams
}

// questions are the snapshots of all subjects.
func (a *answers) questions() []question {
	all := a.bus.subjects.join(snapshotWord, ">")
	return []question{{"snapshot", all, "the present message of a subject, or all agents' or queues' states in pages, or all alerts", pageRequest{}, nil, a.answer}}
}

func (a *answers) answer(_ context.Context, view *api.View, m request) (any, error) {
	r, err := a.bus.subjects.parse(m.subject)
	if err != nil {
		return nil, err
	}
	if err := maySee(view, r); err != nil {
		return nil, err
	}
	switch r.what {
	case siteWord:
		return a.states.siteState(), nil
	case heartbeatWord:
		return a.pulse.last(), nil
	case alertWord:
		return a.alerts.named(r)
	case alertsWord:
		return a.alerts.all(view)
	case agentsWord, queuesWord:
		return a.page(view, r.what, m.body)
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

// maySee tells whether somebody may see a subject's message.
func maySee(view *api.View, r published) error {
	switch r.what {
	case siteWord, heartbeatWord:
		return view.May(api.SeeSite)
	case queuesWord, queueWord:
		return view.May(api.SeeQueues)
	case agentWord:
		return view.MaySeeAgent(r.name)
	case alertsWord:
		return view.May(api.SeeAlerts)
	case alertWord:
		return view.MaySeeAlert(r.part, r.name)
	}
	return view.May(api.SeeAgents)
}

// pageRequest asks for the page that follows a name; nothing asks for the first.
type pageRequest struct {
	After *string `json:"after"`
}

func (a *answers) page(view *api.View, what string, body []byte) (any, error) {
	var p pageRequest
	if len(body) > 0 {
		if err := json.Unmarshal(body, &p); err != nil {
			return nil, fmt.Errorf(`request %q is not {"after":NAME}`, body)
		}
	}
	people := view.People()
	s := a.states
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look()
	roster := api.Roster{Header: a.bus.header(0)}
	if what == agentsWord {
		list, more := pageOf(s.present.Agents, p.After, func(n *api.AgentNow) (string, bool) { return n.Name, people.Has(n.Name) })
		for _, i := range list {
			roster.Agents = append(roster.Agents, s.agent(i))
		}
		roster.More = more
		return roster, nil
	}
	list, more := pageOf(s.present.Queues, p.After, func(n *api.QueueNow) (string, bool) { return n.Name, true })
	for _, i := range list {
		roster.Queues = append(roster.Queues, s.queue(i))
	}
	roster.More = more
	return roster, nil
}

// pageOf picks the places of the names that follow one, of those that may be seen,
// in order, and tells whether others follow them.
func pageOf[T any](all []T, after *string, named func(*T) (name string, seen bool)) (page []int, more bool) {
	for i := range all {
		if name, seen := named(&all[i]); seen && (after == nil || name > *after) {
			page = append(page, i)
		}
	}
	name := func(i int) string { n, _ := named(&all[i]); return n }
	slices.SortFunc(page, func(a, b int) int { return cmp.Compare(name(a), name(b)) })
	if len(page) > pageLength {
		return page[:pageLength], true
	}
	return page, false
}
