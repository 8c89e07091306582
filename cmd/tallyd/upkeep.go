package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/admin"
	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/storage"
)

const (
	tidyEvery  = 10 * time.Minute
	lookEvery  = 15 * time.Second
	checkEvery = 7 * 24 * time.Hour

	// lowSpace is how much of the disk is free, in bytes, when a warning is due.
	lowSpace = 4 * storage.Reserve
	// cutEvery: giving back what was deleted rewrites the whole store.
	cutEvery = 24 * time.Hour
	// Nothing is deleted unless records of knownDays different days lie within
	// knownFor of the machine's clock: one that was set years ahead makes
	// everything look old.
	knownFor  = 31 * 24 * time.Hour
	knownDays = 2
	// keptContacts are never deleted for the budget: a caller who comes back
	// within the week is told from a new one, and yesterday can be verified.
	keptContacts = 7 * 24 * time.Hour
)

// upkeep keeps the store within its time and its space, and knows how it fares.
// The least important goes first, and never unsaid: when the budget is used up,
// the oldest contacts, which are evidence of sums that stay. Rollups are never
// deleted for it.
type upkeep struct {
	store     *storage.Store
	retention config.Retention
	budget    int64
	log       *slog.Logger
	now       func() time.Time
	space     func() (free, total int64, err error)

	mu       sync.Mutex
	usage    storage.Usage
	over     bool // the budget, and nothing is left to delete for it
	cut      time.Time
	untidy   error
	strange  bool // the machine's clock is far from what is stored
	problems []problem
}

// problem is one thing that is wrong. It is logged when its key comes or goes,
// whatever the numbers in its text.
type problem struct{ key, text string }

func newUpkeep(cfg *config.Config, store *storage.Store, log *slog.Logger) *upkeep {
	return &upkeep{store: store, retention: cfg.Retention, budget: int64(cfg.DiskBudget), log: log, now: time.Now, space: store.Space}
}

// run goes on until the context ends.
func (u *upkeep) run(ctx context.Context) {
	var others sync.WaitGroup
	others.Go(func() { u.check(ctx) })
	others.Go(func() { keepSmall(ctx, u.store, u.log) })
	defer others.Wait()
	tidy, look := time.NewTicker(tidyEvery), time.NewTicker(lookEvery)
	defer tidy.Stop()
	defer look.Stop()
	// Nothing is deleted at once: a machine that has just started may not have
	// set its clock yet.
	u.measure()
	for {
		u.look()
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-tidy.C:
			u.tidy(ctx)
		}
	}
}

func (u *upkeep) measure() {
	usage, err := u.store.Usage()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.usage, u.untidy = usage, err
}

// check reads all tables through, at the start and once a week: what nobody
// reads is damaged unseen.
func (u *upkeep) check(ctx context.Context) {
	every := time.NewTicker(checkEvery)
	defer every.Stop()
	for {
		if err := u.store.Check(ctx); err != nil && ctx.Err() == nil {
			u.log.Error("the check of the store found damage; restart the daemon to have the file replaced, or restore a backup", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// tidy deletes what is past its time, or must go for the budget, and gives back
// what the store no longer needs.
func (u *upkeep) tidy(ctx context.Context) {
	now := u.now()
	known, err := u.known(ctx, now)
	before, old := metrics.MillisOf(u.retention.Contacts.Before(now)), false
	if err == nil && known {
		err = u.retain(ctx, now, before)
	} else if err == nil {
		var oldest metrics.Millis
		oldest, err = u.oldestContact(ctx)
		old = oldest < before
	}
	if err == nil {
		err = u.store.GC(ctx)
	}
	usage, err2 := u.store.Usage()
	if err = errors.Join(err, err2); err == nil && known {
		usage, err = u.fit(ctx, now, usage)
	}
	if traces, _ := u.store.Traces(); traces && err == nil {
		if err = u.store.Compact(ctx); err == nil {
			u.log.Info("what was forgotten is gone from the files too")
		}
	}
	if ctx.Err() != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.usage, u.untidy = usage, err
	u.strange = err == nil && old && !known
}

// known tells whether what is stored bears out the machine's clock.
func (u *upkeep) known(ctx context.Context, now time.Time) (bool, error) {
	days := map[int64]bool{}
	end := metrics.IntervalOf(metrics.MillisOf(now)) + 1
	for seal, err := range u.store.Seals(ctx, metrics.IntervalOf(metrics.MillisOf(now.Add(-knownFor))), end) {
		if err != nil {
			return false, err
		}
		if days[seal.Interval.Start().Time().Unix()/86400] = true; len(days) >= knownDays {
			return true, nil
		}
	}
	return false, nil
}

func (u *upkeep) retain(ctx context.Context, now time.Time, contactsBefore metrics.Millis) error {
	_, err := u.store.Retain(ctx, metrics.IntervalOf(metrics.MillisOf(u.retention.Rollups.Before(now))), contactsBefore)
	return err
}

// fit makes the store fit its budget again, if it does not.
func (u *upkeep) fit(ctx context.Context, now time.Time, usage storage.Usage) (storage.Usage, error) {
	u.mu.Lock()
	wait := now.Sub(u.cut) < cutEvery
	u.over = u.budget != 0 && usage.Total() > u.budget && u.over
	u.mu.Unlock()
	if u.budget == 0 || usage.Total() <= u.budget || wait {
		return usage, nil
	}
	oldest, err := u.oldestContact(ctx)
	if err != nil {
		return usage, err
	}
	before, enough := cutContacts(usage, u.budget, oldest, metrics.MillisOf(now))
	u.mu.Lock()
	u.cut, u.over = now, !enough
	u.mu.Unlock()
	if before <= oldest {
		return usage, nil
	}
	if err := u.retain(ctx, now, before); err != nil {
		return usage, err
	}
	if err := u.store.Compact(ctx); err != nil {
		return usage, err
	}
	u.log.Warn("contacts were deleted before their time, for the store's budget", "before", before.Time().Format(time.RFC3339), "budget", config.Size(u.budget))
	return u.store.Usage()
}

// cutContacts chooses before when contacts have to go, so that the store fits
// nine tenths of its budget, and tells whether that is enough. Contacts are
// taken to be spread evenly.
func cutContacts(usage storage.Usage, budget int64, oldest, now metrics.Millis) (before metrics.Millis, enough bool) {
	need := float64(usage.Total() - budget*9/10)
	share := 1.0
	if float64(usage.Contacts) > need {
		share = need / float64(usage.Contacts)
	}
	before = oldest + metrics.Millis(math.Ceil(share*float64(now-oldest)))
	latest := now - metrics.Millis(keptContacts.Milliseconds())
	return min(before, latest), before <= latest
}

// oldestContact is when the oldest contact ended that is kept, now where there
// is none.
func (u *upkeep) oldestContact(ctx context.Context) (metrics.Millis, error) {
	for c, err := range u.store.Contacts(ctx, storage.ContactQuery{From: math.MinInt64, Limit: 1}) {
		return c.Ended, err
	}
	return metrics.MillisOf(u.now()), nil
}

// look sees what is wrong, and says what has changed.
func (u *upkeep) look() {
	now := u.faults()
	u.mu.Lock()
	before := u.problems
	u.problems = now
	u.mu.Unlock()
	has := func(list []problem, key string) bool {
		return slices.ContainsFunc(list, func(p problem) bool { return p.key == key })
	}
	for _, p := range now {
		if !has(before, p.key) {
			u.log.Warn("store: " + p.text)
		}
	}
	for _, p := range before {
		if !has(now, p.key) {
			u.log.Info("store: no longer so: " + p.text)
		}
	}
}

// faults are all things that are wrong now.
func (u *upkeep) faults() (list []problem) {
	add := func(key, format string, args ...any) { list = append(list, problem{key, fmt.Sprintf(format, args...)}) }
	for _, d := range u.store.Damage() {
		add(d, "%s", d)
	}
	free, _, err := u.space()
	switch {
	case err != nil:
		add("disk", "%v", err)
	case free < storage.Reserve:
		add("full", "the disk is full: less than %s are free, and so nothing is stored; quarter hours are kept in memory", config.Size(storage.Reserve))
	case free < lowSpace:
		add("low", "only %s of the disk are free; below %s nothing is stored any more", config.Size(free), config.Size(storage.Reserve))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.strange {
		add("strange", "little or nothing is stored of the month before %s, which is what this machine's clock shows: nothing is deleted until that is otherwise; if the clock is wrong, set it", u.now().Format("2006-01-02"))
	}
	if u.untidy != nil {
		add("untidy", "it cannot be tidied: %v", u.untidy)
	}
	if u.budget == 0 {
		return list
	}
	total, budget := config.Size(u.usage.Total()), config.Size(u.budget)
	switch {
	case u.over:
		add("over", "it takes %s, its budget is %s, and contacts are down to a week already: rollups are not deleted for it; raise disk_budget, or shorten retention.rollups", total, budget)
	case total > budget:
		add("budget", "it takes %s, more than its budget of %s: the oldest contacts are deleted before their time", total, budget)
	case total >= budget/10*8:
		add("budget", "it takes %s of its budget of %s: beyond it the oldest contacts are deleted before their time", total, budget)
	}
	due := metrics.MillisOf(u.retention.Contacts.Before(u.now().Add(24 * time.Hour)))
	if _, contacts, err := u.store.Limits(); err == nil && contacts > due && total >= budget/10*8 {
		add("cut", "contacts before %s were deleted before their time, for its budget of %s", contacts.Time().Format("2006-01-02T15:04Z"), budget)
	}
	return list
}

// health is what others are told of the store; others are what else is wrong in the data
// folder.
func (u *upkeep) health(others ...error) *api.StoreHealth {
	free, _, _ := u.space()
	rollups, contacts, _ := u.store.Limits()
	u.mu.Lock()
	defer u.mu.Unlock()
	h := &api.StoreHealth{Rollups: u.usage.Rollups, Contacts: u.usage.Contacts, Other: u.usage.Other + u.usage.Log, Budget: u.budget, Free: free}
	if rollups != math.MinInt64 {
		h.RollupsFrom = api.Moment(rollups.Start())
	}
	if contacts != math.MinInt64 {
		h.ContactsFrom = api.Moment(contacts)
	}
	for _, p := range u.problems {
		h.Problems = append(h.Problems, p.text)
	}
	for _, err := range others {
		if err != nil {
			h.Problems = append(h.Problems, err.Error())
		}
	}
	return h
}

// administer serves the commands of the data folder's owner.
func (d *daemon) administer(ctx context.Context) {
	if err := admin.NewServer(d.cfg.Data, d.service, d.web.Internal(), d.log).Run(ctx); err != nil {
		d.log.Error("commands that change what is stored cannot be taken", "err", err)
	}
}
