package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/source"
	"tallyd/metrics"
	"tallyd/storage/journal"
)

// book is a switch's journal. A checkpoint is the state without the intervals that
// were handed over, so it may be taken only when the store has these; and the
// store may have an interval only when the journal has its events. So a crash at
// any moment loses nothing and counts nothing twice.
type book struct {
	*journal.Journal
	settled func() bool // the store has all that was handed over
}

// Wanted tells that a checkpoint should be given, and may be.
func (b *book) Wanted() bool { return b.Journal.Wanted() && b.settled() }

// journals is how journals are kept; tests make them fail, and hurry.
var journals = journal.Config{Files: journal.OS}

// bookDir is where the journal of a switch lies.
func (d *daemon) bookDir(kind, name string) string {
	return filepath.Join(d.cfg.Data, "journal", kind+"-"+url.PathEscape(name))
}

// attach makes what counts a switch, as an earlier run left it. What names stood
// for then they still do: a roster that is another by now is told to the switch as
// any change of it is (reload.go).
func (d *daemon) attach(sw config.Switch, roster *config.Roster, key []byte) (*attached, error) {
	stored, err := d.store.Handed(sw.Name)
	if err != nil {
		return nil, err
	}
	d.intake.WasStored(sw.Name, stored)
	log := d.log.With("switch", sw.Name)
	cfg := journals
	cfg.Dir, cfg.Key, cfg.Log = d.bookDir(sw.Kind, sw.Name), key, log
	j, kept, err := journal.Open(cfg)
	if err != nil {
		return nil, err
	}
	a := d.count(sw, key, j, stored)
	if kept.Empty() {
		roster.Apply(a.tracker.Names(), sw.Name, sw.Kind)
		return a, nil
	}
	err = a.connector.Restore(source.Kept{State: kept.State, Records: kept.Records})
	if err == nil && a.tracker.Handed() < stored {
		err = fmt.Errorf("the store is ahead of it")
	}
	if err != nil {
		log.Error("what was open when the daemon ended is lost, counting begins anew", "err", err)
		a = d.count(sw, key, j, stored)
		roster.Apply(a.tracker.Names(), sw.Name, sw.Kind)
		return a, nil
	}
	if kept.Cut != "" {
		log.Warn("the journal ends early, as after a crash", "at", kept.Cut)
	}
	log.Info("goes on where it was", "seen_until", a.tracker.Now().Time().Format("2006-01-02T15:04:05.000Z"), "open_visits", openVisits(a.tracker))
	return a, nil
}

func openVisits(t *metrics.Tracker) (n int) {
	t.Open(func(*metrics.Contact) { n++ })
	return n
}

// count makes what counts a switch from nothing.
func (d *daemon) count(sw config.Switch, key []byte, j *journal.Journal, stored uint64) *attached {
	names := metrics.NewNames()
	a := &attached{name: sw.Name, book: &book{Journal: j}}
	a.tracker = metrics.NewTracker(names, metrics.Options{Switch: sw.Name, Queue: settingsOf(d.cfg.Queues), CallerKey: key,
		Numbers: numbersOf(d.cfg.Numbers), Shared: d.shared,
		Handed: stored, Sealed: func(s *metrics.Sealed) {
			if s.Number <= stored {
				return // an earlier run stored it
			}
			upTo := j.Appended()
			d.after.Store(s, func(ctx context.Context) { j.Wait(ctx, upTo) })
			if d.people != nil {
				d.people.Take(s)
			} else {
				d.take(s)
			}
		}})
	a.book.settled = func() bool { return d.intake.Stored(sw.Name, a.tracker.Handed()) }
	a.connector = d.connector(sw, names, a.tracker, a.book)
	return a
}

// take hands on to the store what trackers, or People, handed over.
func (d *daemon) take(s *metrics.Sealed) {
	if after, ok := d.after.LoadAndDelete(s); ok {
		d.intake.TakeAfter(s, after.(func(context.Context)))
		return
	}
	d.intake.Take(s)
}

// closeBooks ends what is open of switches that are configured no longer.
func (d *daemon) closeBooks(key []byte) error {
	root := filepath.Join(d.cfg.Data, "journal")
	entries, err := os.ReadDir(root)
	if err != nil {
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}
	known := map[string]bool{}
	for _, sw := range d.cfg.Switches {
		known[filepath.Base(d.bookDir(sw.Kind, sw.Name))] = true
	}
	for _, e := range entries {
		kind, escaped, ok := strings.Cut(e.Name(), "-")
		name, err := url.PathUnescape(escaped)
		if !ok || err != nil || !e.IsDir() || known[e.Name()] {
			continue
		}
		if err := d.closeBook(config.Switch{Name: name, Kind: kind}, key); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) closeBook(sw config.Switch, key []byte) error {
	dir := d.bookDir(sw.Kind, sw.Name)
	a, err := d.attach(sw, nil, key)
	if err != nil {
		return err
	}
	a.tracker.Close()
	if err := a.book.Close(); err != nil {
		d.log.Debug("a journal that is to be deleted", "err", err)
	}
	d.log.Info("a switch is configured no longer: what was open of it is closed", "switch", sw.Name)
	if err := d.intake.Flush(); err != nil {
		d.log.Error("it cannot be stored now, and will be at the next start", "err", err)
		return nil
	}
	return journal.Remove(journals.Files, dir)
}
