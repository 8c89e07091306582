package config

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tallyd/metrics/calendar"
)

// TestBadTables: testdata/*.bad.csv; the file NAME.bad.want says what must be
// reported, all of it, in order. A roster that a table is put into is roster.yaml
// beside them.
func TestBadTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.csv")
	if err != nil || len(files) == 0 {
		t.Fatal("no bad tables", err)
	}
	const into = "testdata/into.yaml"
	roster, err := os.ReadFile(into)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(f, ".csv") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			_, err = ImportRoster(filepath.Base(f), b, filepath.Base(into), roster)
			if err == nil || err.Error() != strings.TrimSpace(string(want)) {
				t.Errorf("reported:\n%v\nwanted:\n%s", err, want)
			}
		})
	}
}

// TestEncodings: the ways in which spreadsheets write the same table.
func TestEncodings(t *testing.T) {
	want := ""
	for _, text := range []string{
		"id,name,login:fs1\nann,\"Lee, Ann\",1001@default;1002\nbob,Bo,\n",
		"\xef\xbb\xbfid;name;login:fs1\r\nann;Lee, Ann;\"1001@default;1002\"\r\nbob;Bo;\r\n;;\r\n",
		"\r\nID\tName\tLogin:fs1\r\nann\t Lee, Ann \t1001@default|1002\r\nbob\tBo\t-\r\n",
	} {
		got, err := ImportRoster("people.csv", []byte(text), "", nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if want == "" {
			want = string(got.YAML)
		}
		if string(got.YAML) != want || got.Added != 2 || got.Replaced != 0 {
			t.Errorf("%q becomes\n%s%+v, want\n%s", text, got.YAML, got, want)
		}
	}
	if want != "agents:\n  - id: ann\n    name: Lee, Ann\n    logins: {fs1: [1001@default, \"1002\"]}\n  - id: bob\n    name: Bo\n" {
		t.Errorf("it is\n%s", want)
	}
	utf16 := []byte{0xff, 0xfe, 'i', 0, 'd', 0}
	for text, want := range map[string]string{
		string(utf16):        "p.csv:1:1: the file is UTF-16: save it as CSV UTF-8",
		"id,name\na,J\xf6rg": "p.csv:2:4: byte 0xF6 is not UTF-8: save the file as CSV UTF-8",
		"":                   "p.csv:1:1: the file is empty: it begins with a line such as id,name,team,role,shift,from,until,login:fs1",
		"name,login:\nx,y":   "p.csv:1:1: there is no column id: the first line is such as id,name,team,role,shift,from,until,login:fs1\np.csv:1:6: column \"login:\" names no switch, such as login:fs1",
		"id,nom,id,\nx":      "p.csv:1:4: column \"nom\" is not known (known: id, name, team, role, shift, from, until, login:SWITCH)\np.csv:1:8: column \"id\" is there twice\np.csv:1:11: a column has no name",
	} {
		if _, err := ImportRoster("p.csv", []byte(text), "", nil); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestInto: agents take the place of those with their id; the rest of the roster
// stays, with its comments.
func TestInto(t *testing.T) {
	into, err := os.ReadFile("testdata/into.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const table = `id,name,team,shift,from,login:fs1
ann,Ann Lee,north,early,,1001@default
ann,,south,,2026-10-15,
new,"O'Neil: Néw, #1",north,late,2026-11-01,2002
`
	got, err := ImportRoster("people.csv", []byte(table), "into.yaml", into)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/into.want.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got.YAML) != string(want) || got.Added != 1 || got.Replaced != 1 {
		t.Errorf("%d added, %d replaced:\n%s", got.Added, got.Replaced, got.YAML)
	}
	again, err := ImportRoster("people.csv", []byte(table), "into.want.yaml", got.YAML)
	if err != nil || !bytes.Equal(again.YAML, got.YAML) {
		t.Errorf("a second time it is, error %v:\n%s", err, again.YAML)
	}
}

// TestOnlyWhatDiffers: a table that repeats everything in each row, as exports
// do, becomes changes of what is new.
func TestOnlyWhatDiffers(t *testing.T) {
	got, err := ImportRoster("p.csv", []byte("id,team,role,from,until,login:fs1,login:ast1\n"+
		"a,north,agent,,,1001;1002,x\na,north,agent,2026-02-01,,1001;1002,x\na,south,agent,2026-03-01,2026-04-01,1001;1002,-\na,south,agent,2026-05-01,,1001;1002,\n"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "agents:\n  - id: a\n    team: north\n    role: agent\n    logins: {ast1: [x], fs1: [\"1001\", \"1002\"]}\n    changes:\n" +
		"      - {from: 2026-03-01, team: south, logins: {ast1: []}}\n      - {from: 2026-04-01, away: true}\n      - {from: 2026-05-01}\n"; string(got.YAML) != want {
		t.Errorf("it becomes\n%s, want\n%s", got.YAML, want)
	}
}

// TestIntoForms: however the agents of a roster are written, new ones come to
// them, and the old ones stay.
func TestIntoForms(t *testing.T) {
	for _, into := range []string{
		"", "# nobody yet\n", "agents: []\n", "time_zone: UTC\n", "agents: [{id: old, team: x}]\n", "{agents: [{id: old, team: x}]}\n",
		"agents:\n- {id: old, team: x}", "agents:\n-\n  id: old\n  team: x\nroles: [a]\n", "agents: &all\n    -   id: old\n        team: |-\n          x\n",
		"agents:\n  - {id: old, team: &t x}\n  - {id: new, role: *t}\n", "agents:\r\n  - {id: old, team: x}\r\n\r\n",
	} {
		got, err := ImportRoster("p.csv", []byte("id,team\nnew,y\n"), "r.yaml", []byte(into))
		if err != nil {
			t.Errorf("%q: %v", into, err)
			continue
		}
		r, faults := readRoster("r.yaml", got.YAML, nil)
		if len(faults) > 0 {
			t.Errorf("%q becomes %q: %v", into, got.YAML, faults)
			continue
		}
		now := time.Now()
		if s, here := r.At("new", now); !here || s.Team != "y" {
			t.Errorf("%q becomes %q", into, got.YAML)
		}
		if s, here := r.At("old", now); here != strings.Contains(into, "old") || here && s.Team != "x" {
			t.Errorf("%q becomes %q", into, got.YAML)
		}
	}
}

// TestTableRoundTrip: any table whose rows are sound becomes a roster that loads
// and in which, on any day, everybody is what the row says that holds then.
func TestTableRoundTrip(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("ab1 :#-'\"@/{}[],&*!%~.é队=?>|\\")), 1, 6, -1)
	cellText := rapid.Custom(func(t *rapid.T) string {
		s := strings.TrimSpace(word.Draw(t, "word"))
		if s == "" || s == noValue {
			return "x"
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		day := calendar.MakeDate(2026, 10, 1)
		type line struct {
			id, team, role, from, until string
			logins                      []string
			begin, end                  calendar.Date
		}
		var lines []line
		for i := range rapid.IntRange(1, 4).Draw(t, "agents") {
			id := fmt.Sprintf("%s%d", cellText.Draw(t, "id"), i)
			at := day
			for k := range rapid.IntRange(1, 4).Draw(t, "rows") {
				l := line{id: id, team: cellText.Draw(t, "team"), role: cellText.Draw(t, "role"), begin: ever, end: never}
				if k > 0 || rapid.Bool().Draw(t, "dated") {
					at += calendar.Date(rapid.IntRange(1, 5).Draw(t, "days"))
					l.begin, l.from = at, at.String()
				}
				if rapid.IntRange(0, 2).Draw(t, "ends") == 0 {
					at += calendar.Date(rapid.IntRange(1, 5).Draw(t, "days"))
					l.end, l.until = at, at.String()
					at-- // the next may begin on that day
				}
				for n := range rapid.IntRange(0, 2).Draw(t, "logins") {
					l.logins = append(l.logins, fmt.Sprintf("l%s%d%d", strings.NewReplacer("|", "", ";", "").Replace(cellText.Draw(t, "login")), i, n))
				}
				lines = append(lines, l)
			}
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "separator")
		w.UseCRLF = rapid.Bool().Draw(t, "crlf")
		rows := [][]string{{"id", "team", "role", "from", "until", "login:fs 1"}}
		for _, l := range lines {
			logins := strings.Join(l.logins, ";")
			if logins == "" {
				logins = noValue
			}
			rows = append(rows, []string{l.id, l.team, l.role, l.from, l.until, logins})
		}
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		imported, err := ImportRoster("people.csv", b.Bytes(), "", nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
		r, faults := readRoster("people.yaml", imported.YAML, time.UTC)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		for d := day - 1; d < day+50; d++ {
			want := map[string]line{}
			for i, l := range lines {
				if i+1 < len(lines) && lines[i+1].id == l.id && l.end == never {
					l.end = lines[i+1].begin
				}
				if l.begin <= d && d < l.end {
					want[l.id] = l
				}
			}
			for _, l := range lines {
				got, here := r.At(l.id, d.Start(time.UTC))
				w, there := want[l.id]
				if here != there || here && (got.Team != w.team || got.Role != w.role || !slices.Equal(got.Logins["fs 1"], w.logins)) {
					t.Fatalf("on %s %q is %+v, want %+v\n%s\n%s", d, l.id, got, w, b.Bytes(), imported.YAML)
				}
			}
		}
	})
}
