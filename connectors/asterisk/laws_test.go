package asterisk

import (
	"testing"

	"tallyd/metrics"
)

// adds holds laws that hold across gaps as well.
func (l *replayed) adds(t testing.TB) {
	t.Helper()
	for i := range l.contacts {
		if c := &l.contacts[i]; c.Wait() < 0 || c.Talk() < 0 || c.Hold < 0 || c.Hold > c.Talk() && c.Ended != 0 || c.Joined <= 0 {
			t.Errorf("visit %+v", *c)
		}
	}
	for k, x := range l.sum {
		switch k.Kind {
		case metrics.QueueRow:
			open, sum := int64(0), x.Get(metrics.AnsweredCount)+x.Get(metrics.AbandonedCount)+x.Get(metrics.TimedOutCount)+x.Get(metrics.LeftEmptyCount)+
				x.Get(metrics.ExitedByKeyCount)+x.Get(metrics.WithdrawnCount)+x.Get(metrics.SwitchFailedCount)+x.Get(metrics.UnobservedCount)
			for _, c := range l.contacts {
				// Who was there before a gap may be there still.
				if c.Queue == k.Name && (c.Ended == 0 && c.Answered == 0 || c.Outcome == metrics.Unobserved && !c.Unseen) {
					open++
				}
			}
			if sum+open != x.Get(metrics.Offered) {
				t.Errorf("queue %s: offered %d, outcomes %d, open %d", k.Name, x.Get(metrics.Offered), sum, open)
			}
		case metrics.AgentRow:
			var sum int64
			for s := metrics.Available; s <= metrics.OnOtherCall; s++ {
				sum += x.Get(s.Counter())
			}
			if sum != x.Get(metrics.LoggedInTime) {
				t.Errorf("agent %s: states %d ms, logged in %d ms", k.Name, sum, x.Get(metrics.LoggedInTime))
			}
		}
	}
}
