package api

import (
	"slices"

	"tallyd/metrics"
	"tallyd/storage"
)

// forget makes what is on its way to the store, and what the trackers will hand
// over of calls and quarter hours that have begun, forget somebody too. The
// trackers themselves are left alone: they hold it no longer than the call and
// the quarter hour last.
func (in *Intake) forget(f storage.Forgetting) (undo func()) {
	in.disk.Lock() // what is being put now is in the store when it is looked at
	defer in.disk.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.forgotten = append(in.forgotten, &f)
	for i, s := range in.pending {
		in.pending[i] = forgetIn(s, &f)
	}
	return func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.forgotten = slices.DeleteFunc(in.forgotten, func(o *storage.Forgetting) bool { return o == &f })
	}
}

// forgot tells whether an agent was forgotten after a moment of somebody else's
// clock, in this run.
func (in *Intake) forgot(agent string, at metrics.Millis) bool {
	at -= metrics.Millis(clocksDiffer.Milliseconds())
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.ContainsFunc(in.forgotten, func(f *storage.Forgetting) bool {
		return f.Kind == ForgetAgent && f.Agent == agent && at <= f.At
	})
}

// called is what a contact's agent is called in the store, or will be: a tracker
// that has the contact was not told of a forgetting.
func (in *Intake) called(c *metrics.Contact) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := []metrics.Contact{*c}
	for _, f := range in.forgotten {
		list = forgetContacts(list, f)
	}
	return list[0].Agent
}

// forgetIn is a sealed interval without somebody. It copies what it changes:
// watchers have the interval too.
func forgetIn(s *metrics.Sealed, f *storage.Forgetting) *metrics.Sealed {
	out := *s
	if f.Kind == ForgetAgent && s.Interval.Start() <= f.At {
		out.Rollups = slices.Clone(s.Rollups)
		for i := range out.Rollups {
			if r := &out.Rollups[i]; r.Kind >= metrics.AgentRow && r.Name == f.Agent {
				r.Name = f.Name
			}
		}
		out.Spans = slices.Clone(s.Spans)
		metrics.RenameSpans(out.Spans, f.Agent, f.Name)
		if standing, changed, err := metrics.RenameStanding(s.Standing, f.Agent, f.Name); err == nil && changed {
			out.Standing = standing
		}
	}
	out.Open = forgetContacts(s.Open, f)
	out.Contacts = forgetContacts(s.Contacts, f)
	return &out
}

func forgetContacts(list []metrics.Contact, f *storage.Forgetting) []metrics.Contact {
	out := slices.Clone(list)
	for i := range out {
		c := &out[i]
		switch {
		case c.Joined > f.At:
		case f.Kind == ForgetAgent:
			c.Attempts = slices.Clone(c.Attempts)
			c.Rename(f.Agent, f.Name)
		case slices.Contains(f.Hashes, c.Hash):
			storage.ForgetContact(c)
		}
	}
	return out
}
