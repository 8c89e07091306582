package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"tallyd/connectors/admin"
	"tallyd/connectors/api"
	"tallyd/connectors/asterisk"
	"tallyd/connectors/web"
	"tallyd/metrics"
	"tallyd/storage"
)

// contactsSite is a daemon's bus over a store that has a recording of Asterisk, and
// what the store has.
type contactsSite struct {
	data    string
	visits  []metrics.Contact
	calls   []metrics.Contact
	tracker *metrics.Tracker
}

func newContactsSite(t *testing.T) *contactsSite {
	t.Helper()
	s := &contactsSite{data: t.TempDir()}
	store, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(s.data, "db")})
	if err != nil {
		t.Fatal(err)
	}
	intake := api.NewIntake(store, nil)
	names := metrics.NewNames()
	s.tracker = metrics.NewTracker(names, metrics.Options{Switch: "ast1", CallerKey: []byte("key"), Sealed: intake.Take})
	f, err := os.Open("../../connectors/asterisk/testdata/lab22/ari-events.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := asterisk.Replay(t.Context(), z, nil, asterisk.NewTranslator(names, s.tracker.Apply)); err != nil {
		t.Fatal(err)
	}
	s.tracker.Close()
	if err := intake.Flush(); err != nil {
		t.Fatal(err)
	}
	for kind, list := range map[metrics.ContactKind]*[]metrics.Contact{metrics.VisitContact: &s.visits, metrics.CallContact: &s.calls} {
		for c, err := range store.Contacts(t.Context(), storage.ContactQuery{Kind: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			*list = append(*list, c)
		}
	}
	if len(s.visits) < 20 || len(s.calls) < 10 {
		t.Fatalf("the recording has %d visits and %d calls", len(s.visits), len(s.calls))
	}
	service := api.New(api.Config{Site: "main", Store: store, CallerKey: []byte("key"), Intake: intake, Sources: []api.Source{{Name: "ast1", Tracker: s.tracker}}})
	answers := web.New(web.Config{Service: service, Tokens: api.OpenTokens(s.data), Dir: s.data}).Internal()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := admin.NewServer(s.data, nil, answers, slog.New(slog.DiscardHandler)).Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, func() string { return "" }, func() bool {
		c, err := admin.Dial(ctx, s.data)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return s
}

// ask runs the command over the whole recording.
func (s *contactsSite) ask(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := command(t, append([]string{"contacts", "--data", s.data, "--from", "2026-11-01", "--to", "2026-12-31"}, args...)...)
	if code != exitDone || errs != "" {
		t.Fatalf("%v: exit %d: %s", args, code, errs)
	}
	return out
}

type contactsDocument struct {
	V        int
	Site     string
	Contacts []api.Contact
}

func (s *contactsSite) json(t *testing.T, args ...string) []api.Contact {
	t.Helper()
	var d contactsDocument
	if err := json.Unmarshal([]byte(s.ask(t, append(args, "--json")...)), &d); err != nil {
		t.Fatal(err)
	}
	if d.V != api.Schema || d.Site != "main" {
		t.Errorf("the document is of %q, version %d", d.Site, d.V)
	}
	return d.Contacts
}

// The command gives what the store has: all of it, in each format, and of it what
// was asked for.
func TestContactsCommand(t *testing.T) {
	s := newContactsSite(t)
	t.Run("json", func(t *testing.T) { s.testJSON(t) })
	t.Run("filters", func(t *testing.T) { s.testFilters(t) })
	t.Run("csv", func(t *testing.T) { s.testCSV(t) })
	t.Run("xlsx", func(t *testing.T) { s.testXLSX(t) })
	t.Run("table", func(t *testing.T) { s.testTable(t) })
	t.Run("usage", func(t *testing.T) { s.testUsage(t) })
}

func (s *contactsSite) testJSON(t *testing.T) {
	got := s.json(t)
	if len(got) != len(s.visits) {
		t.Fatalf("%d visits, the store has %d", len(got), len(s.visits))
	}
	attempts := 0
	for i, c := range got {
		w := &s.visits[i]
		if c.ID != w.Visit || c.Kind != "visit" || c.Queue != w.Queue || c.Agent != w.Agent || c.Caller != w.Caller || c.Outcome != w.Outcome.String() ||
			c.Joined != w.Joined || c.Ended != w.Ended || c.Wait != w.Wait() || c.Talk != w.Talk() || len(c.Attempts) != len(w.Attempts) || len(c.HeldSpans) != len(w.HeldSpans) {
			t.Fatalf("visit %d is %+v, the store has %+v", i, c, w)
		}
		attempts += len(c.Attempts)
	}
	if attempts == 0 {
		t.Error("no visit has attempts")
	}
	calls := s.json(t, "--kind", "call")
	if len(calls) != len(s.calls) {
		t.Errorf("%d calls, the store has %d", len(calls), len(s.calls))
	}
}

// due tells whether nobody has talked to a lost caller since, as all contacts have it.
func (s *contactsSite) due(c *api.Contact) bool {
	lost := slices.Contains([]string{"abandoned", "timed_out", "left_empty", "exited_by_key", "join_refused", "switch_failed"}, c.Outcome)
	hash := map[string][16]byte{}
	for _, list := range [][]metrics.Contact{s.visits, s.calls} {
		for i := range list {
			hash[list[i].Visit] = list[i].Hash
		}
	}
	return lost && hash[c.ID] != [16]byte{} && !slices.ContainsFunc(slices.Concat(s.visits, s.calls), func(x metrics.Contact) bool {
		return x.Hash == hash[c.ID] && x.Outcome == metrics.Answered && x.Joined >= c.Ended
	})
}

// testFilters: each filter against the whole list, and the way of calls through
// several queues against the visits that have the same leg.
func (s *contactsSite) testFilters(t *testing.T) {
	all := s.json(t)
	some := all[0]
	for _, c := range all {
		if c.Agent != "" {
			some = c
		}
	}
	for _, f := range []struct {
		args []string
		want func(c *api.Contact) bool
	}{
		{[]string{"--queue", some.Queue}, func(c *api.Contact) bool { return c.Queue == some.Queue }},
		{[]string{"--queue", some.Queue, "--queue", all[0].Queue}, func(c *api.Contact) bool { return c.Queue == some.Queue || c.Queue == all[0].Queue }},
		{[]string{"--agent", some.Agent}, func(c *api.Contact) bool { return c.Agent == some.Agent }},
		{[]string{"--rung", some.Agent}, func(c *api.Contact) bool {
			return slices.ContainsFunc(c.Attempts, func(a api.Attempt) bool { return a.Agent == some.Agent })
		}},
		{[]string{"--call-back", "due"}, s.due},
		{[]string{"--abandoned"}, func(c *api.Contact) bool { return c.Outcome == "abandoned" }},
		{[]string{"--outcome", "answered,timed_out"}, func(c *api.Contact) bool { return c.Outcome == "answered" || c.Outcome == "timed_out" }},
		{[]string{"--switch", "other"}, func(*api.Contact) bool { return false }},
		{[]string{"--limit", "3"}, func(c *api.Contact) bool {
			return slices.ContainsFunc(all[:3], func(o api.Contact) bool { return o.ID == c.ID })
		}},
	} {
		var want []string
		for i := range all {
			if f.want(&all[i]) {
				want = append(want, all[i].ID)
			}
		}
		var got []string
		for _, c := range s.json(t, f.args...) {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", f.args, got, want)
		}
	}
	byCall := map[string][]api.Contact{}
	for _, c := range all {
		byCall[c.Call] = append(byCall[c.Call], c)
	}
	several := 0
	for _, visits := range byCall {
		slices.SortFunc(visits, func(a, b api.Contact) int { return int(a.Joined - b.Joined) })
		var path []string
		for _, c := range visits {
			path = append(path, c.Queue)
		}
		for i, c := range visits {
			if len(visits) == 1 {
				if c.Step != 0 || c.Path != nil {
					t.Errorf("a visit alone says %d of %v", c.Step, c.Path)
				}
			} else if several++; c.Step != i+1 || !slices.Equal(c.Path, path) {
				t.Errorf("visit %d of %v says %d of %v", i+1, path, c.Step, c.Path)
			}
		}
	}
	if several == 0 {
		t.Error("no caller went through several queues: nothing was tested")
	}
	s.testCaller(t, all)
}

// testCaller: a number is found by its hash, and shown nowhere.
func (s *contactsSite) testCaller(t *testing.T, all []api.Contact) {
	const number = "7100020"
	hash := metrics.CallerHash([]byte("key"), metrics.MakeCaller([]byte(number)))
	want := 0
	for _, c := range s.visits {
		if c.Hash == hash {
			want++
		}
	}
	out := s.ask(t, "--caller", number, "--json")
	var d contactsDocument
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	if want == 0 || want == len(all) || len(d.Contacts) != want {
		t.Errorf("%d visits of %s, the store has %d", len(d.Contacts), number, want)
	}
	if strings.Contains(out, number) || strings.Contains(out, fmt.Sprintf("%x", hash)) {
		t.Error("the number or its hash is in the answer")
	}
}

func (s *contactsSite) testCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(s.ask(t, "--format", "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(s.visits)+1 {
		t.Fatalf("%d rows for %d visits", len(rows), len(s.visits))
	}
	at := map[string]int{}
	for i, title := range rows[0] {
		at[title] = i
	}
	for i, w := range s.visits {
		cell := func(title string) string { return rows[i+1][at[title]] }
		joined, err := time.Parse(time.RFC3339, cell("joined"))
		if err != nil || metrics.MillisOf(joined) != w.Joined {
			t.Errorf("joined is %q, the store has %v: %v", cell("joined"), w.Joined.Time(), err)
		}
		if (w.Answered == 0) != (cell("answered") == "") {
			t.Errorf("answered is %q, the store has %d", cell("answered"), w.Answered)
		}
		if cell("wait_ms") != strconv.Itoa(int(w.Wait())) || cell("talk_s") != fmt.Sprintf("%d.%03d", w.Talk()/1000, w.Talk()%1000) || cell("id") != w.Visit || cell("outcome") != w.Outcome.String() {
			t.Errorf("row %d is %v, the store has %+v", i, rows[i+1], w)
		}
	}
}

func (s *contactsSite) testXLSX(t *testing.T) {
	name := filepath.Join(t.TempDir(), "contacts.xlsx")
	if out := s.ask(t, "--output", name); out != "" {
		t.Errorf("beside the file it printed %q", out)
	}
	f, err := excelize.OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("contacts", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(s.visits)+1 {
		t.Fatalf("%d rows for %d visits", len(rows), len(s.visits))
	}
	at := map[string]int{}
	for i, title := range rows[0] {
		at[title] = i
	}
	for i, w := range s.visits {
		serial, err := strconv.ParseFloat(rows[i+1][at["joined"]], 64)
		if err != nil {
			t.Fatalf("joined is no date: %v", err)
		}
		days := time.Duration(serial * 24 * float64(time.Hour))
		joined := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(days)
		if want := w.Joined.Time().UTC(); joined.Sub(want).Abs() > time.Millisecond {
			t.Errorf("joined is %v, the store has %v", joined, want)
		}
		if got := rows[i+1][at["wait_ms"]]; got != strconv.Itoa(int(w.Wait())) {
			t.Errorf("wait_ms is %s, the store has %d", got, w.Wait())
		}
		if got := rows[i+1][at["ended_iso"]]; got != w.Ended.Time().UTC().Format(isoTime) {
			t.Errorf("ended_iso is %s", got)
		}
	}
	if shown, err := f.GetCellValue("contacts", "I2"); err != nil || shown != s.visits[0].Joined.Time().UTC().Round(time.Second).Format(time.DateTime) {
		t.Errorf("a date is shown as %q: %v", shown, err)
	}
	tables, err := f.GetTables("contacts")
	if err != nil || len(tables) != 1 || !strings.HasPrefix(tables[0].Range, "A1:") || !strings.HasSuffix(tables[0].Range, strconv.Itoa(len(rows))) {
		t.Errorf("tables %+v: %v", tables, err)
	}
	if panes, err := f.GetPanes("contacts"); err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("the header is not frozen: %+v, %v", panes, err)
	}
}

func (s *contactsSite) testTable(t *testing.T) {
	for _, args := range [][]string{{}, {"--details"}, {"--kind", "call"}, {"--limit", "1"}, {"--call-back", "told"}} {
		out := s.ask(t, args...)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 && !slices.Contains(args, "--details") {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
	}
	out := s.ask(t)
	if want := fmt.Sprintf("\n%d visits; of what ended after 2026-11-24 09:", len(s.visits)); !strings.Contains(out, want) {
		t.Errorf("it ends in %q, want %q", out[max(0, len(out)-120):], want)
	}
	if lost := s.ask(t, "--call-back", "due", "--newest"); !strings.Contains(lost, "CALL-BACK") || !strings.Contains(lost, " open") {
		t.Errorf("who is to be called back:\n%s", lost)
	}
	details := s.ask(t, "--details")
	if rang := strings.Count(details, " rang "); rang == 0 || !strings.Contains(details, " held for ") || !strings.Contains(details, " went ") {
		t.Errorf("details tell of %d rings, and of holds and ways %t, %t", rang, strings.Contains(details, " held for "), strings.Contains(details, " went "))
	}
}

func (s *contactsSite) testUsage(t *testing.T) {
	for _, f := range []struct {
		args []string
		want string
	}{
		{[]string{"--kind", "mail"}, `contacts: --kind "mail" is neither visit nor call`},
		{[]string{"--outcome", "lost"}, `contacts: --outcome "lost" is none of answered, abandoned,`},
		{[]string{"--kind", "call", "--abandoned"}, "contacts: --queue, --abandoned, --rung and --call-back are about visits, not about calls"},
		{[]string{"--call-back", "all"}, `contacts: --call-back "all" is neither told nor due`},
		{[]string{"--from", "tomorrow"}, `contacts: --from "tomorrow" is not a time`},
		{[]string{"--from", "2026-11-02", "--to", "2026-11-01"}, "contacts: the span from 2026-11-02T00:00:00"},
		{[]string{"--format", "pdf"}, `contacts: --format "pdf" is none of table, csv, json, xlsx`},
		{[]string{"--json", "--format", "csv"}, "contacts: --json and --format csv are two formats"},
		{[]string{"--limit", "-1"}, "contacts: --limit -1 is below 0"},
	} {
		code, out, errs := command(t, append([]string{"contacts", "--data", s.data}, f.args...)...)
		if code != exitUsage || out != "" || !strings.HasPrefix(errs, f.want) {
			t.Errorf("%v: exit %d, %q, %q", f.args, code, out, errs)
		}
	}
	name := filepath.Join(t.TempDir(), "none", "x.csv")
	if code, _, errs := command(t, "contacts", "--data", s.data, "--output", name); code != exitCannot || !strings.Contains(errs, "--output") {
		t.Errorf("into a folder that is not there: exit %d, %q", code, errs)
	}
}

// Names that come from outside do no harm in a spreadsheet or on a terminal.
func TestContactsHostileNames(t *testing.T) {
	names := []string{`=HYPERLINK("http://x","y")`, "+1234", "-2+3", "@SUM(A1)", "\tx", "\r=1+1", "a\x1b[2Jb", "x\x00y", "\xff\xfe", "\u202egnp", "queue, \"quoted\"\nline", "支持队列支持队列支持队列", strings.Repeat("long", 20_000)}
	var list []api.Contact
	for i, name := range names {
		list = append(list, api.Contact{Kind: "visit", ID: name, Switch: name, Queue: name, Agent: name, Caller: name, Call: name, Outcome: "answered", EndedBy: "agent",
			Joined: 1_790_000_000_000, Answered: 1_790_000_001_000, Ended: 1_790_000_002_000, Wait: 1000, Talk: 1000, Step: 1, Path: []string{name, "q"},
			Attempts: []api.Attempt{{Agent: name, Started: 1_790_000_000_000, Ended: 1_790_000_001_000, Result: "answered"}}, Offers: i})
	}
	written := func(w contactWriter) {
		t.Helper()
		for i := range list {
			if err := w.write(&list[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.end(0); err != nil {
			t.Fatal(err)
		}
	}
	dangerous := func(cell string) bool { return cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) }

	var b bytes.Buffer
	written(newContactsCSV(&b, time.UTC))
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != len(names)+1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, row := range rows[1:] {
		if got := strings.TrimPrefix(row[2], "'"); got != names[i] && !strings.Contains(names[i], "\r") {
			t.Errorf("queue %q came back as %q", names[i], got)
		}
		if slices.ContainsFunc(row, dangerous) {
			t.Errorf("a formula in %q", row)
		}
	}

	b.Reset()
	written(&contactsXLSX{out: &b, zone: time.UTC})
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sheet, err := f.GetRows("contacts")
	if err != nil || len(sheet) != len(names)+1 {
		t.Fatalf("%d rows: %v", len(sheet), err)
	}
	for i, row := range sheet[1:] {
		if slices.ContainsFunc(row, dangerous) {
			t.Errorf("a formula in %q", row)
		}
		if formula, err := f.GetCellFormula("contacts", fmt.Sprintf("C%d", i+2)); err != nil || formula != "" {
			t.Errorf("cell has the formula %q: %v", formula, err)
		}
	}

	b.Reset()
	written(&contactsTable{out: &b, zone: time.UTC, site: "a\x1bb", details: true})
	for _, r := range b.String() {
		if r != '\n' && r < ' ' || r == '\u202e' || r == 0x7f {
			t.Fatalf("the table has the character %U", r)
		}
	}
	b.Reset()
	written(&contactsJSON{out: &b})
	var d contactsDocument
	if err := json.Unmarshal(b.Bytes(), &d); err != nil || len(d.Contacts) != len(names) || d.Contacts[0].Queue != names[0] {
		t.Errorf("%d contacts in JSON: %v", len(d.Contacts), err)
	}
}

func TestFit(t *testing.T) {
	for _, f := range []struct {
		s    string
		w    int
		want string
	}{
		{"abc", 5, "abc  "}, {"abc", -5, "  abc"}, {"abcde", 5, "abcde"}, {"abcdef", 5, "abcd…"}, {"", 2, "  "},
		{"支持", 4, "支持"}, {"支持队", 4, "支… "}, {"支持队", 5, "支持…"}, {"a支持", 4, "a支…"},
	} {
		if got := fit(f.s, f.w); got != f.want {
			t.Errorf("fit(%q, %d) is %q, want %q", f.s, f.w, got, f.want)
		}
	}
	for m, want := range map[metrics.Millis]string{0: "0:00", 499: "0:00", 500: "0:01", 59_999: "1:00", 754_000: "12:34", 3_600_000: "1:00:00", 3_661_000: "1:01:01"} {
		if got := minutes(m); got != want {
			t.Errorf("%d ms is %s, want %s", m, got, want)
		}
	}
}
