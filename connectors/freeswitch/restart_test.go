package freeswitch

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/connectors/source/sourcetest"
	"tallyd/metrics"
)

// lived is a recording that is played in several lives, each of which goes on
// from what the journal of the one before it kept.
type lived struct {
	*recorder
	translator *Translator
	journal    *sourcetest.Journal
	bytes      []byte
}

func (l *lived) begin(t testing.TB, kept *sourcetest.Journal) {
	t.Helper()
	names := metrics.NewNames()
	tracker := metrics.NewTracker(names, metrics.Options{Switch: "fs1", CallerKey: []byte("k"), Sealed: func(s *metrics.Sealed) {
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
	l.translator = NewTranslator(names, l.take)
	l.translator.noted = l.take
	if kept != nil {
		sealed := len(l.bytes)
		if err := l.restore(kept.Kept()); err != nil {
			t.Fatal(err)
		}
		l.bytes = l.bytes[:sealed] // what was handed over before is handed over again
		l.translator.memory = l.memory.clone()
		l.translator.last = tracker.Now()
	}
	l.rest()
}

// What happens at some frames of a recording.
type trouble int

const (
	death       trouble = iota // and another life
	deathAndGap                // the switch is out of sight in between
	gap                        // no death
)

// playLives plays a recording; before the frames of these numbers there is
// trouble.
func playLives(t testing.TB, recording []byte, what trouble, when []int) *lived {
	t.Helper()
	l := &lived{}
	l.begin(t, nil)
	in := eventsocket.NewReader(bytes.NewReader(recording), eventsocket.DefaultLimits)
	for n := 0; ; n++ {
		for _, d := range when {
			if d == n {
				l.trouble(t, what)
			}
		}
		f, err := in.Next()
		if err != nil {
			break // at the end, whole or not
		}
		l.translator.Frame(f)
	}
	l.tracker.Close()
	return l
}

func (l *lived) trouble(t testing.TB, what trouble) {
	t.Helper()
	if what != death {
		l.translator.last = l.tracker.Now() // what told of nothing is not kept
		l.translator.Lost()
	}
	if what == gap {
		return
	}
	l.rest()
	before, lost := l.state(), l.translator.lost
	l.begin(t, l.journal)
	l.translator.lost = lost
	if !bytes.Equal(before, l.state()) {
		t.Fatalf("the state was not restored")
	}
}

// A daemon that dies and comes back at any event, having missed nothing, ends
// with the same bytes as one that never died; and where it did miss something it
// ends with the same bytes as one that lost the switch from sight for that time.
func TestRestartAnywhere(t *testing.T) {
	for _, name := range []string{"runA", "runC-reload", "runD-restart", "lab-twodomains", "lab-standby", "lab-races", "lab-runtime", "lab-restart"} {
		recording, err := io.ReadAll(openRecording(t, "testdata/"+name+"/plain.raw"))
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(4, uint64(len(recording))))
		var when []int
		for range 20 {
			when = append(when, r.IntN(bytes.Count(recording, []byte("\nContent-Type: text/event"))+1))
		}
		whole := playLives(t, recording, gap, nil)
		t.Logf("%s: %d bytes of %d are kept", name, whole.journal.Bytes, len(recording))
		if died := playLives(t, recording, death, when); !bytes.Equal(whole.bytes, died.bytes) {
			t.Errorf("%s: after %d deaths other bytes were handed over", name, len(when))
		}
		blind := playLives(t, recording, gap, when)
		if died := playLives(t, recording, deathAndGap, when); !bytes.Equal(blind.bytes, died.bytes) {
			t.Errorf("%s: deaths come to something else than gaps", name)
		}
		if bytes.Equal(blind.bytes, whole.bytes) {
			t.Errorf("%s: gaps make no difference", name)
		}
	}
}
