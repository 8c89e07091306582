package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"tallyd/metrics"
	"tallyd/storage"
)

// Refused is why a fact is not stored, where it is the fact's fault.
type Refused struct {
	Reason string // one of the reasons below
	// Later: it may be taken later, as it is.
	Later bool
	what  string
}

// The reasons.
const (
	BadMessage     = "message" // it is not written as documented
	BadMoment      = "moment"  // it is of the future, or of a time that is not kept
	UnknownContact = "contact" // its visit is not known, or of no agent or another
	UnknownAgent   = "agent"   // nobody knows its agent, or somebody was forgotten
	OtherFact      = "differs" // another fact has its id
)

func refuse(reason, format string, args ...any) *Refused {
	return &Refused{Reason: reason, what: fmt.Sprintf(format, args...)}
}

// maxRefusal bounds what is said of a message that may be all one value.
const maxRefusal = 400

func (r *Refused) Error() string {
	if len(r.what) <= maxRefusal {
		return r.what
	}
	return strings.ToValidUTF8(r.what[:maxRefusal], "") + "…"
}

// FactTaken tells that a fact is stored.
type FactTaken struct {
	ID, Agent string
	// Duplicate: it was stored before.
	Duplicate bool
}

// TakeFact stores a fact, of a kind, that a message tells: on the disk when it
// returns. kind "" is the one whose part the fact has. id is what the message came with, "" where only the message itself may
// have one. An error that is no Refused is ours, and the fact can be sent again.
func (s *Service) TakeFact(ctx context.Context, kind, id string, message []byte) (*FactTaken, error) {
	if s.cfg.Store == nil {
		return nil, errors.New("nothing is stored")
	}
	f, err := readFact(kind, id, message)
	if err != nil {
		return nil, refuse(BadMessage, "%v", err)
	}
	known, err := s.complete(f)
	if err == nil && !known {
		err = s.admit(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	duplicate, err := s.keep(f)
	switch {
	case errors.Is(err, storage.ErrFactDiffers):
		return nil, refuse(OtherFact, "%v", err)
	case errors.Is(err, storage.ErrPast):
		return nil, refuse(BadMoment, "%v", err)
	case err != nil:
		return nil, err
	}
	return &FactTaken{f.ID, f.Agent, duplicate}, nil
}

// readFact reads and checks a message. Its agent, and its contact's switch, may be
// missing.
func readFact(kind, id string, message []byte) (*metrics.Fact, error) {
	var k metrics.FactKind
	if kind != "" {
		var err error
		if k, err = factKind(kind); err != nil {
			return nil, err
		}
	}
	var m Fact
	if err := ReadMessage(message, &m); err != nil {
		return nil, err
	}
	if id != "" && m.ID != "" && id != m.ID {
		return nil, fmt.Errorf("id %q is another one than %q, which the message came with", m.ID, id)
	}
	m.ID = cmp.Or(m.ID, id)
	return m.checked(cmp.Or(k, m.kind()))
}

// Check tells what is wrong with a fact that is to be sent, as far as the fact itself
// tells it.
func (m *Fact) Check() error {
	_, err := m.checked(m.kind())
	return err
}

// checked is a fact of a kind, 0 for none, in which nothing is wrong.
func (m *Fact) checked(kind metrics.FactKind) (*metrics.Fact, error) {
	if kind == 0 {
		return nil, fmt.Errorf("one of %s is missing", strings.Join(metrics.FactKindNames(), ", "))
	}
	f, err := m.fact(kind)
	if err != nil {
		return nil, err
	}
	return f, f.Check()
}

// complete fills in what a fact leaves out, and tells whether the fact is stored
// already. It then fills in what is stored: contacts and agents come and go, and who
// sends a fact again must hear the same again.
func (s *Service) complete(f *metrics.Fact) (known bool, err error) {
	v, err := s.cfg.Store.Snapshot()
	if err != nil {
		return false, err
	}
	defer v.Close()
	old, known, err := v.Fact(f.Kind, f.ID)
	if err != nil {
		return false, err
	}
	if !known {
		return false, s.ofContact(f)
	}
	f.Agent = cmp.Or(f.Agent, old.Agent)
	if f.Contact != "" {
		f.Switch = cmp.Or(f.Switch, old.Switch)
	}
	return true, nil
}

// keep stores a fact, unless somebody in it was forgotten since it happened.
func (s *Service) keep(f *metrics.Fact) (duplicate bool, err error) {
	in := s.cfg.Intake
	in.disk.RLock() // who is forgotten from now on is looked for in the store
	defer in.disk.RUnlock()
	names := []string{f.Agent}
	if f.Form != nil {
		names = append(names, f.Form.Rater)
	}
	for _, n := range names {
		if in.forgot(n, f.At) {
			return false, refuse(UnknownAgent, "%q was forgotten", n)
		}
	}
	return s.cfg.Store.PutFact(f)
}
