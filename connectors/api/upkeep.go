package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"tallyd/metrics"
	"tallyd/storage"
)

// The kinds of people that can be forgotten.
const (
	ForgetCaller = storage.ForgetCaller
	ForgetAgent  = storage.ForgetAgent
)

// ErrUnknown is wrapped where nothing is stored about whom to forget.
var ErrUnknown = storage.ErrUnknown

// ForgetRequest says whom to forget. A caller is told by the keyed hashes of the
// number, so that the number itself goes nowhere.
type ForgetRequest struct {
	Kind   string     `json:"kind"`
	Hashes [][16]byte `json:"hashes,omitempty"`
	Agent  string     `json:"agent,omitempty"`
	By     string     `json:"by"` // who asks
}

// Forgotten tells of a forgetting that was done. Nothing in it tells who was
// forgotten.
type Forgotten struct {
	Number   uint64 `json:"number"` // from 1
	Kind     string `json:"kind"`
	At       Moment `json:"at"`
	By       string `json:"by"`
	Contacts int    `json:"contacts"` // that were changed
	Rollups  int    `json:"rollups"`
	Facts    int    `json:"facts"`          // that were deleted, or changed where the agent rated others
	Name     string `json:"name,omitempty"` // which stands for the agent now
}

func forgottenOf(f storage.Forgotten) Forgotten {
	return Forgotten{Number: f.Number, Kind: f.Kind, At: Moment(f.At), By: f.By, Contacts: f.Contacts, Rollups: f.Rollups, Facts: f.Facts, Name: f.Name}
}

// Forget takes a caller or an agent out of what is stored, and out of what will
// be stored of calls and quarter hours that have begun by now.
func (s *Service) Forget(ctx context.Context, r ForgetRequest) (*Forgotten, error) {
	if s.cfg.Store == nil {
		return nil, errors.New("nothing is stored")
	}
	f, err := Forget(ctx, s.cfg.Store, r, metrics.MillisOf(s.Now()), s.cfg.Intake.forget)
	if err == nil {
		s.cfg.Intake.forgets.Add(1)
		if r.Kind == ForgetAgent {
			if err := s.alerts.forget(r.Agent); err != nil {
				return f, fmt.Errorf("what is stored was forgotten, but not what alerts cleared: %w", err)
			}
		}
	}
	return f, err
}

// Forget is Service.Forget of a store that no daemon has. before, if it is not
// nil, is called first; if nothing is stored, what it returns takes it back.
func Forget(ctx context.Context, store *storage.Store, r ForgetRequest, now metrics.Millis, before func(storage.Forgetting) (undo func())) (*Forgotten, error) {
	f := storage.Forgetting{Kind: r.Kind, Hashes: r.Hashes, Agent: r.Agent, At: now, By: r.By}
	if f.Kind == ForgetAgent {
		var err error
		if f.Name, err = store.Pseudonym(ctx); err != nil {
			return nil, err
		}
	}
	undo := func() {}
	if before != nil {
		undo = before(f)
	}
	done, err := store.Forget(ctx, f)
	if errors.Is(err, storage.ErrUnknown) {
		undo()
	}
	if err != nil {
		return nil, err
	}
	out := forgottenOf(done)
	return &out, nil
}

// Forgotten lists what was forgotten, oldest first.
func (s *Service) Forgotten(ctx context.Context) ([]Forgotten, error) {
	if s.cfg.Store == nil {
		return nil, nil
	}
	return ForgottenIn(ctx, s.cfg.Store)
}

// ForgottenIn is Service.Forgotten of a store that no daemon has.
func ForgottenIn(ctx context.Context, store *storage.Store) ([]Forgotten, error) {
	list, err := store.Forgotten(ctx)
	out := make([]Forgotten, len(list))
	for i, f := range list {
		out[i] = forgottenOf(f)
	}
	return out, err
}

// CallerKeyFile is what the key of the callers' hashes is called, in the data
// folder and in a backup.
const CallerKeyFile = "caller.key"

// Backup writes all that is stored, as it is at one moment, and the key of the
// callers' hashes.
func (s *Service) Backup(ctx context.Context, w io.Writer) error {
	if s.cfg.Store == nil {
		return errors.New("nothing is stored")
	}
	return Backup(ctx, s.cfg.Store, w, s.cfg.Site, metrics.MillisOf(s.Now()), s.cfg.CallerKey)
}

// Backup is Service.Backup of a store that no daemon has.
func Backup(ctx context.Context, store *storage.Store, w io.Writer, site string, now metrics.Millis, callerKey []byte) error {
	files := map[string][]byte{}
	if callerKey != nil {
		files[CallerKeyFile] = callerKey
	}
	if _, err := store.Backup(ctx, w, storage.Head{Site: site, At: now}, files); err != nil {
		return fmt.Errorf("the backup is not whole: %w", err)
	}
	return nil
}

// StoreHealth is what the store takes on the disk, in bytes, and what is wrong
// with it.
type StoreHealth struct {
	Rollups  int64 `json:"rollups_bytes"`
	Contacts int64 `json:"contacts_bytes"`
	Other    int64 `json:"other_bytes"`  // the log of what was stored last, lists
	Budget   int64 `json:"budget_bytes"` // 0: none
	Free     int64 `json:"free_bytes"`   // on the disk
	// RollupsFrom and ContactsFrom are the moments before which records are
	// deleted.
	RollupsFrom  Moment `json:"rollups_from"`
	ContactsFrom Moment `json:"contacts_from"`
	// Problems say in words for people what is wrong, and what was stopped.
	Problems []string `json:"problems,omitempty"`
}

// StoreHealth tells how the store fares; nil where there is none.
func (s *Service) StoreHealth() *StoreHealth {
	if s.cfg.StoreHealth == nil {
		return nil
	}
	return s.cfg.StoreHealth()
}
