package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"tallyd/metrics"
	"tallyd/rules/alert"
	"tallyd/storage"
)

// AlertsFile is where a data folder keeps what is raised, so that alerts outlive the
// daemon: nobody is told of the same thing twice, or never that it is over.
const AlertsFile = "alerts.json"

// keptAlerts is what the file has.
type keptAlerts struct {
	V       int          `json:"v"`
	Active  []keptAlert  `json:"active"`
	Cleared []AlertState `json:"cleared"` // latest last
	// Untold are the changes that the webhook had not told when the file was written.
	Untold []AlertState `json:"untold,omitempty"`
}

type keptAlert struct {
	AlertState
	Digest string `json:"digest"` // of its rule
}

const keptAlertsVersion = 1

// KeepAlerts writes down what is raised, where that has changed since the last time.
func (s *Service) KeepAlerts() error {
	a, file := s.alerts, s.cfg.AlertsFile
	hooked := s.cfg.Webhook != nil && s.cfg.Webhook() != nil
	a.mu.Lock()
	if file == "" || !a.unkept {
		a.mu.Unlock()
		return nil
	}
	a.unkept = false
	k := keptAlerts{V: keptAlertsVersion, Active: []keptAlert{}, Cleared: slices.Clone(a.cleared)}
	digests := map[string]string{}
	if a.set != nil {
		for i := range a.set.Rules {
			digests[a.set.Rules[i].ID] = a.set.Rules[i].Digest()
		}
	}
	for _, m := range a.active {
		k.Active = append(k.Active, keptAlert{m, digests[m.Rule]})
	}
	if hooked {
		k.Untold = slices.DeleteFunc(slices.Clone(a.changes[max(a.first, a.told)-a.first:]), func(m AlertState) bool { return m.Again })
	}
	a.mu.Unlock()
	err := k.write(file)
	if err != nil {
		a.mu.Lock()
		a.unkept = true
		a.mu.Unlock()
	}
	return err
}

func (k *keptAlerts) write(file string) error {
	slices.SortFunc(k.Active, func(x, y keptAlert) int { return byRaised(&x.AlertState, &y.AlertState) })
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return storage.WriteFile(file, append(b, '\n'))
}

// readAlerts reads a file; one that is not there has nothing.
func readAlerts(file string) (*keptAlerts, error) {
	k := &keptAlerts{}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, k); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if k.V != keptAlertsVersion {
		return nil, fmt.Errorf("%s has version %d, and this program knows %d", file, k.V, keptAlertsVersion)
	}
	return k, nil
}

// RestoreAlerts goes on with what an earlier run had raised. What was raised by a rule
// that is not the same any more clears.
func (s *Service) RestoreAlerts() error {
	if s.cfg.AlertsFile == "" {
		return nil
	}
	a, now := s.alerts, s.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.restored = true
	k, err := readAlerts(s.cfg.AlertsFile)
	if err != nil {
		return err
	}
	untold := map[string]bool{}
	for i := range k.Untold {
		untold[k.Untold[i].ID] = true
	}
	a.cleared = k.Cleared
	for _, m := range k.Active { // oldest first
		was := alert.Alert{Subject: m.Subject, Since: metrics.Millis(m.Since).Time(), Raised: metrics.Millis(m.Raised).Time(), Values: m.Values}
		if !a.engine.Restore(now, m.Digest, was) {
			m.Event, m.Cleared = string(alert.Cleared), MomentOf(now)
			a.cleared = append(a.cleared, m.AlertState)
			k.Untold = append(k.Untold, m.AlertState)
			continue
		}
		a.active[m.Key()] = m.AlertState
		if !untold[m.ID] {
			m.Again = true
			a.changes = append(a.changes, m.AlertState)
		}
	}
	a.changes = append(a.changes, k.Untold...)
	a.unkept = k.V != 0 // else there is nothing to keep yet
	a.nudge()
	return nil
}

// AlertsTold says that the webhook has told, or given up, all changes before a number.
func (s *Service) AlertsTold(next uint64) {
	a := s.alerts
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = max(a.told, next)
	a.unkept = true
}

// forgetAlerts takes an agent out of a file that nobody goes on with yet.
func forgetAlerts(file, agent string) error {
	k, err := readAlerts(file)
	if err != nil || k.V == 0 {
		return err
	}
	of := func(m AlertState) bool { return m.about(agent) }
	k.Active = slices.DeleteFunc(k.Active, func(m keptAlert) bool { return of(m.AlertState) })
	k.Cleared, k.Untold = slices.DeleteFunc(k.Cleared, of), slices.DeleteFunc(k.Untold, of)
	return k.write(file)
}
