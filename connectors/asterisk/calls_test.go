package asterisk

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"strings"
	"testing"

	"tallyd/metrics"
)

// Every call of an agent's own that is counted in a recording has its contact:
// per agent there are as many as other_calls says, and each can be.
func TestCallsOfRecordings(t *testing.T) {
	total, checked := 0, 0
	for _, folder := range []string{"testdata/asterisk16", "testdata/asterisk22", "testdata/lab16", "testdata/lab16-early", "testdata/lab22", "testdata/lab22-instead"} {
		for _, withAMI := range []bool{true, false} {
			counted, contacts := map[string]int{}, map[string]int{}
			numbers, sources := 0, hangupSources(t, folder)
			names := metrics.NewNames()
			tracker := metrics.NewTracker(names, metrics.Options{Switch: "ast1", CallerKey: []byte("key"), Sealed: func(s *metrics.Sealed) {
				for i := range s.Rollups {
					if r := &s.Rollups[i]; r.Kind == metrics.AgentRow && r.Get(metrics.OtherCalls) != 0 {
						counted[r.Name] += int(r.Get(metrics.OtherCalls))
					}
				}
				for i := range s.Contacts {
					c := &s.Contacts[i]
					if c.Kind != metrics.CallContact {
						continue
					}
					contacts[c.Agent]++
					if src, ok := sources[c.Leg]; ok && !c.Unseen && (c.EndedBy == metrics.ByAgent) != src.itself {
						t.Errorf("%s: call %s ended by %v, Asterisk's own record says by %q", folder, c.Leg, c.EndedBy, src.name)
					} else if ok {
						checked++
					}
					if c.Caller != "" {
						numbers++
					}
					if c.Queue != "" || c.Ended < c.Joined || c.Way == metrics.UnknownWay || (c.Outcome == metrics.Answered) != (c.Answered != 0) {
						t.Errorf("%s: a call that cannot be: %+v", folder, c)
					}
				}
			}})
			translator := NewTranslator(names, tracker.Apply)
			var m *Manager
			if withAMI {
				m = NewManager(openEither(t, folder+"/ami-events.txt"))
			}
			if err := Replay(context.Background(), openEither(t, folder+"/ari-events.jsonl"), m, translator); err != nil {
				t.Fatal(err)
			}
			if m != nil {
				if err := m.Rest(translator); err != nil {
					t.Fatal(err)
				}
			}
			tracker.Close() // what was open then has contacts too
			for name, n := range counted {
				if n == 0 {
					delete(counted, name) // it was the queue's after all
				}
			}
			n := 0
			for _, k := range contacts {
				n += k
			}
			t.Logf("%s (AMI %t): %d calls, the far end's number known of %d", folder, withAMI, n, numbers)
			if total += n; !maps.Equal(counted, contacts) {
				t.Errorf("%s (AMI %t): counted %v, contacts %v", folder, withAMI, counted, contacts)
			}
		}
	}
	if total == 0 || checked < total/2 {
		t.Errorf("%d calls, who ended it is on record of %d: nothing was tested", total, checked)
	}
}

// hangupSource is who hung a channel up, by Asterisk's own record.
type hangupSource struct {
	name   string
	itself bool
}

// hangupSources reads the channel event log.
func hangupSources(t *testing.T, folder string) map[string]hangupSource {
	t.Helper()
	out := map[string]hangupSource{}
	r := csv.NewReader(openEither(t, folder+"/cel-Master.csv"))
	r.FieldsPerRecord = -1
	for {
		row, err := r.Read()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if row[0] != "HANGUP" || len(row) < 12 {
			continue
		}
		for _, cell := range row[9:] {
			var extra struct {
				Source string `json:"hangupsource"`
			}
			if strings.HasPrefix(cell, "{") && json.Unmarshal([]byte(cell), &extra) == nil {
				out[row[8]] = hangupSource{extra.Source, extra.Source == row[5]}
			}
		}
	}
}
