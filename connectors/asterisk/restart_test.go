package asterisk

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tallyd/connectors/asterisk/arievent"
	"tallyd/connectors/source/sourcetest"
	"tallyd/metrics"
)

// lived is a recording that is played in several lives, each of which goes on
// from what the journal of the one before it kept.
type lived struct {
	*recorder
	journal *sourcetest.Journal
	bytes   []byte
	sealed  []*metrics.Sealed
}

func (l *lived) begin(t testing.TB, kept *sourcetest.Journal) {
	t.Helper()
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{Switch: "ast1", CallerKey: []byte("k"), Sealed: func(s *metrics.Sealed) {
		l.sealed = append(l.sealed, s)
		for i := range s.Rollups {
			l.bytes, _ = s.Rollups[i].AppendBinary(l.bytes)
		}
		for i := range s.Contacts {
			l.bytes, _ = s.Contacts[i].AppendBinary(l.bytes)
		}
	}})
	if kept == nil {
		l.journal = &sourcetest.Journal{Every: 500}
	} else {
		l.journal = kept.Left()
	}
	l.recorder = newRecorder(names, tracker, l.journal)
	if kept != nil {
		sealed, handed := len(l.bytes), len(l.sealed)
		if err := l.restore(kept.Kept()); err != nil {
			t.Fatal(err)
		}
		l.bytes, l.sealed = l.bytes[:sealed], l.sealed[:handed] // what was handed over before is handed over again
	}
	l.rest()
}

// What happens at some events of a recording.
type trouble int

const (
	death       trouble = iota // and another life
	deathAndGap                // the switch is out of sight in between
	gap                        // no death
)

// playLives plays a recording; before the events of these numbers there is
// trouble.
func playLives(t testing.TB, folder string, withAMI bool, what trouble, when []int) *lived {
	t.Helper()
	var m *Manager
	if withAMI {
		m = NewManager(openEither(t, folder+"/ami-events.txt"))
	}
	l := &lived{}
	l.begin(t, nil)
	for n, e := range recordedEvents(t, folder) {
		for range count(when, n) {
			l.trouble(t, what)
		}
		if m != nil {
			m.until(arievent.Stamp(e), l.translator)
		}
		l.translator.Event(e, int64(n))
		if n%100 == 99 {
			l.rest()
		}
	}
	if m != nil {
		if err := m.Rest(l.translator); err != nil {
			t.Fatal(err)
		}
	}
	l.tracker.Close()
	return l
}

func (l *lived) trouble(t testing.TB, what trouble) {
	t.Helper()
	if what != death {
		l.lost()
	}
	if what == gap {
		return
	}
	l.rest()
	before, events, read := l.state(), l.translator.Counts.Events, l.recorder.bytes
	l.begin(t, l.journal)
	l.translator.Counts.Events, l.recorder.bytes = events, read // those that say nothing are not kept
	if after := l.state(); !bytes.Equal(before, after) {
		t.Fatalf("the state after event %d was not restored", events)
	}
}

func count(list []int, x int) (n int) {
	for _, y := range list {
		if x == y {
			n++
		}
	}
	return n
}

// A daemon that dies and comes back at any event, having missed nothing, ends
// with the same bytes as one that never died; and where it did miss something it
// ends with the same bytes as one that lost the switch from sight for that time.
func TestRestartAnywhere(t *testing.T) {
	for _, folder := range []string{"testdata/asterisk22", "testdata/asterisk16", "testdata/lab22", "testdata/lab16"} {
		events := len(recordedEvents(t, folder))
		for _, withAMI := range []bool{true, false} {
			r := rand.New(rand.NewPCG(4, uint64(events)))
			var when []int
			for range 25 {
				when = append(when, r.IntN(events))
			}
			whole := playLives(t, folder, withAMI, gap, nil)
			if whole.journal.Checkpoints < 5 {
				t.Errorf("%s: %d checkpoints were taken", folder, whole.journal.Checkpoints)
			}
			t.Logf("%s (AMI %t): %d bytes an event are kept", folder, withAMI, whole.journal.Bytes/events)
			if died := playLives(t, folder, withAMI, death, when); !bytes.Equal(whole.bytes, died.bytes) {
				t.Errorf("%s (AMI %t): after %d deaths other bytes were handed over", folder, withAMI, len(when))
			}
			blind := playLives(t, folder, withAMI, gap, when)
			if died := playLives(t, folder, withAMI, deathAndGap, when); !bytes.Equal(blind.bytes, died.bytes) {
				t.Errorf("%s (AMI %t): deaths come to something else than gaps", folder, withAMI)
			}
			if bytes.Equal(blind.bytes, whole.bytes) {
				t.Errorf("%s: gaps make no difference", folder)
			}
		}
	}
}
