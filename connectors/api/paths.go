package api

import (
	"cmp"
	"slices"

	"tallyd/metrics"
	"tallyd/storage"
)

// addPaths says of visits of calls that went through several queues which way they
// went: as far as the visits are concluded, stored or not.
func addPaths(stored *storage.Snapshot, unstored []metrics.Contact, list []Contact) error {
	type leg struct{ sw, id string }
	recent := map[leg][]storage.Step{}
	for i := range unstored {
		if c := &unstored[i]; c.Kind == metrics.VisitContact && c.Leg != "" {
			at := leg{c.Switch, c.Leg}
			recent[at] = append(recent[at], storage.Step{Queue: c.Queue, Joined: c.Joined, Ended: c.Ended})
		}
	}
	var paths *storage.Paths
	if stored != nil {
		paths = stored.Paths()
		defer paths.Close()
	}
	for i := range list {
		c := &list[i]
		if c.Kind != metrics.VisitContact.String() || c.Call == "" {
			continue
		}
		var steps []storage.Step
		if paths != nil {
			var err error
			if steps, err = paths.Of(c.Switch, c.Call); err != nil {
				return err
			}
		}
		steps = append(steps, recent[leg{c.Switch, c.Call}]...)
		if len(steps) < 2 {
			continue
		}
		slices.SortStableFunc(steps, func(a, b storage.Step) int {
			return cmp.Or(cmp.Compare(a.Joined, b.Joined), cmp.Compare(a.Queue, b.Queue))
		})
		steps = slices.CompactFunc(steps, func(a, b storage.Step) bool { return a.Joined == b.Joined && a.Queue == b.Queue })
		if len(steps) < 2 {
			continue // one visit, on its way to the store once more
		}
		for n, s := range steps {
			c.Path = append(c.Path, s.Queue)
			if s.Joined == c.Joined && s.Queue == c.Queue {
				c.Step = n + 1
			}
		}
	}
	return nil
}
