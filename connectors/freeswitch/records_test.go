package freeswitch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/callrecords"
	"tallyd/connectors/source/records"
	"tallyd/connectors/source/records/recordtest"
)

// recordsOf are FreeSWITCH's own records of a recording.
func recordsOf(t *testing.T, dir string) (out []*records.Record) {
	t.Helper()
	j := &callrecords.JSON{}
	if err := j.Read("", openRecording(t, dir+"/json_cdr.tar")); err != nil {
		t.Fatal(err)
	}
	documents, err := j.Record()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := callrecords.ReadCSV(openRecording(t, dir+"/Master.csv"), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := callrecords.ReadLists(openRecording(t, dir+"/snapshots.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out = append([]*records.Record{documents, rows}, lists...)
	for _, rec := range out {
		if len(rec.Faults) > 0 {
			t.Errorf("%s: %v", rec.Name, rec.Faults)
		}
	}
	return out
}

func compareRecord(t *testing.T, rec *records.Record, r *replayed) *records.Result {
	t.Helper()
	result := records.Compare(rec, &records.Counted{Contacts: r.contacts}, records.Span{})
	for _, d := range result.Differences {
		if d.Reason == "" {
			t.Error(d.In(rec.Name))
		} else {
			t.Log(d.In(rec.Name))
		}
	}
	return result
}

// TestRecords: each of FreeSWITCH's records has the visits of the recordings
// that it can have, and nothing differs that has no reason. Seen in two segments
// with a gap between, too.
func TestRecords(t *testing.T) {
	for _, c := range []struct {
		dir      string
		segments []string
		want     []string
	}{
		{"testdata/runA", []string{"plain.raw"}, []string{"JSON CDR: 135 visits, 135 compared, 0 differ", "CDR: 135 visits, 135 compared, 0 differ",
			"queue list members: 126 visits, 126 compared, 1 differ", "agent list: 102 visits, 102 compared, 0 differ"}},
		{"testdata/runA", []string{"json.seg1.raw", "json.seg2.raw"}, []string{"JSON CDR: 135 visits, 135 compared, 3 differ", "CDR: 135 visits, 135 compared, 1 differ",
			"queue list members: 126 visits, 126 compared, 1 differ", "agent list: 102 visits, 102 compared, 0 differ"}},
		{"testdata/runC-reload", []string{"plain.raw"}, []string{"JSON CDR: 19 visits, 19 compared, 0 differ", "CDR: 19 visits, 19 compared, 0 differ",
			"queue list members: 19 visits, 19 compared, 0 differ", "agent list: 14 visits, 14 compared, 0 differ"}},
	} {
		var files []string
		for _, s := range c.segments {
			files = append(files, c.dir+"/"+s)
		}
		r := replayFiles(t, files...)
		for i, rec := range recordsOf(t, c.dir) {
			x := compareRecord(t, rec, r)
			if got := fmt.Sprintf("%s: %d visits, %d compared, %d differ", rec.Name, x.Visits, x.Compared, len(x.Differences)); got != c.want[i] || x.LeftOut != 0 {
				t.Errorf("%v: %s, %d left out, want %s", files, got, x.LeftOut, c.want[i])
			}
		}
	}
}

// TestRecordsFindFaults counts each visit wrong in each way: the records find it,
// as far as they can tell.
func TestRecordsFindFaults(t *testing.T) {
	r := replayFiles(t, "testdata/runA/plain.raw")
	least := map[string]map[string]int{
		"JSON CDR":           {"lost": 100, "another": 100, "queue": 100, "not answered": 100, "answered": 100, "agent": 100, "wait": 100, "end": 100, "who ended it": 90},
		"CDR":                {"lost": 100, "another": 100, "queue": 100, "not answered": 100, "answered": 100, "agent": 100, "wait": 97, "end": 97, "who ended it": 90},
		"queue list members": {"lost": 90, "another": 90, "queue": 90, "answered": 80, "agent": 66, "wait": 70},
		"agent list":         {"agent": 85, "end": 65},
	}
	for _, rec := range recordsOf(t, "testdata/runA") {
		recordtest.Finds(t, rec, &records.Counted{Contacts: r.contacts}, [2]string{"1001@default", "1006@default"}, least[rec.Name])
	}
}

// documentsOf makes the JSON call detail records of a recording that has none: a
// channel's variables when it is hung up are what its record has, and the events
// of CHANNEL_EXECUTE its log of applications.
func documentsOf(t *testing.T, streams ...io.Reader) []byte {
	t.Helper()
	type object map[string]any
	ran := map[string][]object{}
	var out bytes.Buffer
	for _, s := range streams {
		b, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		for event := range bytes.SplitSeq(b, []byte("\n\n")) {
			headers, variables := map[string]string{}, object{}
			for line := range strings.SplitSeq(string(event), "\n") {
				key, value, _ := strings.Cut(line, ": ")
				if value, err = url.PathUnescape(value); err != nil {
					t.Fatal(err)
				}
				if name, ok := strings.CutPrefix(key, "variable_"); ok {
					variables[name] = value
				} else {
					headers[key] = value
				}
			}
			id := headers["Unique-ID"]
			switch headers["Event-Name"] {
			case "CHANNEL_EXECUTE":
				ran[id] = append(ran[id], object{"app_name": headers["Application"], "app_data": headers["Application-Data"], "app_stamp": headers["Event-Date-Timestamp"]})
			case "CHANNEL_HANGUP_COMPLETE":
				variables["uuid"] = id
				err := json.NewEncoder(&out).Encode(object{"core-uuid": headers["Core-UUID"], "variables": variables, "app_log": object{"applications": ran[id]}})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return out.Bytes()
}

// TestRecordsOfChannels: the variables that FreeSWITCH itself keeps of each
// channel agree with what was counted, in all that was played in the lab: races,
// standby agents, two domains, queues that come and go, stops and kills.
func TestRecordsOfChannels(t *testing.T) {
	for name, want := range map[string]string{"lab-twodomains": "130 visits, 130 compared, 0 differ", "lab-standby": "77 visits, 77 compared, 0 differ",
		"lab-races": "200 visits, 200 compared, 18 differ", "lab-narrow": "140 visits, 140 compared, 6 differ", "lab-runtime": "87 visits, 87 compared, 0 differ",
		"lab-restart": "74 visits, 74 compared, 10 differ"} {
		t.Run(name, func(t *testing.T) {
			dir := "testdata/" + name
			files := append([]string{dir + "/plain.raw"}, segments(dir)...)
			var streams []io.Reader
			for _, f := range files {
				streams = append(streams, openRecording(t, f))
			}
			r := replayFiles(t, files...)
			j := &callrecords.JSON{}
			if err := j.Read("", bytes.NewReader(documentsOf(t, streams...))); err != nil {
				t.Fatal(err)
			}
			rec, err := j.Record()
			if err != nil || len(rec.Faults) > 0 {
				t.Fatal(err, rec.Faults)
			}
			x := compareRecord(t, rec, r)
			if got := fmt.Sprintf("%d visits, %d compared, %d differ", x.Visits, x.Compared, len(x.Differences)); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
