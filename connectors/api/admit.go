package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// What somebody tells is believed where it can be so: it has happened, and is about
// an agent who is known, or the one who answered the contact that it names.

const (
	// clocksDiffer is how far the clock of who tells a fact may be ahead of ours.
	clocksDiffer = 5 * time.Minute
	// concludedWithin is how long after a fact its contact may still have to be
	// concluded: callers are asked when the agent has hung up.
	concludedWithin = 2 * time.Minute
	// countedWithin is how long before a fact its agent must have been counted, where
	// nothing else knows the agent.
	countedWithin = 31 * 24 * time.Hour
)

// ofContact finds who answered a fact's contact.
func (s *Service) ofContact(f *metrics.Fact) error {
	if f.Contact == "" {
		return nil
	}
	if f.Switch == "" {
		if len(s.cfg.Sources) != 1 {
			return refuse(UnknownContact, "contact %q needs its switch: the site has several", f.Contact)
		}
		f.Switch = s.cfg.Sources[0].Name
	}
	c, there, err := s.visit(f.Switch, f.Contact, f.At)
	switch {
	case err != nil:
		return err
	case !there && s.Now().Sub(f.At.Time()) < concludedWithin:
		return &Refused{UnknownContact, true, fmt.Sprintf("contact %q of switch %q is not known yet", f.Contact, f.Switch)}
	case !there:
		return refuse(UnknownContact, "contact %q of switch %q is not known", f.Contact, f.Switch)
	case c.Agent == "":
		return refuse(UnknownContact, "contact %q of switch %q was answered by no agent", f.Contact, f.Switch)
	case f.Agent != "" && f.Agent != c.Agent:
		return refuse(UnknownContact, "agent %q did not answer contact %q of switch %q", f.Agent, f.Contact, f.Switch)
	}
	f.Agent = c.Agent
	if err := f.Check(); err != nil {
		return refuse(UnknownContact, "who answered contact %q of switch %q can have no facts: %v", f.Contact, f.Switch, err)
	}
	return nil
}

// visit finds the stay with an id, wherever it is: of several, the latest that had
// begun at a moment.
func (s *Service) visit(sw, id string, at metrics.Millis) (c metrics.Contact, there bool, err error) {
	var recent []metrics.Contact // read before the moment: what is handed over meanwhile is found there
	for i := range s.cfg.Sources {
		if src := &s.cfg.Sources[i]; src.Name == sw {
			recent = src.Tracker.Concluded()
		}
	}
	m, err := s.cfg.Intake.moment(nil)
	if err != nil {
		return c, false, err
	}
	defer m.close()
	at += metrics.Millis(clocksDiffer.Milliseconds())
	look := func(list []metrics.Contact) {
		for i := range list {
			o := &list[i]
			if o.Kind == metrics.VisitContact && o.Switch == sw && o.Visit == id && o.Joined <= at && (!there || o.Joined >= c.Joined) {
				c, there = *o, true
			}
		}
	}
	if m.stored != nil {
		stored, err := m.stored.Visits(sw, id)
		if err != nil {
			return c, false, err
		}
		look(stored)
	}
	for _, p := range m.pending { // later than what is stored, and so are those concluded since
		look(p.Contacts)
	}
	look(recent)
	c.Agent = s.cfg.Intake.called(&c)
	return c, there, nil
}

// admit refuses what cannot be so.
func (s *Service) admit(ctx context.Context, f *metrics.Fact) error {
	if err := s.happened("at", f.At); err != nil {
		return err
	}
	if s.cfg.Kept != nil {
		if kept := interval(s.cfg.Kept(s.Now())).Start(); f.At < kept {
			return refuse(BadMoment, "at %s is before the records that are kept, from %s on", written(f.At), written(kept))
		}
	}
	if f.Disposition != nil {
		if err := s.happened("done", f.Disposition.Done); err != nil {
			return err
		}
	}
	if f.Contact != "" {
		return nil // which names its agent
	}
	known, err := s.knows(ctx, f.Agent, f.At)
	if err == nil && !known {
		err = refuse(UnknownAgent, "agent %q is not known: not in the roster, and on no switch", f.Agent)
	}
	return err
}

func (s *Service) happened(field string, at metrics.Millis) error {
	now := s.Now()
	if at.Time().Sub(now) <= clocksDiffer {
		return nil
	}
	return refuse(BadMoment, "%s %s is in the future: it is %s here", field, written(at), written(metrics.MillisOf(now)))
}

// knows tells whether the roster has an agent, now or once, or a switch had, or
// anything was counted about one.
func (s *Service) knows(ctx context.Context, agent string, at metrics.Millis) (bool, error) {
	if _, there := s.cfg.Roster().Agent(agent); there || s.counted(agent) {
		return true, nil
	}
	v, err := s.cfg.Store.Snapshot()
	if err != nil {
		return false, err
	}
	defer v.Close()
	for _, kind := range []metrics.ContactKind{metrics.VisitContact, metrics.CallContact} {
		for _, err := range v.Contacts(ctx, storage.ContactQuery{From: math.MinInt64, Kind: kind, Agent: agent, Limit: 1}) {
			return err == nil, err
		}
	}
	from := at.Time().Add(-countedWithin)
	for _, err := range v.Rollups(ctx, storage.Query{From: interval(from), To: interval(at.Time()) + 1, Kinds: []metrics.RowKind{metrics.AgentRow}, Names: []string{agent}}) {
		return err == nil, err
	}
	return false, nil
}
