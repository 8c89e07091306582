package api

import (
	"maps"
	"slices"
	"sync"

	"tallyd/metrics"
)

// directory gathers the agents and queues of all switches by name. It only
// grows; an entity keeps its place.
type directory struct {
	mu     sync.RWMutex
	seen   []seen // by source
	agents entities
	queues entities
}

// seen is how many of a source's names are in the directory.
type seen struct{ agents, queues int }

type entities struct {
	list  []entity
	index map[string]int
}

// entity is one agent or queue, under its number at each switch that has it.
type entity struct {
	name string
	refs []ref
}

type ref struct {
	source int
	id     uint32
}

func (e *entities) add(name string, r ref) {
	if e.index == nil {
		e.index = map[string]int{}
	}
	i, ok := e.index[name]
	if !ok {
		i = len(e.list)
		e.index[name] = i
		e.list = append(e.list, entity{name: name})
	}
	e.list[i].refs = append(e.list[i].refs, r)
}

// refresh takes in the names that are new.
func (d *directory) refresh(sources []Source) {
	d.mu.RLock()
	grown := false
	for i := range sources {
		n := sources[i].Tracker.Names()
		grown = grown || n.Len(metrics.AgentName) > d.seen[i].agents || n.Len(metrics.QueueName) > d.seen[i].queues
	}
	d.mu.RUnlock()
	if !grown {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range sources {
		n := sources[i].Tracker.Names()
		// Number 0 stands for no one.
		for d.seen[i].agents = max(d.seen[i].agents, 1); d.seen[i].agents < n.Len(metrics.AgentName); d.seen[i].agents++ {
			id := uint32(d.seen[i].agents)
			d.agents.add(n.Name(metrics.AgentName, id), ref{i, id})
		}
		for d.seen[i].queues = max(d.seen[i].queues, 1); d.seen[i].queues < n.Len(metrics.QueueName); d.seen[i].queues++ {
			id := uint32(d.seen[i].queues)
			d.queues.add(n.Name(metrics.QueueName, id), ref{i, id})
		}
	}
}

// names lists the agents or queues that are known, in the order of sight.
func (s *Service) names(kind metrics.RowKind) []string {
	s.directory.refresh(s.cfg.Sources)
	s.directory.mu.RLock()
	defer s.directory.mu.RUnlock()
	list := s.directory.agents.list
	if kind == metrics.QueueRow {
		list = s.directory.queues.list
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].name
	}
	return out
}

// counted tells whether a switch has named an agent.
func (s *Service) counted(agent string) bool {
	s.directory.refresh(s.cfg.Sources)
	s.directory.mu.RLock()
	defer s.directory.mu.RUnlock()
	_, there := s.directory.agents.index[agent]
	return there
}

func sortedKeys[V any](m map[metrics.Key]V) []metrics.Key {
	return slices.SortedFunc(maps.Keys(m), compareKeys)
}
