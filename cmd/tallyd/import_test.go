package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/admin"
	"tallyd/connectors/web/client"
)

// importSite is a daemon whose roster has some agents, and which no switch is attached
// to.
type importSite struct {
	t            *testing.T
	config, data string
	daemon       *background
}

func newImportSite(t *testing.T) *importSite {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"roster.yaml": "agents:\n  - {id: ann}\n  - {id: bob}\n  - {id: \"=cmd|'/c calc'!A1\"}\n  - {id: \"Lee, \\\"A\\\"\"}\n  - {id: 张伟@alpha}\n",
		"tallyd.yaml": "time_zone: Asia/Shanghai\nroster_file: roster.yaml\nforms_file: forms.yaml\nswitches:\n  - {name: gone, kind: freeswitch, address: '127.0.0.1:1', password: x}\n",
		"forms.yaml":  string(example(t, "../../configs/forms.yaml")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &importSite{t: t, config: filepath.Join(dir, "tallyd.yaml"), data: t.TempDir()}
	s.daemon = serveInBackground(t, "--config", s.config, "--data", s.data)
	return s
}

func example(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// table imports a table of a kind.
func (s *importSite) table(kind, text string, args ...string) (code int, out, errs string) {
	s.t.Helper()
	file := keep(s.t, kind+".csv", []byte(text))
	code, out, errs = command(s.t, append([]string{"import", kind, file, "--config", s.config, "--data", s.data}, args...)...)
	folder := filepath.Dir(file) + "/"
	return code, strings.ReplaceAll(out, folder, ""), strings.ReplaceAll(errs, folder, "")
}

// facts is everything that is stored, as JSON.
func (s *importSite) facts() (out []string) {
	s.t.Helper()
	c, err := admin.Dial(s.t.Context(), s.data)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	q := client.FactQuery{From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 5000}
	for {
		page, err := c.API().Facts(s.t.Context(), q)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, f := range page.Facts {
			b, err := json.Marshal(f)
			if err != nil {
				s.t.Fatal(err)
			}
			out = append(out, string(b))
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return out
		}
	}
}

// TestImport: each kind's good rows are stored as they are told, bad ones are told with
// their place, and what is imported again counts once.
func TestImport(t *testing.T) {
	s := newImportSite(t)
	tables := []struct{ kind, text, errs, summary, again string }{
		{"survey", "id;at;agent;csat;nps;resolved\r\ns-1;2026-10-01 09:03;ann;5;9;yes\r\ns-2;2026-10-01 09:04;eve;5;;\r\ns-3;2126-10-01;ann;6;;\r\ns-4;2126-10-01;ann;5;;\r\n" +
			"s-1;2026-10-01 09:03;ann;4;9;yes\r\ns-5;2026-10-01 09:05;ann;;;no\r\n",
			"survey.csv:3:22: agent \"eve\" is not known: not in the roster, and on no switch\nsurvey.csv:4:20: csat 6 is not between 1 and 5\n" +
				"survey.csv:5:5: at 2126-09-30T16:00:00.000Z is in the future: it is NOW here\nsurvey.csv:6:1: survey \"s-1\" is stored already, and differs\nimport: 4 rows are bad\n",
			"survey.csv: 2 stored, 0 known already, 4 bad\n", "survey.csv: 0 stored, 2 known already, 4 bad\n"},
		{"disposition", "at,agent,code,case,due,done\n2026-10-02 09:00,bob,refund,C-17,2026-10-03 09:00,2026-10-02 11:30\n2026-10-02 09:01,bob,call back,,,\n", "",
			"disposition.csv: 2 stored, 0 known already, 0 bad\n", "disposition.csv: 0 stored, 2 known already, 0 bad\n"},
		{"training", "id,at,agent,course,passed,points,of\nt-1,2026-10-03,ann,c1,yes,18,20\nt-2,2026-10-03,ann,c1,no,,\nt-2,2026-10-03,ann,c1,no,,\n", "",
			"training.csv: 2 stored, 1 known already, 0 bad\n", "training.csv: 0 stored, 3 known already, 0 bad\n"},
		{"form", "id,at,agent,form,rater,teamwork.helps,teamwork.shares\nq-1,2026-10-04,ann,peer,bob,5,3\nq-2,2026-10-04,ann,peer,bob,N/A,N/A\n",
			"form.csv:3:20: form \"peer\": nothing applies that has a weight: there is no result\nimport: 1 rows are bad\n",
			"form.csv: 1 stored, 0 known already, 1 bad\n", "form.csv: 0 stored, 1 known already, 1 bad\n"},
	}
	for again := range 2 {
		for _, x := range tables {
			code, out, errs := s.table(x.kind, x.text)
			if a, rest, found := strings.Cut(errs, "it is "); found { // the time
				_, rest, _ = strings.Cut(rest, " here")
				errs = a + "it is NOW here" + rest
			}
			want, summary := exitDone, x.summary
			if x.errs != "" {
				want = exitNotSo
			}
			if again == 1 {
				summary = x.again
			}
			if code != want || out != summary || errs != x.errs {
				t.Errorf("%s: exit code %d\n%s%s\nwant\n%s%s", x.kind, code, out, errs, summary, x.errs)
			}
		}
	}
	want := []string{
		`{"id":"s-1","at":"2026-10-01T01:03:00.000Z","agent":"ann","survey":{"csat":5,"nps":9,"resolved":true}}`,
		`{"id":"s-5","at":"2026-10-01T01:05:00.000Z","agent":"ann","survey":{"resolved":false}}`,
		`{"at":"2026-10-02T01:00:00.000Z","agent":"bob","disposition":{"code":"refund","case":"C-17","due":"2026-10-03T01:00:00.000Z","done":"2026-10-02T03:30:00.000Z"}}`,
		`{"at":"2026-10-02T01:01:00.000Z","agent":"bob","disposition":{"code":"call back"}}`,
		`{"id":"t-1","at":"2026-10-02T16:00:00.000Z","agent":"ann","training":{"course":"c1","passed":true,"points":18,"of":20}}`,
		`{"id":"t-2","at":"2026-10-02T16:00:00.000Z","agent":"ann","training":{"course":"c1","passed":false}}`,
		`{"id":"q-1","at":"2026-10-03T16:00:00.000Z","agent":"ann","form":{"id":"peer","rater":"bob","points":8000,"of":10000,"sections":[{"id":"teamwork","points":8,"of":10}]}}`,
	}
	got := s.facts()
	for i := range want {
		if i >= len(got) || withoutMadeID(got[i]) != want[i] {
			t.Fatalf("stored are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d facts are stored", len(got))
	}
}

func withoutMadeID(fact string) string {
	if before, after, made := strings.Cut(fact, `"id":"csv-`); made {
		return before + after[34:] // 32 digits, a quote and a comma
	}
	return fact
}

// TestImportHostile: whatever stands in cells is stored as it is, or told.
func TestImportHostile(t *testing.T) {
	s := newImportSite(t)
	code, out, errs := s.table("disposition", "id,at,agent,code\n1,2026-10-01,=cmd|'/c calc'!A1,<script>&\u2028\n2,2026-10-01,\"Lee, \"\"A\"\"\",\"'; DROP TABLE facts; --\"\n"+
		"3,2026-10-01,张伟@alpha,"+strings.Repeat("<", 256)+"\n4,2026-10-01,ann,\x1b[2J\n5,2026-10-01,ann,\"\n{\"id\":1},2026-10-01,ann,x\n7,2026-10-01,../../etc/passwd,x\n8,2026-10-01,(other),x\n")
	if code != exitNotSo || out != "disposition.csv: 3 stored, 0 known already, 5 bad\n" || strings.Contains(errs, "\x1b") || strings.Count(errs, "\n") != 6 {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if got := s.facts(); len(got) != 3 || !strings.Contains(got[0], `"agent":"=cmd|'/c calc'!A1"`) || !strings.Contains(got[1], `"code":"'; DROP TABLE facts; --"`) {
		t.Errorf("%v", got)
	}
	// A table at random.
	if code, out, errs := s.table("survey", "id,at,agent,csat\n"+strings.Repeat("\x00\xff\"\n", 1000)); code != exitNotSo || out != "survey.csv: 0 stored, 0 known already, 1000 bad\n" || strings.Count(errs, "\n") != 1001 {
		t.Errorf("exit code %d: %s%.200s", code, out, errs)
	}
}

// TestImportTooEarly: a contact that may still be concluded is told as what it is.
func TestImportTooEarly(t *testing.T) {
	s := newImportSite(t)
	code, out, errs := s.table("survey", "at,contact,csat\n"+time.Now().Format(time.RFC3339)+",7f-1,5\n2026-10-01,7f-1,5\n")
	if code != exitNotSo || out != "survey.csv: 0 stored, 0 known already, 2 bad\n" || !strings.Contains(errs, `contact "7f-1" of switch "gone" is not known yet; it may be later: import it again`+"\n") ||
		!strings.Contains(errs, `survey.csv:3:12: contact "7f-1" of switch "gone" is not known`+"\n") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

// TestImportMany imports ten thousand rows, of which some are bad, and again.
func TestImportMany(t *testing.T) {
	s := newImportSite(t)
	const rows = 10_000
	var text strings.Builder
	text.WriteString("at,agent,csat,nps\n")
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		csat := i%5 + 1
		if i%1000 == 999 {
			csat = 7
		}
		fmt.Fprintf(&text, "%s,%s,%d,%d\n", begin.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), []string{"ann", "bob"}[i%2], csat, i%11)
	}
	begun := time.Now()
	code, out, errs := s.table("survey", text.String())
	if code != exitNotSo || out != "survey.csv: 9990 stored, 0 known already, 10 bad\n" || strings.Count(errs, "csat 7 is not between 1 and 5") != 10 || !strings.Contains(errs, "survey.csv:1001:26: csat 7") {
		t.Fatalf("exit code %d: %s%.1000s", code, out, errs)
	}
	t.Logf("%d rows in %s", rows, time.Since(begun).Round(time.Millisecond))
	if code, out, errs = s.table("survey", text.String()); code != exitNotSo || out != "survey.csv: 0 stored, 9990 known already, 10 bad\n" {
		t.Fatalf("exit code %d: %s%.1000s", code, out, errs)
	}
	if n := len(s.facts()); n != rows-10 {
		t.Errorf("%d facts are stored", n)
	}
}

// TestImportDry needs no daemon, and says what is wrong all the same.
func TestImportDry(t *testing.T) {
	file := keep(t, "form.csv", []byte("id,at,agent,form,rater,teamwork.helps,teamwork.shares\n1,2026-10-01,ann,peer,bob,5,4\n2,2026-10-01,ann,peer,bob,5,\n"))
	forms := []string{"--forms", "../../configs/forms.yaml", "--dry-run"}
	code, out, errs := command(t, append([]string{"import", "form", file}, forms...)...)
	if want := file + ":3:29: teamwork.shares is empty: points are needed, or N/A where it does not apply\nimport: 1 rows are bad\n"; code != exitNotSo || errs != want || out != file+": 1 sound, 1 bad; nothing is imported\n" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	for _, x := range importable { // what the help shows
		file := keep(t, x.kind+".csv", []byte(x.example))
		args := append([]string{"import", x.kind, file}, forms...)
		if x.kind != "form" {
			args = []string{"import", x.kind, file, "--dry-run"}
		}
		if code, out, errs := command(t, args...); code != exitDone || out != file+": 1 sound, 0 bad; nothing is imported\n" {
			t.Errorf("exit code %d: %s%s", code, out, errs)
		}
	}
	var o, e bytes.Buffer
	err := importFile(t.Context(), &importOptions{kind: "survey", file: "-", dryRun: true}, nil, strings.NewReader("at,agent,csat\n2026-10-01,ann,5\n"), &o, &e)
	if err != nil || o.String() != "stdin: 1 sound, 0 bad; nothing is imported\n" || e.Len() > 0 {
		t.Errorf("%v: %s%s", err, o.String(), e.String())
	}
}

// TestImportFrom imports from elsewhere, with a token that may feed.
func TestImportFrom(t *testing.T) {
	s := newImportSite(t)
	url := strings.TrimSpace(string(example(t, filepath.Join(s.data, "http.url"))))
	file := keep(t, "survey.csv", []byte("at,agent,csat\n2026-10-01,ann,5\n"))
	with := func(role string) (code int, out, errs string) {
		code, token, errs := command(t, "token", "create", role, "--role", role, "--data", s.data)
		if code != exitDone {
			t.Fatal(errs)
		}
		return command(t, "import", "survey", file, "--url", url, "--token-file", keep(t, "token", []byte(token)))
	}
	if code, out, errs := with("ingest"); code != exitDone || out != file+": 1 stored, 0 known already, 0 bad\n" || errs != "" {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, out, errs := with("scoring"); code != exitCannot || out != "" || !strings.Contains(errs, `"scoring" (role scoring) may not use feed: that needs a token with the role admin, ingest`) {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if n := strings.Count(string(example(t, filepath.Join(s.data, "audit.jsonl"))), `"who":"ingest","role":"ingest","via":"http 127.0.0.1","what":"feed","names":["ann"]`); n != 1 {
		t.Errorf("noted %d times", n)
	}
	s.daemon.stop()
	if code, _, errs := command(t, "import", "survey", file, "--config", s.config, "--data", s.data); code != exitCannot || !strings.Contains(errs, "no daemon is running") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestImportUsage: what cannot be imported at all is an error of usage.
func TestImportUsage(t *testing.T) {
	survey := keep(t, "survey.csv", []byte("at,agent,csat\n"))
	form := keep(t, "form.csv", []byte("at,agent,form,rater,teamwork.helps,teamwork.shares\n"))
	bad := keep(t, "forms.yaml", []byte("forms: {qa: {sections: [{id: a, weight: 50%, items: [{id: x, of: 1}]}]}}\n"))
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"survey"}, "accepts 1 arg(s), received 0"},
		{[]string{"mail", survey}, `unknown command "mail"`},
		{[]string{"survey", filepath.Join(t.TempDir(), "none.csv")}, "no such file"},
		{[]string{"training", survey}, survey + ":1:10: column \"csat\" is not known (known: id, at, agent, contact, switch, course, passed, points, of)\n"},
		{[]string{"form", form}, "nothing says which forms there are"},
		{[]string{"form", form, "--forms", bad}, bad + ":1:24: the weights add up to 50%, not 100%\n"},
		{[]string{"form", form, "--forms", "/nowhere.yaml"}, "no such file"},
		{[]string{"survey", survey, "--forms", bad}, "unknown flag: --forms"},
		{[]string{"survey", survey, "--url", "x"}, "is no address"},
		{[]string{"survey", "-", "--url", "http://localhost:1", "--token-file", "-"}, "cannot both come from the standard input"},
	} {
		if code, out, errs := command(t, append([]string{"import"}, x.args...)...); code != exitUsage || out != "" || !strings.Contains(errs, x.want) {
			t.Errorf("%v: exit code %d: %s%s", x.args, code, out, errs)
		}
	}
	cfg := keep(t, "tallyd.yaml", []byte("forms_file: "+bad+"\n"))
	if code, _, errs := command(t, "check", "--config", cfg); code != exitUsage || errs != bad+":1:24: the weights add up to 50%, not 100%\n" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	cfg = keep(t, "tallyd.yaml", []byte("forms_file: none.yaml\n"))
	if code, _, errs := command(t, "check", "--config", cfg); code != exitUsage || !strings.Contains(errs, "tallyd.yaml:1:13: open ") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, c := range importCommand(nil).Commands() {
		if c.Example == "" {
			t.Errorf("%s has no example", c.Name())
		}
	}
}
