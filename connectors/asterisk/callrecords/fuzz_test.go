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

// hold: whatever was read, the visits are in the lines that there are and in the
// span, say what became of them, and can be compared.
func hold(t *testing.T, b []byte, rec *records.Record) {
	lines := bytes.Count(b, []byte("\n")) + 1
	var counted []metrics.Contact
	for _, v := range rec.Visits {
		if v.Line < 1 || v.Line > lines || len(v.Outcomes) == 0 || v.Slack <= 0 {
			t.Errorf("%+v", v)
		}
		counted = append(counted, metrics.Contact{Visit: v.ID, Leg: v.ID, Queue: v.Queue, Agent: v.Agent, Outcome: v.Outcomes[0], Joined: v.Joined, Ended: v.Ended})
	}
	for _, f := range rec.Faults {
		if f.Line < 1 || f.Line > lines || strings.Contains(f.Text, "\n") {
			t.Errorf("%+v", f)
		}
	}
	r := records.Compare(rec, &records.Counted{Contacts: counted}, records.Span{})
	if r.Compared+r.LeftOut > r.Visits || r.Visits > len(rec.Visits) {
		t.Errorf("%+v", r)
	}
	for _, d := range r.Differences {
		_ = d.In(rec.Name)
	}
}

func seed(f *testing.F, name string, lines int) {
	for _, folder := range []string{"asterisk22/", "asterisk16/"} {
		b := recorded(f, folder+name)
		for i := 0; len(b) > 0 && i < 4; i++ {
			part := bytes.SplitAfterN(b, []byte("\n"), lines+1)
			b = part[len(part)-1]
			f.Add(bytes.Join(part[:len(part)-1], nil))
		}
	}
}

func FuzzCDR(f *testing.F) {
	seed(f, "Master.csv.gz", 12)
	f.Add([]byte(queueRow + "\n" + queueRow))
	f.Fuzz(func(t *testing.T, b []byte) {
		if rec, err := ReadCDR(bytes.NewReader(b), time.UTC); err == nil {
			hold(t, b, rec)
		}
	})
}

func FuzzCEL(f *testing.F) {
	seed(f, "cel-Master.csv.gz", 60)
	f.Fuzz(func(t *testing.T, b []byte) {
		if rec, err := ReadCEL(bytes.NewReader(b), time.UTC); err == nil {
			hold(t, b, rec)
		}
	})
}
