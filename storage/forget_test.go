package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tallyd/metrics"
)

const (
	leaver  = "Lee Aver@default"
	caller  = "139****4711"
	staying = "Stay Er@default"
)

var callerHash = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// peopleSealed is an interval in which the leaver and another agent worked, and
// the caller called among others.
func peopleSealed(i metrics.Interval) *metrics.Sealed {
	s := &metrics.Sealed{Switch: "fs1", Interval: i}
	for n, agent := range []string{leaver, staying} {
		for _, k := range []metrics.RowKind{metrics.AgentRow, metrics.PairRow, metrics.PauseRow} {
			r := metrics.Rollup{Kind: k, Name: agent}
			if k != metrics.AgentRow {
				r.Second = "support"
			}
			r.Values[metrics.AnsweredCount] = int64(i) + int64(n)
			r.Histograms[metrics.AnsweredWaits].Add(metrics.Millis(i))
			s.Rollups = append(s.Rollups, r)
		}
	}
	// A queue that is called as the agent is stays as it is.
	s.Rollups = append(s.Rollups, metrics.Rollup{Kind: metrics.QueueRow, Name: "support"})
	for n := range 6 {
		c := metrics.Contact{Switch: "fs1", Visit: fmt.Sprintf("%d-%d", i, n), Leg: fmt.Sprintf("leg-%d-%d", i, n), Queue: "support", Agent: []string{leaver, staying, ""}[n%3],
			Joined: i.Start() + metrics.Millis(n), Ended: i.Start() + 1000 + metrics.Millis(n), Caller: "030****11", Hash: [16]byte{byte(n + 1)}}
		if n < 2 {
			c.Caller, c.Hash = caller, callerHash
		}
		s.Contacts = append(s.Contacts, c)
	}
	return s
}

// load stores many intervals at once.
func load(t *testing.T, s *Store, intervals metrics.Interval) {
	t.Helper()
	var all []change
	for i := range intervals {
		changes, err := s.changes(peopleSealed(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, changes...)
	}
	if err := s.commitParts(all); err != nil {
		t.Fatal(err)
	}
}

// everything is all that a store shows, with people's names as told.
func everything(t *testing.T, s *Store, as func(agent string) string) string {
	t.Helper()
	var b strings.Builder
	ctx := context.Background()
	var rows []metrics.Rollup
	for r, err := range s.Rollups(ctx, Query{From: math.MinInt64, To: math.MaxInt64}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind >= metrics.AgentRow {
			r.Name = as(r.Name)
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b metrics.Rollup) int {
		return compareCells(cell{a.Interval, a.Key()}, cell{b.Interval, b.Key()})
	})
	for _, r := range rows {
		v, err := r.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%q\n", v)
	}
	for _, q := range []ContactQuery{{}, {Queues: []string{"support"}}} {
		for c, err := range s.Contacts(ctx, q) {
			if err != nil {
				t.Fatal(err)
			}
			c.Agent = as(c.Agent)
			fmt.Fprintf(&b, "%+v\n", c)
		}
	}
	return b.String()
}

func same(agent string) string { return agent }

func TestForgetAgent(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	load(t, s, 400)
	if err := s.Compact(ctx); err != nil { // the names are in the tables, too
		t.Fatal(err)
	}
	before := everything(t, s, same)
	at := metrics.Interval(400).Start()
	done, err := s.Forget(ctx, Forgetting{Kind: ForgetAgent, Agent: leaver, At: at, By: "ann"})
	want := Forgotten{Number: 1, Kind: ForgetAgent, At: at, By: "ann", Contacts: 800, Rollups: 1200, Name: done.Name}
	if err != nil || done != want || !strings.HasPrefix(done.Name, "forgotten-") || len(done.Name) != len("forgotten-1a2b3c") {
		t.Fatalf("done is %+v, want %+v, error %v", done, want, err)
	}
	if got := everything(t, s, func(agent string) string {
		if agent == leaver {
			t.Fatal("the name is still there")
		}
		return strings.Replace(agent, done.Name, leaver, 1)
	}); got != before {
		t.Error("more has changed than the name")
	}
	for _, agent := range []string{leaver, staying, done.Name} {
		contacts := len(collectAll(t, s.Contacts(ctx, ContactQuery{Agent: agent})))
		rows, err := s.Sum(ctx, Query{From: 0, To: 400, Names: []string{agent}})
		if wantC, wantR := 800, 3; err != nil || agent != leaver && (contacts != wantC || len(rows) != wantR) || agent == leaver && contacts+len(rows) != 0 {
			t.Errorf("%s: %d contacts, %d rows, error %v", agent, contacts, len(rows), err)
		}
	}
	if traces, err := s.Traces(); !traces || err != nil || inFiles(t, dir, leaver) == 0 {
		t.Errorf("traces are told %v, error %v", traces, err)
	}
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	if traces, err := s.Traces(); traces || err != nil {
		t.Errorf("traces are told %v, error %v", traces, err)
	}
	if n := inFiles(t, dir, leaver) + inFiles(t, dir, leaver[:8]); n != 0 {
		t.Errorf("the name is still in %d files", n)
	}
	if _, err := s.Forget(ctx, Forgetting{Kind: ForgetAgent, Agent: leaver}); !errors.Is(err, ErrUnknown) {
		t.Errorf("forgotten again with error %v", err)
	}
	if _, err := s.Forget(ctx, Forgetting{Kind: ForgetAgent, Agent: staying, Name: done.Name}); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("two agents under one name: error is %v", err)
	}
	if list, err := s.Forgotten(ctx); err != nil || !slices.Equal(list, []Forgotten{want}) {
		t.Errorf("listed are %+v, error %v", list, err)
	}
}

func TestForgetCaller(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	load(t, s, 300)
	sums, err := s.Sum(ctx, Query{From: 0, To: 300})
	if err != nil {
		t.Fatal(err)
	}
	before := collectAll(t, s.Contacts(ctx, ContactQuery{}))
	other := [16]byte{99}
	done, err := s.Forget(ctx, Forgetting{Kind: ForgetCaller, Hashes: [][16]byte{other, callerHash}, At: 7, By: "ann"})
	if want := (Forgotten{Number: 1, Kind: ForgetCaller, At: 7, By: "ann", Contacts: 600}); err != nil || done != want {
		t.Fatalf("done is %+v, want %+v, error %v", done, want, err)
	}
	for i := range before {
		if before[i].Hash == callerHash {
			before[i].Hash, before[i].Caller, before[i].Leg = [16]byte{}, "", ""
		}
	}
	if got := collectAll(t, s.Contacts(ctx, ContactQuery{})); !reflect.DeepEqual(got, before) {
		t.Error("other contacts have changed")
	}
	if got := collectAll(t, s.Contacts(ctx, ContactQuery{Caller: callerHash})); len(got) != 0 {
		t.Errorf("%d contacts are still found by the number", len(got))
	}
	if again, err := s.Sum(ctx, Query{From: 0, To: 300}); err != nil || fmt.Sprint(again) != fmt.Sprint(sums) {
		t.Errorf("sums have changed, error %v", err)
	}
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	for _, trace := range []string{caller, string(callerHash[:])} {
		if n := inFiles(t, dir, trace); n != 0 {
			t.Errorf("%q is still in %d files", trace, n)
		}
	}
	for _, wrong := range []Forgetting{{}, {Kind: ForgetCaller}, {Kind: ForgetAgent}, {Kind: ForgetAgent, Agent: metrics.Overflow},
		{Kind: ForgetCaller, Hashes: [][16]byte{{}}}, {Kind: ForgetAgent, Agent: "a", Hashes: [][16]byte{callerHash}}} {
		if _, err := s.Forget(ctx, wrong); err == nil || errors.Is(err, ErrUnknown) {
			t.Errorf("%+v: error is %v", wrong, err)
		}
	}
	if list, err := s.Forgotten(ctx); err != nil || len(list) != 1 {
		t.Errorf("listed are %+v, error %v", list, err)
	}
	// A second one is numbered on, and nothing else is about the first.
	done, err = s.Forget(ctx, Forgetting{Kind: ForgetCaller, Hashes: [][16]byte{{3}}})
	if err != nil || done.Number != 2 || done.Contacts != 300 {
		t.Errorf("done is %+v, error %v", done, err)
	}
}

// forgetDir names the folder that this program, run as the process that
// TestForgetKilled kills, forgets the leaver in.
const forgetDir = "TALLYD_TEST_FORGET"

func forgetUntilKilled(dir string) int {
	ctx := context.Background()
	s, err := Open(ctx, Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if list, err := s.Forgotten(ctx); err != nil || len(list) > 0 {
		fmt.Println("done")
		return 0
	}
	fmt.Println("open")
	_, err = s.Forget(ctx, Forgetting{Kind: ForgetAgent, Agent: leaver, At: 7, By: "ann"})
	fmt.Println("done", err)
	select {}
}

// TestForgetKilled kills the process that forgets, at random moments: in between
// nothing but the name differs, and in the end all of it is forgotten, and told
// once, with the right numbers.
func TestForgetKilled(t *testing.T) {
	sound := t.TempDir()
	s := open(t, Config{Dir: sound})
	const intervals = 500
	load(t, s, intervals)
	before := everything(t, s, same)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	half := 0 // how often it was finished by opening the folder
	for round := range 4 {
		dir := copyFolder(t, sound)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), forgetDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var word string
		if _, err := fmt.Fscan(out, &word); err != nil || word != "open" {
			t.Fatalf("it said %q, %v", word, err)
		}
		if round > 0 { // at first, as soon as possible
			time.Sleep(time.Duration(rand.IntN(6*round)) * time.Millisecond)
		}
		_ = cmd.Process.Kill()
		rest, _ := io.ReadAll(out)
		_ = cmd.Wait()
		s := open(t, Config{Dir: dir})
		list, err := s.Forgotten(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 { // killed before it began
			if got := everything(t, s, same); got != before {
				t.Error("something has changed")
			}
			continue
		}
		if !strings.Contains(string(rest), "done") {
			half++
		}
		want := Forgotten{Number: 1, Kind: ForgetAgent, At: 7, By: "ann", Contacts: 2 * intervals, Rollups: 3 * intervals, Name: list[0].Name}
		if len(list) != 1 || list[0] != want {
			t.Errorf("listed are %+v, want %+v", list, want)
		}
		if got := everything(t, s, func(agent string) string { return strings.Replace(agent, list[0].Name, leaver, 1) }); got != before {
			t.Error("more has changed than the name")
		}
		if rows, err := s.Sum(t.Context(), Query{From: 0, To: intervals, Names: []string{leaver}}); err != nil || len(rows) != 0 {
			t.Errorf("%d rows have the name, error %v", len(rows), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d times opening the folder finished it", half)
}

// cutAfter is a context that ends when it has been looked at so many times.
type cutAfter struct {
	context.Context
	looks int
}

func (c *cutAfter) Err() error {
	if c.looks--; c.looks < 0 {
		return context.Canceled
	}
	return nil
}

// TestForgetCut interrupts a forgetting after so many steps: no sum differs in
// between, and the next forgetting, or opening the folder, goes on with it.
func TestForgetCut(t *testing.T) {
	const intervals = 300
	for kind, cuts := range map[string][]int{ForgetAgent: {0, 1, 2, 5, 350}, ForgetCaller: {0, 1, 2}} {
		for _, looks := range cuts {
			t.Run(fmt.Sprintf("%s after %d", kind, looks), func(t *testing.T) {
				dir := t.TempDir()
				s := open(t, Config{Dir: dir})
				load(t, s, intervals)
				f := Forgetting{Kind: kind, At: 7, By: "ann"}
				if f.Agent = leaver; kind == ForgetCaller {
					f.Agent, f.Hashes = "", [][16]byte{callerHash}
				}
				sum := func() (n [3]int64) {
					for r, err := range s.Rollups(t.Context(), Query{From: 0, To: intervals}) {
						if err != nil {
							t.Fatal(err)
						}
						n[0]++
						n[1] += r.Get(metrics.AnsweredCount)
					}
					n[2] = int64(len(collectAll(t, s.Contacts(t.Context(), ContactQuery{Queues: []string{"support"}}))))
					return n
				}
				before := sum()
				if _, err := s.Forget(&cutAfter{t.Context(), looks}, f); !errors.Is(err, context.Canceled) {
					t.Fatalf("error is %v", err)
				}
				if after := sum(); after != before {
					t.Errorf("in between the sums are %v, were %v", after, before)
				}
				if under, err := s.underWay(); err != nil || under == nil {
					t.Errorf("under way is %+v, error %v", under, err)
				}
				if list, err := s.Forgotten(t.Context()); err != nil || len(list) != 0 {
					t.Errorf("in between it is listed: %+v, error %v", list, err)
				}
				if looks%2 == 0 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					if _, err := Open(t.Context(), Config{Dir: dir, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "in the middle of a write") {
						t.Errorf("read only: error is %v", err)
					}
					s = open(t, Config{Dir: dir})
				} else if _, err := s.Forget(t.Context(), Forgetting{Kind: ForgetAgent, Agent: "nobody"}); !errors.Is(err, ErrUnknown) {
					t.Errorf("error is %v", err)
				}
				if after := sum(); after != before {
					t.Errorf("in the end the sums are %v, were %v", after, before)
				}
				list, err := s.Forgotten(t.Context())
				want := Forgotten{Number: 1, Kind: kind, At: 7, By: "ann", Contacts: 2 * intervals}
				if kind == ForgetAgent {
					want.Rollups, want.Name = 3*intervals, list[0].Name
				}
				if err != nil || len(list) != 1 || list[0] != want {
					t.Errorf("listed are %+v, want %+v, error %v", list, want, err)
				}
			})
		}
	}
}
