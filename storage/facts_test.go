package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tallyd/metrics"
)

func survey(id, agent string, at metrics.Millis, csat int) metrics.Fact {
	return metrics.Fact{Kind: metrics.SurveyFact, ID: id, At: at, Agent: agent, Survey: &metrics.Survey{CSAT: &csat}}
}

func form(id, agent, rater string, at metrics.Millis) metrics.Fact {
	return metrics.Fact{Kind: metrics.FormFact, ID: id, At: at, Agent: agent, Form: &metrics.Form{ID: "qa", Rater: rater, Points: 87, Of: 100}}
}

func putFact(t testing.TB, s *Store, f metrics.Fact) (duplicate bool) {
	t.Helper()
	duplicate, err := s.PutFact(&f)
	if err != nil {
		t.Fatal(err)
	}
	return duplicate
}

// TestFactOnce: a fact that is told again is told apart and stored once, whether the
// folder was closed meanwhile or not; another one of the same id is refused, and
// the first one stays.
func TestFactOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	first := survey("m-1", "ann", 1000, 5)
	if putFact(t, s, first) {
		t.Error("the first time is a duplicate")
	}
	for range 2 {
		if !putFact(t, s, first) {
			t.Error("the second time is no duplicate")
		}
		for _, other := range []metrics.Fact{survey("m-1", "ann", 1000, 4), survey("m-1", "bob", 1000, 5), survey("m-1", "ann", 999, 5)} {
			_, err := s.PutFact(&other)
			if !errors.Is(err, ErrFactDiffers) || err.Error() != `survey "m-1" is stored already, and differs` {
				t.Errorf("another one: error is %v", err)
			}
		}
		if got := collectAll(t, s.Facts(t.Context(), FactQuery{})); !reflect.DeepEqual(got, []metrics.Fact{first}) {
			t.Errorf("stored are %+v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, Config{Dir: dir})
	}
	// Ids are each kind's own.
	if putFact(t, s, form("m-1", "ann", "s1", 1000)) {
		t.Error("a form is a survey's duplicate")
	}
	bad := survey("m-2", "ann", 1000, 6)
	if _, err := s.PutFact(&bad); err == nil || err.Error() != "csat 6 is not between 1 and 5" {
		t.Errorf("an unsound one: error is %v", err)
	}
	bad = survey("m-2", "", 1000, 5)
	bad.Contact, bad.Switch = "7f-1", "fs1"
	if _, err := s.PutFact(&bad); err == nil || err.Error() != `survey "m-2" is of nobody` {
		t.Errorf("one without an agent: error is %v", err)
	}
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if f, there, err := v.Fact(metrics.SurveyFact, "m-1"); !there || err != nil || !reflect.DeepEqual(f, first) {
		t.Errorf("found is %+v, %v, error %v", f, there, err)
	}
	if f, there, err := v.Fact(metrics.SurveyFact, "m-10"); there || err != nil {
		t.Errorf("found is %+v, error %v", f, err)
	}
}

// TestFactsRetained: facts go with the rollups of their time, all of their keys,
// and none comes in that would go at once.
func TestFactsRetained(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	limit := metrics.Interval(100)
	old, kept := survey("old", "ann", limit.Start()-1, 5), survey("kept", "ann", limit.Start(), 5)
	putFact(t, s, old)
	putFact(t, s, kept)
	const more = 500 // than one transaction deletes
	for i := range more {
		putFact(t, s, form(fmt.Sprint(i), "bob", "s1", 1+metrics.Millis(i)))
	}
	if n, err := s.Retain(t.Context(), limit, 0); n != more+1 || err != nil {
		t.Errorf("%d were deleted, error %v", n, err)
	}
	for _, q := range []FactQuery{{}, {Agent: "ann"}, {From: math.MinInt64}} {
		if got := collectAll(t, s.Facts(t.Context(), q)); !reflect.DeepEqual(got, []metrics.Fact{kept}) {
			t.Errorf("%+v: left are %+v", q, got)
		}
	}
	for _, kind := range []byte{factKey, factByAgentKey, factIdentityKey} {
		if n := countKeys(t, s, []byte{kind}); n != 1 {
			t.Errorf("%d keys %q are left", n, kind)
		}
	}
	if _, err := s.PutFact(&old); !errors.Is(err, ErrPast) || err.Error() != `survey "old" of 1970-01-02T00:59:59Z is before the records that are kept, from 1970-01-02T01:00:00Z on` {
		t.Errorf("error is %v", err)
	}
}

// TestFactsHidden: while a deletion lasts, nothing of what is past its time is
// shown, and its ids are not given to others.
func TestFactsHidden(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	limit := metrics.Interval(100)
	old := survey("m-1", "ann", limit.Start()-1, 5)
	putFact(t, s, old)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Retain(ctx, limit, 0); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	if got := collectAll(t, s.Facts(t.Context(), FactQuery{Agent: "ann"})); len(got) != 0 {
		t.Errorf("shown are %+v", got)
	}
	again := survey("m-1", "ann", limit.Start(), 5)
	if _, err := s.PutFact(&again); !errors.Is(err, ErrFactDiffers) {
		t.Errorf("error is %v", err)
	}
	if n, err := s.Retain(t.Context(), limit, 0); n != 1 || err != nil {
		t.Errorf("%d were deleted, error %v", n, err)
	}
	if putFact(t, s, again) {
		t.Error("it is a duplicate of what was deleted")
	}
}

// TestForgetFacts: an agent's facts go, and the agent's name as a rater of others;
// both are counted, and neither is left in any file.
func TestForgetFacts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	for i := range 700 { // more than one step
		at := metrics.Millis(1000 + i)
		putFact(t, s, survey(fmt.Sprint("s", i), leaver, at, 5))
		if i%7 == 0 {
			putFact(t, s, form(fmt.Sprint("by", i), staying, leaver, at))
			putFact(t, s, form(fmt.Sprint("of", i), leaver, staying, at))
			putFact(t, s, form(fmt.Sprint("else", i), staying, "s1", at))
		}
	}
	want := collectAll(t, s.Facts(t.Context(), FactQuery{Agent: staying}))
	done, err := s.Forget(t.Context(), Forgetting{Kind: ForgetAgent, Agent: leaver, At: 7, By: "ann"})
	if err != nil || done.Facts != 700+100+100 || done.Contacts != 0 || done.Rollups != 0 {
		t.Fatalf("done is %+v, error %v", done, err)
	}
	for i := range want {
		if want[i].Form.Rater == leaver {
			want[i].Form.Rater = done.Name
		}
	}
	if got := collectAll(t, s.Facts(t.Context(), FactQuery{})); !reflect.DeepEqual(got, want) {
		t.Errorf("%d facts are left, want %d with another rater", len(got), len(want))
	}
	if n := countKeys(t, s, []byte{factIdentityKey}); n != len(want) {
		t.Errorf("%d ids are left, want %d", n, len(want))
	}
	if list, err := s.Forgotten(t.Context()); err != nil || !slices.Equal(list, []Forgotten{done}) {
		t.Errorf("listed are %+v, error %v", list, err)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := inFiles(t, dir, leaver); n != 0 {
		t.Errorf("the name is still in %d files", n)
	}
	if _, err := s.Forget(t.Context(), Forgetting{Kind: ForgetAgent, Agent: leaver}); !errors.Is(err, ErrUnknown) {
		t.Errorf("forgotten again with error %v", err)
	}
}

// TestFactsDamaged: facts that a damaged file held are an error to whoever asks for
// them, others are not, and storing goes on; who has decided to go without them can
// have them told again.
func TestFactsDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Dir: dir})
	at := func(i int) metrics.Millis { return recently.Start() + metrics.Millis(i)*60_000 }
	const facts = 400
	fact := func(i int) metrics.Fact {
		return form(fmt.Sprintf("%04d", i), fmt.Sprintf("agent-%d", i%3), "s1", at(i))
	}
	for i := range facts {
		putFact(t, s, fact(i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	lost := factRecord(FactPlaceOf(&metrics.Fact{Kind: metrics.FormFact, ID: "0200", At: at(200)}))
	flip(t, filepath.Join(dir, filepath.Base(theTable(t, dir))), placeIn(t, theTable(t, dir), lost))
	s = open(t, Config{Dir: dir})
	for _, q := range []FactQuery{{From: at(200), To: at(201)}, {}, {Agent: "agent-2"}} {
		if err := firstError(s.Facts(t.Context(), q)); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "facts") {
			t.Errorf("%+v: error is %v", q, err)
		}
	}
	if got := collectAll(t, s.Facts(t.Context(), FactQuery{From: at(0), To: at(20)})); len(got) != 20 {
		t.Errorf("%d facts of before are left", len(got))
	}
	putFact(t, s, survey("new", "agent-2", at(facts), 5))
	notes, err := filepath.Glob(filepath.Join(dir, damagedFolder, "*"+noteSuffix))
	if err != nil || len(notes) != 1 {
		t.Fatalf("notes are %v, error %v", notes, err)
	}
	if err := errors.Join(os.Remove(notes[0]), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir})
	left := collectAll(t, s.Facts(t.Context(), FactQuery{Kind: metrics.FormFact}))
	if len(left) == 0 || len(left) == facts {
		t.Fatalf("%d facts are left", len(left))
	}
	for i := range facts {
		f := fact(i)
		known := slices.ContainsFunc(left, func(o metrics.Fact) bool { return o.ID == f.ID })
		if putFact(t, s, f) != known {
			t.Errorf("%s is a duplicate: %v", f.ID, !known)
		}
	}
	for _, agent := range []string{"", "agent-0", "agent-1", "agent-2"} {
		want := facts
		if agent != "" {
			want = (facts + 2 - int(agent[6]-'0')) / 3
		}
		if got := collectAll(t, s.Facts(t.Context(), FactQuery{Kind: metrics.FormFact, Agent: agent})); len(got) != want {
			t.Errorf("%q: told again are %d facts, want %d", agent, len(got), want)
		}
	}
}

func firstError[T any](seq func(func(T, error) bool)) (err error) {
	seq(func(_ T, e error) bool { err = e; return e == nil })
	return err
}

// placeIn is where a key's text is in a table file.
func placeIn(t *testing.T, file string, key []byte) int64 {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, key[len(key)-7:]) // keys are stored as differences
	if i < 0 {
		t.Fatalf("the key %q is not in %s", key, file)
	}
	return int64(i)
}

// factDir names the folder that this program, run as the process that is killed,
// stores a fact in.
const factDir = "TALLYD_TEST_FACT"

// unacknowledged is killed between storing a fact and saying so.
func unacknowledged(dir string) int {
	s, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f := survey("m-1", "ann", 1000, 5)
	if _, err := s.PutFact(&f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// TestFactKilled: a sender who never heard that a fact was stored sends it again,
// and is told that it was.
func TestFactKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), factDir+"="+dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it ended with %v", err)
	}
	s := open(t, Config{Dir: dir})
	f := survey("m-1", "ann", 1000, 5)
	if !putFact(t, s, f) {
		t.Error("what was stored before the end is not known")
	}
	if got := collectAll(t, s.Facts(t.Context(), FactQuery{})); !reflect.DeepEqual(got, []metrics.Fact{f}) {
		t.Errorf("stored are %+v", got)
	}
}

// TestFactsRatio: where nothing was told, an hour's facts are looked for in that hour, and
// not to the end of the store: appraisals ask for every hour.
func TestFactsRatio(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir()})
	const intervals = 2000
	for i := range metrics.Interval(intervals) {
		if err := s.PutSealed(testSealed("fs1", i+1, 2)); err != nil {
			t.Fatal(err)
		}
	}
	took := func(to metrics.Millis) time.Duration {
		best := time.Hour
		for range 5 {
			begun := time.Now()
			for _, err := range s.Facts(t.Context(), FactQuery{From: metrics.Interval(1).Start(), To: to}) {
				if err != nil {
					t.Fatal(err)
				}
			}
			best = min(best, time.Since(begun))
		}
		return best
	}
	hour, all := took(metrics.Interval(5).Start()), took(metrics.Interval(intervals+1).Start())
	t.Logf("an hour %s, %d quarter hours %s", hour, intervals, all)
	if hour > all/20 {
		t.Errorf("an hour's facts take %s, those of %d quarter hours %s", hour, intervals, all)
	}
}
