package callrecords

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hold: whatever was read, each visit says what became of it and can be compared.
func hold(t *testing.T, b []byte, rec *records.Record) {
	lines := bytes.Count(b, []byte("\n")) + 1
	var counted []metrics.Contact
	for _, v := range rec.Visits {
		if v.Line > lines || len(v.Outcomes) == 0 || v.Slack <= 0 {
			t.Errorf("%+v", v)
		}
		counted = append(counted, metrics.Contact{Visit: v.ID, Leg: v.Leg, Queue: v.Queue, Agent: v.Agent, Outcome: v.Outcomes[0], Joined: v.Joined, Answered: v.Answered, Ended: v.Ended})
	}
	for _, f := range rec.Faults {
		if f.Line > lines || strings.Contains(f.Text, "\n") {
			t.Errorf("%+v", f)
		}
	}
	for _, list := range [][]metrics.Contact{counted, nil, counted[:len(counted)/2]} {
		r := records.Compare(rec, &records.Counted{Contacts: list}, records.Span{})
		if r.Compared+r.LeftOut > r.Visits || r.Visits > len(rec.Visits) {
			t.Errorf("%+v", r)
		}
		for _, d := range r.Differences {
			_ = d.In(rec.Name)
		}
	}
}

func FuzzJSONCDR(f *testing.F) {
	f.Add([]byte(answered + agents))
	f.Add([]byte(answered[:300] + "rubbish\n" + agents))
	b := recorded(f, "runC-reload/json_cdr.tar.gz")
	f.Add(b[:20_000])
	for i, doc := range bytes.SplitAfter(b, []byte("\n"))[:6] {
		if start := bytes.Index(doc, begins); start >= 0 && i%2 == 0 {
			f.Add(doc[start:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j := &JSON{}
		if err := j.Read("", bytes.NewReader(b)); err != nil {
			return
		}
		if rec, err := j.Record(); err == nil {
			hold(t, b, rec)
		}
	})
}

func FuzzCSV(f *testing.F) {
	lines := bytes.SplitAfter(recorded(f, "runA/Master.csv.gz"), []byte("\n"))
	for i := 0; i+10 < len(lines) && i < 60; i += 10 {
		f.Add(bytes.Join(lines[i:i+10], nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if rec, err := ReadCSV(bytes.NewReader(b), time.UTC); err == nil {
			hold(t, b, rec)
		}
	})
}

func FuzzLists(f *testing.F) {
	parts := bytes.SplitAfter(recorded(f, "runA/snapshots.txt.gz"), []byte("0 total.\n"))
	for i := 4; i+2 < len(parts) && i < 20; i += 4 {
		f.Add(bytes.Join(parts[i:i+2], nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := ReadLists(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, rec := range list {
			hold(t, b, rec)
		}
	})
}
