package config

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// QueueGroup is queues that callers come back to for the same concern.
type QueueGroup struct {
	Queues []string      `yaml:"queues"`
	Window time.Duration `yaml:"window"`
}

// The window in which a further contact tells that a caller was not helped.
const (
	defaultWindow = 7 * 24 * time.Hour
	minWindow     = time.Minute
	maxWindow     = 90 * 24 * time.Hour
)

// GroupOf finds the group that a queue is in, and its name.
func (c *Config) GroupOf(queue string) (name string, g QueueGroup, found bool) {
	for _, name := range slices.Sorted(maps.Keys(c.QueueGroups)) {
		if g := c.QueueGroups[name]; slices.Contains(g.Queues, queue) {
			return name, g, true
		}
	}
	return "", QueueGroup{}, false
}

func (d *decoder) checkGroups(groups map[string]QueueGroup) {
	in := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		g, at := groups[name], "queue_groups."+name
		if name == "" {
			d.Fault(at, "a group of queues needs a name")
		}
		if len(g.Queues) == 0 {
			d.Fault(at, "group %q has no queues", name)
		}
		for i, q := range g.Queues {
			place := at + ".queues." + strconv.Itoa(i)
			if other, taken := in[q]; taken {
				d.Fault(place, "queue %q is in group %q already", q, other)
			}
			in[q] = name
		}
		if !d.Set(at + ".window") {
			g.Window = defaultWindow
		}
		if (g.Window < minWindow || g.Window > maxWindow) && !d.Faulty(at+".window") {
			d.Fault(at+".window", "window %q must be between 1m and 90d", g.Window)
		}
		groups[name] = g
	}
}
