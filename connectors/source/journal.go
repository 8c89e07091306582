package source

import "errors"

// Journal is where a connector keeps what it would else forget when the daemon
// dies: a checkpoint of its state, and what changed the state since. Its methods
// belong to the goroutine that counts, and never wait.
type Journal interface {
	// Append adds a record, of which it keeps a copy.
	Append(record []byte)
	// Full tells that Rest should be called though more came.
	Full() bool
	// Rest is called when everything is counted that came, between two events: what
	// was appended is handed on if it is time. All of it comes back, or nothing.
	Rest()
	// Due has f called, by another goroutine, when Rest should be called again
	// though nothing came.
	Due(f func())
	// Wanted tells that a checkpoint should be given.
	Wanted() bool
	// Checkpoint gives the state as of what was appended so far.
	Checkpoint(state []byte)
}

// Kept is what a journal held: the state of a run that ended, and what changed it
// after that.
type Kept struct {
	State   []byte
	Records func(func(record []byte) error) error
}

// ErrKept is wrapped by errors about what a journal held.
var ErrKept = errors.New("what the journal kept cannot be taken up")

// NoJournal keeps nothing.
type NoJournal struct{}

func (NoJournal) Append([]byte)     {}
func (NoJournal) Full() bool        { return false }
func (NoJournal) Rest()             {}
func (NoJournal) Due(func())        {}
func (NoJournal) Wanted() bool      { return false }
func (NoJournal) Checkpoint([]byte) {}
