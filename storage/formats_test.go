package storage

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tallyd/metrics"
)

// testdata/format1.tar.gz is a folder that the first version of this program
// wrote and closed, format1.backup its backup. They are never made anew: what a released version wrote must
// stay readable. Who changes the keys, or a record's binary form, raises
// formatNumber and runs
//
//	go test ./storage -run TestFormats -rewrite
//
// which writes the new format's and leaves the older ones alone.
const formatsFolder = "testdata"

// formatContents are what the folder of a format was given, put by put.
func formatContents() []*metrics.Sealed {
	row := func(kind metrics.RowKind, name, second string, seed int64) metrics.Rollup {
		r := metrics.Rollup{Kind: kind, Name: name, Second: second}
		// Not by the length of Values: counters may be added.
		for c := metrics.Offered; c <= metrics.Consults; c++ {
			r.Values[c] = seed * int64(c) % 1_000_003
		}
		for _, k := range []metrics.HistogramKind{metrics.AnsweredWaits, metrics.AbandonedWaits} {
			for n := range seed % 5 {
				r.Histograms[k].Add(metrics.Millis(n * seed * 777))
			}
		}
		return r
	}
	var puts []*metrics.Sealed
	for i := range metrics.Interval(6) {
		interval := 1_988_416 + i // 2026-09-17
		for _, sw := range []string{"fs1", "ast1"} {
			seed := int64(i)*10 + int64(len(sw))
			s := &metrics.Sealed{Switch: sw, Interval: interval, Rollups: []metrics.Rollup{
				row(metrics.SiteRow, "", "", seed),
				row(metrics.QueueRow, "support@default", "", seed+1),
				row(metrics.QueueRow, "队列", "", seed+2),
				row(metrics.AgentRow, "1001@default", "", seed+3),
				row(metrics.AgentRow, "Local/1006@agents/n", "", seed+4),
				row(metrics.PairRow, "1001@default", "support@default", seed+5),
				row(metrics.PauseRow, "1001@default", "On Break", seed+6),
			}}
			for o := range metrics.Unobserved { // every outcome but the last, and but none in progress
				c := metrics.Contact{
					Switch: sw, Visit: fmt.Sprintf("%s-%d-%d", sw, i, o), Leg: fmt.Sprintf("leg-%d", o), Queue: "support@default", Caller: "139******78",
					Outcome: o + 1, Joined: interval.Start() + metrics.Millis(o), Ended: interval.Start() + 60_000 + metrics.Millis(o),
					Offers: int(o), Partial: o == 3, Unseen: o == 4, Offset: int64(o) * 1_000_000_007,
				}
				for n := range c.Hash {
					c.Hash[n] = byte(int(o) + n)
				}
				if c.Outcome == metrics.Answered {
					c.Agent, c.Answered, c.EndedBy, c.Hold, c.Holds = "1001@default", c.Joined+5000, metrics.ByBlindTransfer, 1500, 2
				}
				s.Contacts = append(s.Contacts, c)
			}
			puts = append(puts, s)
		}
	}
	late := &metrics.Sealed{Switch: puts[4].Switch, Interval: puts[4].Interval, Correction: true, Rollups: []metrics.Rollup{row(metrics.QueueRow, "support@default", "", 99)}}
	// A contact that is known is told again: another agent, another end.
	again := puts[4].Contacts[0]
	again.Agent, again.Ended = "Local/1006@agents/n", again.Ended+5000
	late.Contacts = []metrics.Contact{again}
	return append(puts, late)
}

// factsFormat is the format from which on the folder has facts.
const factsFormat = 5

// formatFacts are the facts that the folder was given; the first is past its time.
func formatFacts() []metrics.Fact {
	first := formatContents()[0].Interval
	csat, resolved := 4, true
	return []metrics.Fact{
		{Kind: metrics.SurveyFact, ID: "0", At: first.Start(), Agent: "1001@default", Survey: &metrics.Survey{CSAT: &csat}},
		{Kind: metrics.SurveyFact, ID: "1", At: first.End(), Agent: "1001@default", Contact: "fs1-1-0", Switch: "fs1",
			Survey: &metrics.Survey{CSAT: &csat, Resolved: &resolved}},
		{Kind: metrics.DispositionFact, ID: "1", At: first.End(), Agent: "Local/1006@agents/n",
			Disposition: &metrics.Disposition{Code: "退款", Case: "C-1", Due: first.End() + 86_400_000, Done: first.End()}},
		{Kind: metrics.TrainingFact, ID: "c1/1001", At: first.End() + 1, Agent: "1001@default",
			Training: &metrics.Training{Course: "c1", Passed: true, Points: 8, Of: 10}},
		{Kind: metrics.FormFact, ID: "qa-7", At: first.End() + 2, Agent: "1001@default", Form: &metrics.Form{ID: "qa", Rater: "s1", Points: 87, Of: 100,
			Critical: true, Sections: []metrics.Section{{ID: "greeting", Points: 7, Of: 10}, {ID: "sale", NA: true}}}},
	}
}

// formatLimits are the limits of retention that the folder was given.
func formatLimits() (rollups metrics.Interval, contacts metrics.Millis) {
	first := formatContents()[0].Interval
	return first + 1, (first + 1).Start()
}

// TestFormats opens the folder of every format that was ever released, finds
// each record in it by value, and goes on writing to it.
func TestFormats(t *testing.T) {
	present := filepath.Join(formatsFolder, fmt.Sprintf("format%d.tar.gz", formatNumber))
	if _, err := os.Stat(present); *rewrite && errors.Is(err, fs.ErrNotExist) {
		writeFormat(t, present)
	}
	for format := 1; format <= formatNumber; format++ {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			dir := t.TempDir()
			unpackFolder(t, filepath.Join(formatsFolder, fmt.Sprintf("format%d.tar.gz", format)), dir)
			readOnly := func() {
				s := open(t, Config{Dir: dir, ReadOnly: true})
				checkFormat(t, s)
				checkFacts(t, s, format)
				checkScores(t, s, format)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if format >= layoutFormat {
				readOnly()
			} else if _, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "open it once for writing") {
				t.Errorf("read only, a folder that is laid out otherwise: error is %v", err)
			}
			s := open(t, Config{Dir: dir})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			readOnly()
			s = open(t, Config{Dir: dir})
			checkFormat(t, s)
			checkFacts(t, s, format)
			checkScores(t, s, format)
			goOn(t, s)

			restored := filepath.Join(t.TempDir(), "restored")
			if _, _, err := Restore(t.Context(), filepath.Join(formatsFolder, fmt.Sprintf("format%d.backup", format)), restored, quiet); err != nil {
				t.Fatal(err)
			}
			s = open(t, Config{Dir: restored})
			checkFormat(t, s)
			checkFacts(t, s, format)
			checkScores(t, s, format)
			goOn(t, s)
		})
	}
}

// checkFormat compares the whole store with what it was given.
func checkFormat(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	m := &model{rollupsFrom: math.MinInt64, contactsFrom: math.MinInt64}
	revisions := map[[2]any]uint32{}
	var seals []Seal
	for _, p := range formatContents() {
		m.puts = append(m.puts, *p)
		id := [2]any{p.Interval, p.Switch}
		if from, _ := formatLimits(); p.Interval < from {
			continue
		}
		seals = append(seals, Seal{p.Interval, p.Switch, revisions[id], p.Correction, false, len(p.Rollups), len(p.Contacts)})
		revisions[id]++
	}
	m.rollupsFrom, m.contactsFrom = formatLimits()

	slices.SortFunc(seals, func(a, b Seal) int {
		return bytes.Compare(sealRecord(a.Interval, a.Switch, a.Revision), sealRecord(b.Interval, b.Switch, b.Revision))
	})
	if got := collectAll(t, s.Seals(ctx, 0, math.MaxInt64)); !slices.Equal(got, seals) {
		t.Errorf("seals are\n%+v, want\n%+v", got, seals)
	}
	q := Query{From: 0, To: math.MaxInt64}
	rows := collectAll(t, s.Rollups(ctx, q))
	want := m.rollups(q)
	if len(rows) != len(want) {
		t.Errorf("%d rollups, want %d", len(rows), len(want))
	}
	for _, r := range rows {
		if w := want[cell{r.Interval, r.Key()}]; w == nil || !reflect.DeepEqual(r, *w) {
			t.Errorf("rollup %+v, want %+v", r, w)
		}
	}
	for _, q := range []ContactQuery{{}, {Agent: "1001@default"}, {Agent: "Local/1006@agents/n"}, {Queues: []string{"support@default"}}, {Switch: "ast1"}} {
		if got, want := collectAll(t, s.Contacts(ctx, q)), m.contacts(q); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: contacts are\n%+v, want\n%+v", q, got, want)
		}
	}
}

// checkFacts compares the facts with those that the folder was given.
func checkFacts(t *testing.T, s *Store, format int) {
	t.Helper()
	want := formatFacts()[1:]
	if format < factsFormat {
		want = nil
	}
	for _, agent := range []string{"", "1001@default"} {
		var of []metrics.Fact
		for _, f := range want {
			if agent == "" || f.Agent == agent {
				of = append(of, f)
			}
		}
		if got := collectAll(t, s.Facts(t.Context(), FactQuery{Agent: agent})); !reflect.DeepEqual(got, of) {
			t.Errorf("facts of %q are\n%+v, want\n%+v", agent, got, of)
		}
	}
}

// scoresFormat is the format from which on the folder has sealed scores.
const scoresFormat = 8

// inputsFormat is the format from which on what was sealed has what it was made of.
const inputsFormat = 9

// checkScores compares what was sealed with what the folder was given.
func checkScores(t *testing.T, s *Store, format int) {
	t.Helper()
	want := []string{`oct/0 by hr, 2 cards {"name":"oct"}: ann/agent{"of":"a","agent":"ann"} 队/agent{"of":"a","agent":"队"}`}
	if format < scoresFormat {
		want = nil
	}
	if got := sealedScores(t, s, ""); !slices.Equal(got, want) {
		t.Errorf("sealed are %q, want %q", got, want)
	}
	made := ""
	if format >= inputsFormat {
		in := inputsFor(t, cardsFor("a", "ann", "队"))
		list, err := in.records("oct", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			lines, err := unpacked(c.value)
			if err != nil {
				t.Fatal(err)
			}
			made += string(lines)
		}
	}
	if got := linesOf(t, s, "oct", 0); got != made {
		t.Errorf("it was made of %d bytes, want %d", len(got), len(made))
	}
}

// goOn writes to an old folder: a correction of what it has, a known contact, a
// fact that it may have.
func goOn(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	last := formatContents()[11]
	next := *last
	next.Correction = true
	if err := s.PutSealed(&next); err != nil {
		t.Fatal(err)
	}
	q := Query{From: last.Interval, To: last.Interval + 1, Switch: last.Switch, Kinds: []metrics.RowKind{metrics.AgentRow}, Names: []string{"1001@default"}}
	sums, err := s.Sum(ctx, q)
	if err != nil || len(sums) != 1 || sums[0].Get(metrics.Talk) != 2*last.Rollups[3].Get(metrics.Talk) {
		t.Errorf("a correction of an old interval sums up to %+v, error %v", sums, err)
	}
	contacts := collectAll(t, s.Contacts(ctx, ContactQuery{From: last.Interval.Start(), Switch: last.Switch}))
	if !reflect.DeepEqual(contacts, last.Contacts) {
		t.Errorf("contacts told again are\n%+v, want\n%+v", contacts, last.Contacts)
	}
	f := formatFacts()[1]
	if _, err := s.PutFact(&f); err != nil {
		t.Fatal(err)
	}
	if again, err := s.PutFact(&f); !again || err != nil {
		t.Errorf("a fact told again is known: %v, error %v", again, err)
	}
}

func writeFormat(t *testing.T, file string) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for _, p := range formatContents() {
		if err := s.PutSealed(p); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range formatFacts() {
		if _, err := s.PutFact(&f); err != nil {
			t.Fatal(err)
		}
	}
	seal(t, s, "oct", "s1", cardsFor("a", "ann", "队"))
	rollups, contacts := formatLimits()
	if _, err := s.Retain(context.Background(), rollups, contacts); err != nil {
		t.Fatal(err)
	}
	backup, err := os.Create(strings.TrimSuffix(file, ".tar.gz") + ".backup")
	if err == nil {
		_, err = s.Backup(t.Context(), backup, Head{Site: "main", At: 1_790_000_000_000}, nil)
	}
	if err := errors.Join(err, backup.Close(), s.Close(), packFolder(dir, file)); err != nil {
		t.Fatal(err)
	}
}

func packFolder(dir, file string) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: e.Name(), Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX}); err != nil {
			return err
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

func unpackFolder(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(h.Name)), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
