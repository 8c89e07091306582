package lab

import (
	"context"
	"time"
)

// incident is something that happens at a part of the centre's time.
type incident struct {
	part float64
	do   func()
}

// incidents are what a call centre's day has besides calls: pauses with
// reasons, logins and logouts, members added, removed and renamed in mid-call,
// callers redirected, conferences, calls that no queue made.
func (s *show) incidents(ctx context.Context) []incident {
	manager := func(action string, arguments ...string) func() {
		return func() {
			if err := s.manager.Do(action, arguments...); err != nil {
				s.log.fault("%v", err)
			}
		}
	}
	call := func(to string, change func(*plan)) func() {
		p := s.plan(to, change)
		return func() { s.call(ctx, p) }
	}
	feature := func(agent, code string) func() {
		return func() {
			limit, stop := context.WithTimeout(ctx, 5*time.Second)
			defer stop()
			c, err := s.agents.Dial(limit, agent, "", code, false)
			if err != nil {
				s.log.fault("%s dialled %s: %v", agent, code, err)
				return
			}
			if !c.Wait(3 * time.Second) {
				c.Hangup()
			}
		}
	}
	waits := func(p *plan) { p.deaf, p.patience = 1, 20*time.Second }
	redirected := s.plan("6001", waits)
	gone := s.plan("6002", waits)
	return []incident{
		{0.05, manager("QueuePause", "Interface", "PJSIP/1002", "Paused", "true", "Reason", "lunch")},
		{0.08, call("6003", nil)}, // nobody there: refused
		{0.10, feature("1009", "*45")},
		{0.13, call("6003", func(p *plan) { p.deaf, p.talk = 0, 3*time.Second })},
		{0.15, feature("1003", "*46")},
		{0.18, manager("QueueAdd", "Queue", "support", "Interface", "PJSIP/1011", "MemberName", "Kim", "Penalty", "0")},
		{0.20, manager("QueuePause", "Interface", "PJSIP/1004", "Paused", "true", "Reason", "case 42", "Queue", "sales")},
		{0.25, manager("QueuePause", "Interface", "PJSIP/1004", "Paused", "true", "Reason", "training", "Queue", "sales")},
		{0.30, feature("1003", "*47")},
		{0.32, manager("QueuePause", "Interface", "PJSIP/1002", "Paused", "false")},
		{0.34, manager("QueuePause", "Interface", "PJSIP/1004", "Paused", "false", "Queue", "sales")},
		// Kim is removed and comes back under another name.
		{0.40, manager("QueueRemove", "Queue", "support", "Interface", "PJSIP/1011")},
		{0.42, manager("QueueAdd", "Queue", "support", "Interface", "PJSIP/1011", "MemberName", "Kim Jørgensen")},
		{0.45, feature("1009", "*48")},
		{0.47, manager("QueueAdd", "Queue", "vip", "Interface", "PJSIP/1010", "MemberName", "Judy")},
		{0.48, call("6003", waits)},
		{0.53, manager("QueueRemove", "Queue", "vip", "Interface", "PJSIP/1010")}, // who waits leaves an empty queue
		{0.55, call("6002", func(p *plan) { waits(p); p.key, p.keyAfter = "9", 1500*time.Millisecond })},
		{0.56, call("6001", func(p *plan) { p.key, p.keyAfter, p.delay = "8", time.Second, 3*time.Second })}, // to another queue
		{0.57, call("6002", func(p *plan) { waits(p); p.key, p.keyAfter = "8", time.Second; p.deaf = 0.5 })}, // to the same queue
		{0.60, manager("QueuePenalty", "Interface", "PJSIP/1003", "Penalty", "2", "Queue", "support")},
		{0.61, manager("QueueMemberRingInUse", "Interface", "PJSIP/1001", "RingInUse", "true", "Queue", "support")},
		{0.62, func() { s.call(ctx, redirected) }},
		{0.65, func() {
			if caller, _ := s.manager.Channels(redirected.number); caller != "" {
				redirected.move()
				manager("Redirect", "Channel", caller, "Context", "from-trunk", "Exten", "6002", "Priority", "1")()
			}
		}},
		{0.66, func() { s.call(ctx, gone) }},
		{0.69, func() {
			if caller, _ := s.manager.Channels(gone.number); caller != "" {
				_ = s.manager.Do("Hangup", "Channel", caller)
			}
		}},
		{0.70, call("8000", func(p *plan) { p.patience = 6 * time.Second })},
		{0.71, call("8000", func(p *plan) { p.patience = 5 * time.Second })},
		{0.72, func() { // an agent calls a colleague
			limit, stop := context.WithTimeout(ctx, 10*time.Second)
			defer stop()
			if c, err := s.agents.Dial(limit, "1025", "", "1011", false); err == nil && !c.Wait(4*time.Second) {
				c.Hangup()
			}
		}},
		{0.75, manager("QueuePause", "Interface", "Local/1006@agents/n", "Paused", "true", "Reason", "meeting")},
		{0.80, func() { _ = s.agents.Register(ctx, "1005", 0) }},
		{0.88, manager("QueuePause", "Interface", "Local/1006@agents/n", "Paused", "false", "Reason", "done")},
		{0.90, func() { _ = s.agents.Register(ctx, "1005", 300) }},
		{0.91, manager("QueuePause", "Interface", "PJSIP/1026", "Paused", "false")}, // whom autopause may have paused
	}
}
