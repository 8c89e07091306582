package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/storage"

	"tallyd/connectors/source/sourcetest"
)

// keptStore is a store of so many days of quarter hours, and its upkeep at the
// end of them.
func keptStore(t *testing.T, days int, cfg *config.Config) (*upkeep, *sourcetest.Log) {
	t.Helper()
	store, err := storage.Open(t.Context(), storage.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range days {
		s := &metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(metrics.MillisOf(start.AddDate(0, 0, n)))}
		for a := range 20 {
			r := metrics.Rollup{Kind: metrics.AgentRow, Name: fmt.Sprintf("agent-%02d", a)}
			r.Values[metrics.AnsweredCount] = int64(n)
			s.Rollups = append(s.Rollups, r)
		}
		for c := range 150 {
			at := s.Interval.Start() + metrics.Millis(c)
			s.Contacts = append(s.Contacts, metrics.Contact{Switch: "fs1", Visit: fmt.Sprintf("%d-%d-%s", n, c, strings.Repeat("x", 40)),
				Queue: "support", Agent: "agent-01", Outcome: metrics.Answered, Joined: at, Answered: at + 1, Ended: at + 2})
		}
		if err := store.PutSealed(s); err != nil {
			t.Fatal(err)
		}
	}
	log := &sourcetest.Log{}
	u := newUpkeep(cfg, store, slog.New(slog.NewTextHandler(log, nil)))
	u.now = func() time.Time { return start.AddDate(0, 0, days) }
	return u, log
}

func momentTime(m api.Moment) time.Time { return metrics.Millis(m).Time() }

func (u *upkeep) counts(t *testing.T) (rows, contacts int, oldest metrics.Millis) {
	t.Helper()
	for _, err := range u.store.Rollups(t.Context(), storage.Query{To: math.MaxInt64}) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	for c, err := range u.store.Contacts(t.Context(), storage.ContactQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		if contacts++; contacts == 1 {
			oldest = c.Ended
		}
	}
	return rows, contacts, oldest
}

// TestUpkeepRetention: each kind is deleted when it is past its age.
func TestUpkeepRetention(t *testing.T) {
	cfg := &config.Config{Retention: config.Retention{Contacts: config.Age{Days: 10}, Rollups: config.Age{Months: 1}}}
	u, _ := keptStore(t, 45, cfg)
	u.tidy(t.Context())
	u.look()
	rows, contacts, oldest := u.counts(t)
	// It is midnight of 15 February: 31 days are a month then.
	if rows != 31*20 || contacts != 10*150 || oldest != metrics.MillisOf(u.now().AddDate(0, 0, -10))+2 {
		t.Errorf("%d rollups and %d contacts are left, the oldest of %s", rows, contacts, oldest.Time())
	}
	h := u.health()
	if momentTime(h.ContactsFrom) != u.now().AddDate(0, 0, -10) || momentTime(h.RollupsFrom) != u.now().AddDate(0, -1, 0) || h.Budget != 0 || h.Free == 0 || len(h.Problems) != 0 {
		t.Errorf("health is %+v", h)
	}
}

// TestUpkeepClock: a machine whose clock was set years ahead deletes nothing, and
// says why; a day of records that are stamped so changes nothing about it.
func TestUpkeepClock(t *testing.T) {
	cfg := &config.Config{Retention: config.Retention{Contacts: config.Age{Days: 10}, Rollups: config.Age{Months: 1}}}
	u, log := keptStore(t, 45, cfg)
	real := u.now()
	u.now = func() time.Time { return real.AddDate(3, 0, 0) }
	if err := u.store.PutSealed(&metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(metrics.MillisOf(u.now()))}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		u.tidy(t.Context())
		u.look()
	}
	if rows, contacts, _ := u.counts(t); rows != 45*20 || contacts != 45*150 || strings.Count(log.String(), "nothing is deleted until") != 1 {
		t.Errorf("%d rollups and %d contacts are left; it says %s", rows, contacts, log.String())
	}
	u.now = func() time.Time { return real }
	u.tidy(t.Context())
	u.look()
	if rows, contacts, _ := u.counts(t); rows != 31*20 || contacts != 10*150 || len(u.health().Problems) != 0 {
		t.Errorf("with the clock set right %d rollups and %d contacts are left, %q", rows, contacts, u.health().Problems)
	}
}

// TestUpkeepBudget: beyond its budget the store loses its oldest contacts, no
// more than need be, and no rollup; each change is said once.
func TestUpkeepBudget(t *testing.T) {
	cfg := &config.Config{Retention: config.Default().Retention}
	u, log := keptStore(t, 120, cfg)
	said := func(text string) int { return strings.Count(log.String(), text) }
	u.tidy(t.Context())
	if err := u.store.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	u.tidy(t.Context())
	u.look()
	if log.String() != "" {
		t.Errorf("without a budget it says %s", log.String())
	}
	full := u.usage.Total()

	u.budget = full * 100 / 85
	for range 3 {
		u.tidy(t.Context())
		u.look()
	}
	if h := u.health(); said("beyond it the oldest contacts") != 1 || len(h.Problems) != 1 || !strings.Contains(h.Problems[0], "of its budget of") {
		t.Errorf("at 85 %%: %q\n%s", h.Problems, log.String())
	}
	if rows, contacts, _ := u.counts(t); rows != 120*20 || contacts != 120*150 {
		t.Errorf("at 85 %% there are %d rollups, %d contacts", rows, contacts)
	}

	u.budget = full * 8 / 10
	for range 3 {
		u.tidy(t.Context())
		u.look()
	}
	rows, contacts, oldest := u.counts(t)
	if rows != 120*20 || contacts < 120*150*4/10 || contacts > 120*150*8/10 {
		t.Errorf("%d rollups and %d contacts are left", rows, contacts)
	}
	if u.usage.Total() > u.budget {
		t.Errorf("%d bytes are taken, the budget is %d", u.usage.Total(), u.budget)
	}
	h := u.health()
	if at := momentTime(h.ContactsFrom); at.After(oldest.Time()) || at.Before(oldest.Time().AddDate(0, 0, -1)) || h.Rollups == 0 || h.Contacts == 0 || h.Budget != u.budget {
		t.Errorf("the oldest contact is of %s, health %+v", oldest.Time(), h)
	}
	if said("contacts were deleted before their time, for the store's budget") != 1 || said("were deleted before their time, for its budget of") != 1 {
		t.Errorf("it says %s", log.String())
	}

	// Far too little: a week of contacts stays, and every rollup, and that is said.
	u.budget = full / 20
	u.cut = time.Time{}
	for range 3 {
		u.tidy(t.Context())
		u.look()
	}
	if rows, contacts, _ := u.counts(t); rows != 120*20 || contacts != 7*150 {
		t.Errorf("%d rollups and %d contacts are left", rows, contacts)
	}
	if said("contacts are down to a week already: rollups are not deleted") != 1 {
		t.Errorf("it says %s", log.String())
	}
	u.budget = 100 * full
	u.tidy(t.Context())
	u.look()
	u.look()
	if h := u.health(); len(h.Problems) != 0 || said("no longer so: it takes") != 2 {
		t.Errorf("with a large budget: %q, it says %s", h.Problems, log.String())
	}
}

// TestCutContacts: what goes is enough, if contacts are spread evenly and enough
// of them may go, and never of the last week.
func TestCutContacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		usage := storage.Usage{Rollups: rapid.Int64Range(0, 1<<40).Draw(t, "rollups"), Contacts: rapid.Int64Range(0, 1<<40).Draw(t, "contacts"), Log: 1 << 20}
		budget := rapid.Int64Range(200_000_000, 1<<41).Draw(t, "budget")
		now := metrics.MillisOf(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
		oldest := now - metrics.Millis(rapid.Int64Range(0, 400*24*3600*1000).Draw(t, "age"))
		if usage.Total() <= budget {
			return
		}
		before, enough := cutContacts(usage, budget, oldest, now)
		if latest := now - metrics.Millis(keptContacts.Milliseconds()); before > latest {
			t.Fatalf("contacts of the last week go, before %s", before.Time())
		}
		if !enough {
			return
		}
		gone := float64(usage.Contacts) * float64(before-oldest) / float64(max(now-oldest, 1))
		if left := float64(usage.Total()) - gone; left > float64(budget)*0.9+float64(usage.Contacts)*1e-6+1 {
			t.Fatalf("%.0f bytes are left of %d, the budget is %d", left, usage.Total(), budget)
		}
	})
}

// TestUpkeepSpace: what is free on the disk is watched, each change said once.
func TestUpkeepSpace(t *testing.T) {
	u, log := keptStore(t, 1, &config.Config{Retention: config.Default().Retention})
	free := int64(1 << 40)
	u.space = func() (int64, int64, error) { return free, 1 << 40, nil }
	for _, step := range []struct {
		free int64
		says string
	}{
		{storage.Reserve*4 - 1, "of the disk are free; below 256 MB nothing"},
		{storage.Reserve*3 - 1, ""},
		{storage.Reserve - 1, "the disk is full"},
		{storage.Reserve - 2, ""},
		{1 << 40, "no longer so"},
	} {
		before := len(log.String())
		free = step.free
		u.look()
		u.look()
		if said := log.String()[before:]; step.says == "" && said != "" || !strings.Contains(said, step.says) || strings.Count(said, step.says) > 1 && step.says != "" {
			t.Errorf("with %d bytes free it says %q, want %q", step.free, said, step.says)
		}
		if h := u.health(); h.Free != step.free || (len(h.Problems) > 0) != (free < lowSpace) {
			t.Errorf("with %d bytes free, health is %+v", step.free, h)
		}
	}
	u.space = func() (int64, int64, error) { return 0, 0, errors.New("the disk is gone") }
	u.look()
	if h := u.health(); len(h.Problems) != 1 || h.Problems[0] != "the disk is gone" {
		t.Errorf("health is %+v", h)
	}
}

// TestUpkeepTraces: what was forgotten leaves the files at the next tidying.
func TestUpkeepTraces(t *testing.T) {
	u, log := keptStore(t, 3, &config.Config{Retention: config.Default().Retention})
	if _, err := u.store.Forget(context.Background(), storage.Forgetting{Kind: storage.ForgetAgent, Agent: "agent-01"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		u.tidy(t.Context())
	}
	if traces, err := u.store.Traces(); traces || err != nil || strings.Count(log.String(), "gone from the files") != 1 {
		t.Errorf("traces %v, error %v, it says %s", traces, err, log.String())
	}
}
