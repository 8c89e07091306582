package asterisk

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/asterisk/callrecords"
	"tallyd/connectors/asterisk/queuelog"
	"tallyd/connectors/source/records"
	"tallyd/connectors/source/records/recordtest"
)

// compareCalls holds a replay against CEL, and against CDR where the folder has
// it.
func compareCalls(t *testing.T, folder string, r *replayed) {
	t.Helper()
	show(t, folder+"/cel-Master.csv", compareRecord(t, readRecord(t, folder+"/cel-Master.csv", callrecords.ReadCEL), r))
	if files, _ := os.ReadDir(folder); slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasPrefix(f.Name(), "Master.csv") }) {
		show(t, folder+"/Master.csv", compareRecord(t, readRecord(t, folder+"/Master.csv", callrecords.ReadCDR), r))
	}
}

// show logs what a record has, row by row, of visits with which something is
// wrong: a live switch does not do the same again.
func show(t *testing.T, file string, result *records.Result) {
	t.Helper()
	for _, d := range result.Unexplained() {
		rows := bufio.NewScanner(openEither(t, file))
		for n := 1; rows.Scan(); n++ {
			if d.ID != "" && strings.Contains(rows.Text(), d.ID) {
				t.Logf("line %d: %s", n, rows.Text())
			}
		}
	}
}

func readRecord(t *testing.T, file string, read func(io.Reader, *time.Location) (*records.Record, error)) *records.Record {
	t.Helper()
	rec, err := read(openEither(t, file), time.UTC)
	if err != nil || len(rec.Faults) > 0 || rec.Zoneless {
		t.Fatalf("%s: %v, %v, zone known %v", file, err, rec.Faults, !rec.Zoneless)
	}
	return rec
}

// recordsOf are the records of a recording.
func recordsOf(t *testing.T, folder string) []*records.Record {
	return []*records.Record{
		queuelog.Record(readQueueLog(t, folder), nil),
		readRecord(t, folder+"/cel-Master.csv", callrecords.ReadCEL),
		readRecord(t, folder+"/Master.csv", callrecords.ReadCDR),
	}
}

// TestRecords: all three records have each visit of the recordings, but one of
// which CDR is known to have nothing, and nothing differs that has no reason.
func TestRecords(t *testing.T) {
	for folder, want := range map[string][]string{
		"testdata/asterisk22": {"queue_log: 157 visits, 157 compared, 2 refused, 0 differ", "CEL: 159 visits, 159 compared, 0 refused, 0 differ", "CDR: 156 visits, 156 compared, 2 refused, 10 differ"},
		"testdata/asterisk16": {"queue_log: 133 visits, 133 compared, 2 refused, 0 differ", "CEL: 135 visits, 135 compared, 0 refused, 0 differ", "CDR: 132 visits, 132 compared, 2 refused, 7 differ"},
	} {
		r := replay(t, folder, false)
		for i, rec := range recordsOf(t, folder) {
			c := compareRecord(t, rec, r)
			if got := fmt.Sprintf("%s: %d visits, %d compared, %d refused, %d differ", rec.Name, c.Visits, c.Compared, c.Refused, len(c.Differences)); got != want[i] || c.LeftOut != 0 {
				t.Errorf("%s: %s, %d left out, want %s", folder, got, c.LeftOut, want[i])
			}
		}
	}
}

// TestRecordsFindFaults counts each visit wrong in each way, one at a time: the
// records find it, as far as they can tell. The reasons explain no more away
// than that.
func TestRecordsFindFaults(t *testing.T) {
	const folder = "testdata/asterisk22"
	r := replay(t, folder, false)
	least := map[string]map[string]int{
		"queue_log": {"lost": 100, "another": 100, "queue": 100, "not answered": 100, "answered": 100, "agent": 99, "wait": 100, "who ended it": 100},
		"CEL":       {"lost": 100, "another": 100, "queue": 100, "not answered": 100, "answered": 100, "agent": 99, "wait": 100, "who ended it": 75},
		"CDR":       {"lost": 99, "another": 99, "queue": 98, "not answered": 100, "answered": 94, "agent": 99, "end": 60},
	}
	for _, rec := range recordsOf(t, folder) {
		recordtest.Finds(t, rec, &records.Counted{Contacts: r.contacts, Name: r.translator.Name}, [2]string{"PJSIP/1001", "PJSIP/1002"}, least[rec.Name])
	}
}

// TestCDRLayouts: the same rows as other settings of cdr.conf write them, and as
// cdr_custom does; in local time, too.
func TestCDRLayouts(t *testing.T) {
	const folder = "testdata/asterisk22"
	rows, err := csv.NewReader(openEither(t, folder+"/Master.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	r := replay(t, folder, false)
	write := func(change func(row []string) []string) string {
		var b strings.Builder
		w := csv.NewWriter(&b)
		for _, row := range rows {
			_ = w.Write(change(slices.Clone(row)))
		}
		w.Flush()
		return b.String()
	}
	kolkata := time.FixedZone("", 5*3600+1800)
	for _, c := range []struct {
		name, text string
		zoneless   bool
	}{
		{"loguniqueid and loguserfield", write(func(row []string) []string { return row[:18] }), false},
		{"loguniqueid", write(func(row []string) []string { return row[:17] }), false},
		{"cdr_custom", write(func(row []string) []string {
			return append(append([]string{row[4], row[1], row[2], row[3]}, row[5:16]...), row[0], row[16], row[17], row[20])
		}), false},
		{"local time", write(func(row []string) []string {
			for k := 9; k <= 11; k++ {
				if at, err := time.Parse(time.DateTime, row[k]); err == nil {
					row[k] = at.In(kolkata).Format(time.DateTime)
				}
			}
			return row
		}), false},
		{"no unique ids", write(func(row []string) []string { return row[:16] }), true},
		{"no unique ids, but linked ids", write(func(row []string) []string { return append(row[:16], row[18:]...) }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := callrecords.ReadCDR(strings.NewReader(c.text), time.UTC)
			if err != nil || len(rec.Faults) > 0 || rec.Zoneless != c.zoneless {
				t.Fatal(err, rec.Faults, rec.Zoneless)
			}
			if got := compareRecord(t, rec, r); got.Compared != 156 || got.Visits != 156 {
				t.Errorf("%d visits, %d compared", got.Visits, got.Compared)
			}
		})
	}
}

// TestCELLayout: the same rows as the sample of cel_custom.conf has them, twenty
// columns, and with the stamps that Asterisk makes by default.
func TestCELLayout(t *testing.T) {
	const folder = "testdata/asterisk22"
	r := csv.NewReader(openEither(t, folder+"/cel-Master.csv"))
	var b strings.Builder
	w := csv.NewWriter(&b)
	for {
		f, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.DateTime, f[1])
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Write([]string{f[0], fmt.Sprintf("%d.%06d", at.Unix(), at.Nanosecond()/1000), "Cust", f[2], f[2], "", f[3], f[3], f[4], f[5], f[6], f[7], "3", "", f[8], f[9], f[10], "", "", f[11]})
	}
	w.Flush()
	rec, err := callrecords.ReadCEL(strings.NewReader(b.String()), time.UTC)
	if err != nil || len(rec.Faults) > 0 {
		t.Fatal(err, rec.Faults)
	}
	if got := compareRecord(t, rec, replay(t, folder, false)); got.Visits != 159 || got.Compared != 159 || len(got.Differences) != 0 {
		t.Errorf("%+v", got)
	}
}
