package freeswitch

import (
	"maps"
	"testing"

	"tallyd/metrics"
)

// Every call of an agent's own that is counted in a recording has its contact, or
// goes on at its end.
func TestCallsOfRecordings(t *testing.T) {
	total, numbers := 0, 0
	for _, files := range [][]string{
		{"testdata/runA/plain.raw"}, {"testdata/runA/json.seg1.raw", "testdata/runA/json.seg2.raw"}, {"testdata/runC-reload/plain.raw"},
		{"testdata/runD-restart/plain.raw", "testdata/runD-restart/plain.seg2.raw"},
		{"testdata/lab-runtime/plain.raw"}, {"testdata/lab-races/plain.raw"}, {"testdata/lab-standby/plain.raw"},
		{"testdata/lab-twodomains/plain.raw"}, {"testdata/lab-narrow/plain.raw"},
		{"testdata/lab-restart/plain.raw", "testdata/lab-restart/plain.seg2.raw", "testdata/lab-restart/plain.seg3.raw", "testdata/lab-restart/plain.seg4.raw"},
	} {
		r := replayFiles(t, files...)
		r.tracker.Close()
		counted, contacts := map[string]int{}, map[string]int{}
		for k, x := range r.sum() {
			if n := int(x.Get(metrics.OtherCalls)); k.Kind == metrics.AgentRow && n != 0 {
				counted[k.Name] = n
			}
		}
		n := 0
		for _, s := range r.sealed {
			for i := range s.Contacts {
				c := &s.Contacts[i]
				if c.Kind != metrics.CallContact {
					continue
				}
				contacts[c.Agent]++
				n++
				if c.Caller != "" {
					numbers++
				}
				if c.Queue != "" || c.Ended < c.Joined || c.Way == metrics.UnknownWay || (c.Outcome == metrics.Answered) != (c.Answered != 0) {
					t.Errorf("%s: a call that cannot be: %+v", files[0], c)
				}
			}
		}
		t.Logf("%s: %d calls", files[0], n)
		if total += n; !maps.Equal(counted, contacts) {
			t.Errorf("%s: counted %v, contacts %v", files[0], counted, contacts)
		}
	}
	if total == 0 || numbers == 0 {
		t.Errorf("%d calls, %d numbers: nothing was tested", total, numbers)
	}
}
