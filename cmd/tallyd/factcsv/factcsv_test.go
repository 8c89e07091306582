package factcsv

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the box may have no zone files

	"tallyd/rules/form"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func formsOf(t testing.TB) form.Forms {
	t.Helper()
	const file = "../../../configs/forms.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	forms, faults := form.Read(file, text)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return forms
}

// all reads a table: a line for each row, the fact or what is wrong with it.
func all(t testing.TB, kind, text string) (out []string) {
	t.Helper()
	r, err := New("t.csv", kind, []byte(text), zoneOf(t, "Asia/Shanghai"), formsOf(t))
	if err != nil {
		return strings.Split(err.Error(), "\n")
	}
	for x := r.Next(); x != nil; x = r.Next() {
		if len(x.Faults) > 0 {
			out = append(out, strings.Split(x.Faults.Error(), "\n")...)
			continue
		}
		b, err := json.Marshal(&x.Fact)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

// TestKinds: what a row of each kind is read as.
func TestKinds(t *testing.T) {
	for _, x := range []struct{ kind, table, want string }{
		{"survey", "id,at,agent,csat,nps,resolved\ns-1,2026-10-01 09:03,ann,5,0,No",
			`{"id":"s-1","at":"2026-10-01T01:03:00Z","agent":"ann","survey":{"csat":5,"nps":0,"resolved":false}}`},
		{"survey", "switch,contact,at,id,nps\nfs1,7f-1,2026-10-01T09:03:04.5678+02:00,s-1,10",
			`{"id":"s-1","at":"2026-10-01T07:03:04.567Z","contact":"7f-1","switch":"fs1","survey":{"nps":10}}`},
		{"disposition", "id,at,agent,code,case,due,done\nd-1,2026-10-01 09:05,ann,退款,C-17,2026-10-03,2026-10-02T11:30:15",
			`{"id":"d-1","at":"2026-10-01T01:05:00Z","agent":"ann","disposition":{"code":"退款","case":"C-17","due":"2026-10-02T16:00:00Z","done":"2026-10-02T03:30:15Z"}}`},
		{"disposition", "id,at,agent,code,case\nd-1,2026-10-01 09:05,ann,\"said \"\"no\"\", twice\",",
			`{"id":"d-1","at":"2026-10-01T01:05:00Z","agent":"ann","disposition":{"code":"said \"no\", twice"}}`},
		{"training", "id,at,agent,course,passed,points,of\nt-1,2026-10-01,ann,c1,yes,18,20",
			`{"id":"t-1","at":"2026-09-30T16:00:00Z","agent":"ann","training":{"course":"c1","passed":true,"points":18,"of":20}}`},
		{"training", "id,at,agent,course,passed,points,of\nt-1,2026-10-01,ann,c1,0,,",
			`{"id":"t-1","at":"2026-09-30T16:00:00Z","agent":"ann","training":{"course":"c1","passed":false}}`},
		{"form", "id,at,agent,form,rater,points,of,critical\nq-1,2026-10-01 09:05,ann,qa,s1,0,100,yes",
			`{"id":"q-1","at":"2026-10-01T01:05:00Z","agent":"ann","form":{"id":"qa","rater":"s1","points":0,"of":100,"critical":true}}`},
		// 0.3 × 15/20 + 0.5 × 3/5, of 0.8
		{"form", "id,at,agent,form,rater,Greeting.Name,greeting.tone,solution.understood,solution.solved,compliance.consent,compliance.identity\n" +
			"q-1,2026-10-01 09:05,ann,qa,s1,N/A,n/a,10,5,0,3",
			`{"id":"q-1","at":"2026-10-01T01:05:00Z","agent":"ann","form":{"id":"qa","rater":"s1","points":6563,"of":10000,"critical":true,` +
				`"sections":[{"id":"greeting","na":true},{"id":"solution","points":15,"of":20},{"id":"compliance","points":3,"of":5}]}}`},
	} {
		if got := all(t, x.kind, x.table); len(got) != 1 || got[0] != x.want {
			t.Errorf("%s\nis read as\n%s\nwant\n%s", x.table, strings.Join(got, "\n"), x.want)
		}
	}
	// A table may have rows of several forms.
	got := all(t, "form", "id,at,agent,form,rater,greeting.name,greeting.tone,solution.understood,solution.solved,compliance.consent,compliance.identity,teamwork.helps,teamwork.shares\n"+
		"1,2026-10-01,ann,qa,s1,5,5,10,10,1,4,,\n2,2026-10-01,ann,peer,s1,,,,,,,5,4\n3,2026-10-01,ann,peer,s1,5,,,,,,5,4\n")
	if len(got) != 3 || !strings.Contains(got[0], `"points":10000`) || !strings.Contains(got[1], `"points":9000`) ||
		got[2] != `t.csv:4:26: greeting.name "5": form "peer" has no such item` {
		t.Error(strings.Join(got, "\n"))
	}
}

// TestWritten: the ways in which spreadsheets write one table.
func TestWritten(t *testing.T) {
	const want = `{"id":"1","at":"2026-10-01T01:03:00Z","agent":"Lee, Ann; x","survey":{"csat":5}}`
	for _, table := range []string{
		"id,at,agent,csat\n1,2026-10-01 09:03,\"Lee, Ann; x\",5\n",
		"\xef\xbb\xbfID;At;Agent;CSAT\r\n1;2026-10-01 09:03;\"Lee, Ann; x\";5\r\n;;;\r\n\r\n",
		"\r\nid\tat\tagent\tcsat\r\n1\t 2026-10-01T09:03 \tLee, Ann; x\t5",
		"\"id\",\"at\",\"agent\",\"csat\"\n\n\"1\",\"2026-10-01 09:03:00\",\"Lee, Ann; x\",\"5\"",
	} {
		if got := all(t, "survey", table); len(got) != 1 || got[0] != want {
			t.Errorf("%q is read as %v", table, got)
		}
	}
}

// TestMadeIDs: an id is made of what a row says, however that is written, and never
// changes: this one was once made.
func TestMadeIDs(t *testing.T) {
	ids := map[string]bool{}
	for i, table := range []string{
		"at,agent,csat,resolved\n2026-10-01 09:03,ann,5,yes",
		"agent;resolved;csat;at;nps\nann;TRUE;05;2026-10-01T01:03:00Z;",
		"at,agent,csat,resolved\n2026-10-01 09:03,ann,5,no",
		"at,agent,csat,resolved\n2026-10-01 09:03,ann,5,",
		"at,agent,nps,resolved\n2026-10-01 09:03,ann,5,yes",
		"at,agent,csat,resolved\n2026-10-01 09:04,ann,5,yes",
		"at,agent,csat,resolved\n2026-10-01 09:03,bob,5,yes",
	} {
		r, err := New("t.csv", "survey", []byte(table), zoneOf(t, "Asia/Shanghai"), nil)
		if err != nil {
			t.Fatal(err)
		}
		x := r.Next()
		if len(x.Faults) > 0 {
			t.Fatal(x.Faults)
		}
		ids[x.Fact.ID] = true
		if i < 2 && x.Fact.ID != "csv-752a1b517036d5804e21e5b45476d30d" {
			t.Errorf("the id of %q is %s", table, x.Fact.ID)
		}
	}
	if len(ids) != 6 {
		t.Errorf("there are %d ids: %v", len(ids), ids)
	}
}

// TestLocalTimes: of a time that comes twice the first is meant; one that the clock
// jumps over is wrong.
func TestLocalTimes(t *testing.T) {
	r := &Reader{zone: zoneOf(t, "Europe/Berlin")}
	for text, want := range map[string]string{
		"2026-10-25 02:30":    "2026-10-25T00:30:00Z",
		"2026-10-25 03:30":    "2026-10-25T02:30:00Z",
		"2026-03-29 03:00":    "2026-03-29T01:00:00Z",
		"2026-03-29 02:30":    "has not been in the zone Europe/Berlin: the clock jumped over it",
		"2026-03-29":          "2026-03-28T23:00:00Z",
		"2026-03-29T03:00:59": "2026-03-29T01:00:59Z",
		"2026-03-32":          "is not a time such as 2026-10-01T09:00:00Z, or 2026-10-01 09:00 in the zone Europe/Berlin",
		"01.10.2026 09:00":    "is not a time such as 2026-10-01T09:00:00Z, or 2026-10-01 09:00 in the zone Europe/Berlin",
	} {
		at, err := r.moment(text)
		got := at.UTC().Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// TestBadTables: of what cannot be read at all, everything is told.
func TestBadTables(t *testing.T) {
	const items = "greeting.name,greeting.tone,solution.understood,solution.solved,compliance.consent,compliance.identity"
	for _, x := range []struct{ kind, table, want string }{
		{"survey", "", "t.csv:1:1: the file is empty: its first line names the columns, such as id,at,agent,contact,switch,csat,nps,resolved"},
		{"survey", "\n \r\n,,\n", "t.csv:1:1: the file is empty: its first line names the columns, such as id,at,agent,contact,switch,csat,nps,resolved"},
		{"survey", "\xff\xfei\x00d\x00", "t.csv:1:1: the file is UTF-16: save it as CSV UTF-8"},
		{"survey", "id,J\xf6rg", "t.csv:1:5: byte 0xF6 is not UTF-8: save the file as CSV UTF-8"},
		{"survey", "id", "t.csv:1:1: there is no column at: a survey needs it\nt.csv:1:1: there is no column agent or contact: a survey needs it\n" +
			"t.csv:1:1: there is no column csat or nps or resolved: a survey needs it"},
		{"survey", "at,agent,csat,mood,at,", `t.csv:1:15: column "mood" is not known (known: id, at, agent, contact, switch, csat, nps, resolved)` +
			"\nt.csv:1:20: column \"at\" is there twice\nt.csv:1:23: a column has no name"},
		{"survey", "at,agent,csat,greeting.name", `t.csv:1:15: column "greeting.name" is not known (known: id, at, agent, contact, switch, csat, nps, resolved)`},
		{"training", "at,contact", "t.csv:1:1: there is no column course: a training needs it\nt.csv:1:1: there is no column passed: a training needs it"},
		{"form", "at,agent,form,rater", "t.csv:1:1: there is no column points: a form needs it\nt.csv:1:1: there is no column of: a form needs it"},
		{"form", "at,agent,form,rater,greeting.voice", `t.csv:1:21: column "greeting.voice" is no item of a form (there are qa, peer, sales, coaching, upward, projects)`},
		{"form", "at,agent,form,rater,greeting.name", `t.csv:1:1: form "qa" has no column greeting.tone, solution.understood, solution.solved, compliance.consent, compliance.identity`},
		{"form", "at,agent,form,rater,points,of,critical," + items, "t.csv:1:21: column \"points\" is there beside columns of items, which it is computed from\n" +
			"t.csv:1:28: column \"of\" is there beside columns of items, which it is computed from\nt.csv:1:31: column \"critical\" is there beside columns of items, which it is computed from"},
		{"survey", "at,\"agent", `t.csv:1:10: a cell that begins with " does not end with one before a separator: a " in it is written "", and a line break cannot be in it`},
		{"survey", strings.Repeat("a,", maxLine), "t.csv:1:1: the line has 131072 bytes, 65536 are the most"},
		{"survey", strings.Repeat(",", maxColumns), "t.csv:1:1: the row has 501 cells, 500 are the most"},
	} {
		if got := strings.Join(all(t, x.kind, x.table), "\n"); got != x.want {
			t.Errorf("%.60q:\n%s\nwant\n%s", x.table, got, x.want)
		}
	}
	if _, err := New("t.csv", "form", []byte("at,agent,form,rater,greeting.name\n"), time.UTC, nil); err == nil ||
		err.Error() != `t.csv:1:21: column "greeting.name" is an item of a form, and nothing says which forms there are: --forms FILE, or forms_file in the configuration` {
		t.Error(err)
	}
}

// TestBadRows: every bad row is told with its place, and spoils no other.
func TestBadRows(t *testing.T) {
	const qa = "id,at,agent,form,rater,greeting.name,greeting.tone,solution.understood,solution.solved,compliance.consent,compliance.identity\n"
	for _, x := range []struct{ kind, row, want string }{
		{"survey", "1,2026-10-01 09:03,ann,9,,", "t.csv:2:24: csat 9 is not between 1 and 5"},
		{"survey", "1,2026-10-01 09:03,ann,9999999999999,,", "t.csv:2:24: csat 2147483647 is not between 1 and 5"},
		{"survey", "1,2026-10-01 09:03,ann,4.5,,", `t.csv:2:24: csat "4.5" is not a whole number`},
		{"survey", "1,2026-10-01 09:03,客服,5,x,maybe", `t.csv:2:25: nps "x" is not a whole number` + "\n" + `t.csv:2:27: resolved "maybe" is neither yes nor no`},
		{"survey", "1,2026-10-01 09:03,ann,,,", "t.csv:2:1: survey has none of csat, nps and resolved"},
		{"survey", "1,1.10.26,ann,5,,", `t.csv:2:3: at "1.10.26" is not a time such as 2026-10-01T09:00:00Z, or 2026-10-01 09:00 in the zone Asia/Shanghai`},
		{"survey", "1,,ann,5,,", "t.csv:2:3: at is missing"},
		{"survey", "1,1969-10-01,ann,5,,", "t.csv:2:3: at 1969-09-30T16:00:00Z is before 1970"},
		{"survey", "1,2026-10-01 09:03,,5,,", "t.csv:2:20: agent is missing"},
		{"survey", ",2026-10-01 09:03,ann,5,,", "t.csv:2:1: id is missing"},
		{"survey", "客,2026-10-01 09:03,ann,5,,", `t.csv:2:1: id "客" has the byte 0xe5, which is not printable`},
		{"survey", "1,2026-10-01 09:03,ann,5,", "t.csv:2:26: the row has 5 cells, the first line 6"},
		{"survey", "1,2026-10-01 09:03,Lee, Ann,5,,", "t.csv:2:32: the row has 7 cells, the first line 6"},
		{"survey", "1,2026-10-01 09:03,J\xf6rg,5,,", "t.csv:2:21: byte 0xF6 is not UTF-8: save the file as CSV UTF-8"},
		{"survey", `1,2026-10-01 09:03,"ann,5,,`, `t.csv:2:28: a cell that begins with " does not end with one before a separator: a " in it is written "", and a line break cannot be in it`},
		{"survey", `1,2026-10-01 09:03,"a"nn,5,,`, `t.csv:2:22: a cell that begins with " does not end with one before a separator: a " in it is written "", and a line break cannot be in it`},
		{"survey", `1,2026-10-01 09:03,a"nn,5,,`, `t.csv:2:21: a " stands within a cell that does not begin with one`},
		{"survey", "1,2026-10-01 09:03,a\x1b[2Jnn,5,,", `t.csv:2:20: agent "a\x1b[2Jnn" has the control character U+001B`},
		{"survey", "1,2026-10-01 09:03,a\x00,5,,", `t.csv:2:20: agent "a\x00" has the control character U+0000`},
		{"survey", "1,2026-10-01 09:03,ann,\r5,,", ""}, // a space
		{"survey", "1,2026-10-01 09:03,=cmd|'/c calc'!A1,5,,", ""},
		{"survey", "1,2026-10-01 09:03," + strings.Repeat("n", 257) + ",5,,", "t.csv:2:20: agent has 257 bytes, 256 are the most"},
		{"survey", "1,2026-10-01 09:03," + strings.Repeat("n", maxLine) + ",5,,", "t.csv:2:1: the line has 65559 bytes, 65536 are the most"},
		{"disposition", "1,2026-10-01 09:03,ann,,C-1,,", "t.csv:2:24: code is missing"},
		{"disposition", "1,2026-10-01 09:03,ann,x,,soon,", `t.csv:2:27: due "soon" is not a time such as 2026-10-01T09:00:00Z, or 2026-10-01 09:00 in the zone Asia/Shanghai`},
		{"training", "1,2026-10-01 09:03,ann,c1,,,", "t.csv:2:27: passed is missing"},
		{"training", "1,2026-10-01 09:03,ann,c1,yes,5,", "t.csv:2:33: of is missing"},
		{"training", "1,2026-10-01 09:03,ann,c1,yes,7,5", "t.csv:2:31: points 7 is not between 0 and of, which is 5"},
		{"training", "1,2026-10-01 09:03,ann,c1,yes,7,-1", "t.csv:2:33: of -1 is not between 1 and 1000000000"},
		{"form", "1,2026-10-01,ann,qa,,5,5,10,10,1,4", "t.csv:2:21: rater is missing"},
		{"form", "1,2026-10-01,ann,,s1,5,5,10,10,1,4", `t.csv:2:18: form "" is not defined (there are qa, peer, sales, coaching, upward, projects)`},
		{"form", "1,2026-10-01,ann,qb,s1,5,5,10,10,1,4", `t.csv:2:18: form "qb" is not defined (there are qa, peer, sales, coaching, upward, projects)`},
		{"form", "1,2026-10-01,ann,peer,s1,5,5,10,10,1,4", `t.csv:2:18: form "peer" has no column teamwork.helps, teamwork.shares in the first line`},
		{"form", "1,2026-10-01,ann,qa,s1,6,,10,10,1,-4", "t.csv:2:24: greeting.name \"6\" is neither a whole number between 0 and 5 nor N/A\n" +
			"t.csv:2:26: greeting.tone is empty: points are needed, or N/A where it does not apply\n" +
			"t.csv:2:35: compliance.identity \"-4\" is neither a whole number between 0 and 4 nor N/A"},
		{"form", "1,2026-10-01,ann,qa,s1,N/A,N/A,N/A,N/A,N/A,N/A", `t.csv:2:18: form "qa": nothing applies that has a weight: there is no result`},
	} {
		head := map[string]string{"survey": "id,at,agent,csat,nps,resolved\n", "disposition": "id,at,agent,code,case,due,done\n", "training": "id,at,agent,course,passed,points,of\n", "form": qa}[x.kind]
		good := map[string]string{"survey": "2,2026-10-01 09:03,ann,5,,", "disposition": "2,2026-10-01 09:03,ann,x,,,", "training": "2,2026-10-01 09:03,ann,c1,yes,,", "form": "2,2026-10-01,ann,qa,s1,5,5,10,10,1,4"}[x.kind]
		got := all(t, x.kind, head+x.row+"\n"+good)
		if len(got) == 0 || !strings.HasPrefix(got[len(got)-1], `{"id":"2"`) {
			t.Errorf("%.60q: the good row after it is lost: %v", x.row, got)
			continue
		}
		bad := strings.Join(got[:len(got)-1], "\n")
		if x.want == "" {
			if !strings.HasPrefix(bad, `{"id":"1"`) {
				t.Errorf("%.60q: %s", x.row, bad)
			}
			continue
		}
		if bad != x.want {
			t.Errorf("%.60q:\n%s\nwant\n%s", x.row, bad, x.want)
		}
	}
}

// TestFaultOfARow: what others say of a row stands at the cell that it is about.
func TestFaultOfARow(t *testing.T) {
	r, err := New("t.csv", "survey", []byte("id,at,agent,csat\n 1,2026-10-01,ann,5\n"), time.UTC, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := r.Next()
	for what, want := range map[string]string{
		`agent "ann" is not known`:                 `t.csv:2:15: agent "ann" is not known`,
		`survey "1" is stored already, 100%s`:      `t.csv:2:1: survey "1" is stored already, 100%s`,
		`at 2026-10-01T00:00:00Z is in the future`: `t.csv:2:4: at 2026-10-01T00:00:00Z is in the future`,
		"": "t.csv:2:1: ",
	} {
		if got := fmt.Sprint(x.Fault(what)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// FuzzFacts: whatever a table has, reading it ends; each row is a sound fact, or told
// with its place; and no row takes another's line.
func FuzzFacts(f *testing.F) {
	f.Add("survey", []byte("id,at,agent,csat,nps,resolved\n1,2026-10-01 09:03,ann,5,,yes\n2,\"2026\n"))
	f.Add("disposition", []byte("\xef\xbb\xbfat;contact;code;due;done\r\n2026-10-25 02:30;7f;\"x;\"\"y\";2026-10-01;\r\n"))
	f.Add("training", []byte("at\tagent\tcourse\tpassed\tpoints\tof\n2026-10-01T09:00:00+08:00\tann\tc1\t0\t1\t2"))
	f.Add("form", []byte("at,agent,form,rater,teamwork.helps,teamwork.shares\n2026-10-01,ann,peer,s1,N/A,5\n,,,,,\n"))
	zone, forms := zoneOf(f, "Europe/Berlin"), formsOf(f)
	f.Fuzz(func(t *testing.T, kind string, content []byte) {
		if ofKind[kind] == nil {
			kind = "survey"
		}
		r, err := New("t.csv", kind, content, zone, forms)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "t.csv") {
				t.Fatal(err)
			}
			return
		}
		last, total := 1, 1+strings.Count(string(content), "\n")
		for x := r.Next(); x != nil; x = r.Next() {
			if x.Line <= last || x.Line > total {
				t.Fatalf("line %d comes after %d, of %d", x.Line, last, total)
			}
			last = x.Line
			for _, fault := range x.Faults {
				if fault.Line != x.Line || fault.Col < 1 || fault.What == "" {
					t.Fatalf("%+v in line %d", fault, x.Line)
				}
			}
			if err := x.Fact.Check(); len(x.Faults) == 0 && err != nil {
				t.Fatalf("%+v: %v", x.Fact, err)
			}
		}
	})
}
