package queuelog

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

func FuzzRead(f *testing.F) {
	for _, version := range []string{"22", "16"} {
		file, err := os.Open("../testdata/lab" + version + "/queue_log.gz")
		if err != nil {
			f.Fatal(err)
		}
		defer file.Close()
		z, err := gzip.NewReader(file)
		if err != nil {
			f.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i+3000 < len(b) && i < 12_000; i += 3000 {
			f.Add(b[i : i+3000])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, faults, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		rec := Record(entries, faults)
		var counted []metrics.Contact
		for _, v := range rec.Visits {
			if v.Line < 1 || v.Line > bytes.Count(b, []byte("\n"))+1 || len(v.Outcomes) != 1 {
				t.Errorf("%+v", v)
			}
			counted = append(counted, metrics.Contact{Visit: v.ID, Leg: v.ID, Queue: v.Queue, Agent: v.Agent, Outcome: v.Outcomes[0], Joined: v.Joined})
		}
		if r := records.Compare(rec, &records.Counted{Contacts: counted}, records.Span{}); r.Compared+r.LeftOut > r.Visits {
			t.Errorf("%+v", r)
		}
	})
}
