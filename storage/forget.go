package storage

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"tallyd/metrics"
)

// Forgetting takes the person out of the records and leaves the numbers as they
// are: of a caller, contacts lose what tells who called; of an agent, contacts,
// rollups and what sealed scores were made of carry another name, facts and sealed
// cards go, and so does the name in the forms that the agent filled in about others. It goes in steps that a crash cannot tear:
//
//  1. Who is to be forgotten is written down as the metadata "forgetting".
//  2. The records are changed, some at a time, and with each step, in the same
//     transaction, how many were. A row changes as a whole: no sum is ever
//     different.
//  3. "forgetting" goes, and in the same transaction a record comes that tells
//     what was done, and not who was forgotten.
//
// Open goes on with what it finds under way. Old versions of what was changed lie
// in the files until Compact is done; the metadata "traces" says so.

// The kinds of people.
const (
	ForgetCaller = "caller"
	ForgetAgent  = "agent"
)

// Forgetting says whom to forget.
type Forgetting struct {
	Kind   string         `json:"kind"`
	Hashes [][16]byte     `json:"hashes,omitempty"` // of a caller's number, as it may be presented
	Agent  string         `json:"agent,omitempty"`
	Name   string         `json:"name,omitempty"` // instead of the agent's; nobody else's
	At     metrics.Millis `json:"at_ms"`
	By     string         `json:"by"`

	Contacts int `json:"contacts"` // changed by now
	Rollups  int `json:"rollups"`
	Facts    int `json:"facts,omitempty"` // deleted by now, or changed
	Cards    int `json:"cards,omitempty"` // deleted by now
}

// records is how many were changed or deleted by now.
func (f *Forgetting) records() int { return f.Contacts + f.Rollups + f.Facts + f.Cards }

// Forgotten tells of a forgetting that was done.
type Forgotten struct {
	Number   uint64         `json:"number"` // from 1
	Kind     string         `json:"kind"`
	At       metrics.Millis `json:"at_ms"`
	By       string         `json:"by"` // who asked for it
	Contacts int            `json:"contacts"`
	Rollups  int            `json:"rollups"`
	Facts    int            `json:"facts,omitempty"` // deleted, or changed where the agent rated others
	Cards    int            `json:"cards,omitempty"` // sealed scores, deleted
	// Name is what stands for a forgotten agent.
	Name string `json:"name,omitempty"`
}

// ErrUnknown is returned by Forget where no record is about whom it is asked to
// forget.
var ErrUnknown = errors.New("no record is about them")

// Pseudonym makes a name for a forgotten agent, which nobody else has.
func (s *Store) Pseudonym(ctx context.Context) (string, error) {
	earlier, err := s.Forgotten(ctx)
	if err != nil {
		return "", err
	}
	for {
		var b [3]byte
		_, _ = rand.Read(b[:]) // never fails: the program ends if the system has no randomness
		if name := "forgotten-" + hex.EncodeToString(b[:]); !taken(earlier, name) {
			return name, nil
		}
	}
}

// taken: rows of two agents under one name would overwrite each other.
func taken(by []Forgotten, name string) bool {
	return slices.ContainsFunc(by, func(f Forgotten) bool { return f.Name == name })
}

// Forget forgets somebody, and writes down that it was done. If it is
// interrupted, by an error or a crash, the next Open or Forget goes on. Name may
// be set to one that Pseudonym made.
func (s *Store) Forget(ctx context.Context, f Forgetting) (Forgotten, error) {
	switch {
	case f.Kind == ForgetCaller && len(f.Hashes) > 0 && f.Agent == "":
		if slices.Contains(f.Hashes, [16]byte{}) {
			return Forgotten{}, errors.New("the hash of no number is nobody's")
		}
	case f.Kind == ForgetAgent && f.Agent != "" && f.Agent != metrics.Overflow && len(f.Hashes) == 0:
	default:
		return Forgotten{}, fmt.Errorf("whom to forget is not told: kind %q, %d hashes, agent %q", f.Kind, len(f.Hashes), f.Agent)
	}
	f.Contacts, f.Rollups, f.Facts, f.Cards = 0, 0, 0, 0
	s.forgetting.Lock()
	defer s.forgetting.Unlock()
	if err := s.finishForgetting(ctx); err != nil {
		return Forgotten{}, fmt.Errorf("an earlier forgetting cannot be finished: %w", err)
	}
	if err := s.name(ctx, &f); err != nil {
		return Forgotten{}, err
	}
	if err := s.begin(&f); err != nil {
		return Forgotten{}, err
	}
	return s.forget(ctx, &f)
}

// name gives a forgotten agent its new name.
func (s *Store) name(ctx context.Context, f *Forgetting) (err error) {
	if f.Kind != ForgetAgent {
		return nil
	}
	if f.Name == "" {
		f.Name, err = s.Pseudonym(ctx)
		return err
	}
	earlier, err := s.Forgotten(ctx)
	if err == nil && taken(earlier, f.Name) {
		err = fmt.Errorf("the name %q stands for somebody else", f.Name)
	}
	return err
}

// finishForgetting goes on with a forgetting that was interrupted.
func (s *Store) finishForgetting(ctx context.Context) error {
	f, err := s.underWay()
	if err != nil || f == nil {
		return err
	}
	if _, err := s.forget(ctx, f); !errors.Is(err, ErrUnknown) {
		return err
	}
	return nil
}

// underWay reads the forgetting that is under way, nil if none is.
func (s *Store) underWay() (f *Forgetting, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		item, err := get(txn, metadata(metaForgetting))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		f = &Forgetting{}
		return item.Value(func(b []byte) error { return json.Unmarshal(b, f) })
	})
	return f, err
}

// begin writes down who is to be forgotten.
func (s *Store) begin(f *Forgetting) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := s.clearable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	if s.staged {
		if err := s.unpackLocked(); err != nil {
			return err
		}
	}
	return s.stepLocked([]change{{metadata(metaForgetting), b}})
}

func (s *Store) stepLocked(changes []change) error {
	if err := s.commit(changes); err != nil {
		return err
	}
	return s.db.Sync()
}

func (s *Store) forget(ctx context.Context, f *Forgetting) (Forgotten, error) {
	pass := s.forgetCaller
	if f.Kind == ForgetAgent {
		pass = s.forgetAgent
	}
	for { // until nothing is left that came in meanwhile
		changed := f.records()
		if err := pass(ctx, f); err != nil {
			return Forgotten{}, fmt.Errorf("the forgetting goes on when the folder is opened again: %w", err)
		}
		if f.records() == changed {
			break
		}
	}
	if f.records() == 0 {
		if err := s.clearable(); err != nil {
			return Forgotten{}, err
		}
		defer s.write.Unlock()
		return Forgotten{}, errors.Join(ErrUnknown, s.stepLocked([]change{{key: metadata(metaForgetting)}}))
	}
	return s.record(ctx, f)
}

// record ends a forgetting.
func (s *Store) record(ctx context.Context, f *Forgetting) (Forgotten, error) {
	done := Forgotten{Number: 1, Kind: f.Kind, At: f.At, By: f.By, Contacts: f.Contacts, Rollups: f.Rollups, Facts: f.Facts, Cards: f.Cards, Name: f.Name}
	earlier, err := s.Forgotten(ctx)
	if err != nil {
		return Forgotten{}, err
	}
	if n := len(earlier); n > 0 {
		done.Number = earlier[n-1].Number + 1
	}
	b, err := json.Marshal(done)
	if err != nil {
		return Forgotten{}, err
	}
	if err := s.clearable(); err != nil {
		return Forgotten{}, err
	}
	defer s.write.Unlock()
	return done, s.stepLocked([]change{
		{binary.BigEndian.AppendUint64([]byte{forgottenKey}, done.Number), b},
		{metadata(metaTraces), binary.AppendVarint(nil, int64(done.Number))},
		{key: metadata(metaForgetting)},
	})
}

// Forgotten lists what was forgotten, oldest first.
func (s *Store) Forgotten(ctx context.Context) (list []Forgotten, err error) {
	if err := s.reading(); err != nil {
		return nil, err
	}
	defer s.readers.Done()
	err = s.db.View(func(txn *badger.Txn) error {
		return scan(txn, []byte{forgottenKey}, func(item *record) error {
			var f Forgotten
			if err := item.Value(func(b []byte) error { return json.Unmarshal(b, &f) }); err != nil {
				return fmt.Errorf("forgetting %x: %w", item.Key(), err)
			}
			list = append(list, f)
			return ctx.Err()
		})
	})
	return list, err
}
