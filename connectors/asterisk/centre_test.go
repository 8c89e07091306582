package asterisk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/asterisk/queuelog"
	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// required tells whether a part must not be left out.
func required() bool { return os.Getenv("TALLYD_REQUIRE") == "all" }

// start starts an Asterisk, or leaves the test out where that cannot be had.
func start(t *testing.T, ctx context.Context, version string, opt lab.Options) *lab.Asterisk {
	t.Helper()
	a, err := lab.Start(ctx, version, opt)
	if errors.Is(err, lab.ErrNoRoot) && !required() {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// variants are the ways in which Asterisks are set up.
var variants = map[string]lab.Options{
	"22": {SystemName: "ast22"},
	"16": {Zone: "Asia/Kolkata", NoSetVars: true}, // half hours in the zone, unique ids without a prefix, no variables
}

// TestCentre plays a call centre of two minutes against real Asterisks, records
// it, and holds what is counted against the switch's own logs and the phones'.
func TestCentre(t *testing.T) {
	for _, version := range lab.Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
			defer stop()
			opt := variants[version]
			if os.Getenv("TALLYD_SWAP") != "" {
				opt = variants[map[string]string{"22": "16", "16": "22"}[version]]
			}
			a := start(t, ctx, version, opt)
			folder := recordingFolder(t, version)
			rec, err := a.Record(ctx, folder)
			if err != nil {
				t.Fatal(err)
			}
			both, alone := attach(t, a, true), attach(t, a, false)
			log, err := lab.Centre{Seed: seedOf(), Calls: 130, Length: 100 * time.Second}.Play(ctx, a)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range log.Faults {
				t.Errorf("phones: %v", f)
			}
			if err := errors.Join(rec.Close(), a.Logs(folder), writePhones(folder, log)); err != nil {
				t.Fatal(err)
			}
			compareLogs(t, folder)
			for _, l := range []*attached{both, alone} {
				l.end(t)
				compareLive(t, folder, l)
			}
			if l := both.connector.Health().Missing; len(l) > 1 || len(alone.connector.Health().Missing) == 0 {
				t.Errorf("missing with the manager interface: %q", l)
			}
		})
	}
}

// seedOf is what the plans of a played centre are drawn from.
func seedOf() uint64 {
	seed, _ := strconv.ParseUint(cmp.Or(os.Getenv("TALLYD_SEED"), "1"), 10, 64)
	return seed
}

// recordingFolder is where a played centre is recorded: it stays where that is
// wanted.
func recordingFolder(t *testing.T, version string) string {
	t.Helper()
	keep := os.Getenv("TALLYD_RECORDINGS")
	if keep == "" {
		return t.TempDir()
	}
	folder := filepath.Join(keep, fmt.Sprint(version, "-", seedOf()))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func writePhones(folder string, log *lab.Log) error {
	b, err := json.MarshalIndent(log.Answers, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(folder+"/phones.json", b, 0o644)
}

// TestRecorded compares recordings that a folder holds, one each in a folder of
// its own, as TestCentre leaves them.
func TestRecorded(t *testing.T) {
	folders, err := filepath.Glob(cmp.Or(os.Getenv("TALLYD_RECORDINGS"), "testdata") + "/*/phones.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		t.Run(filepath.Base(filepath.Dir(f)), func(t *testing.T) { compareLogs(t, filepath.Dir(f)) })
	}
}

// compareLogs replays a recording with and without the manager interface and
// holds both against what the switch and the phones wrote down.
func compareLogs(t *testing.T, folder string) {
	t.Helper()
	alone, both := replay(t, folder, false), replay(t, folder, true)
	entries := readQueueLog(t, folder)
	result := compareRecord(t, queuelog.Record(entries, nil), both)
	compareCalls(t, folder, both)
	compareRings(t, entries, both)
	comparePhones(t, folder, both)
	sameCalls(t, alone, both)
	conserved(t, both)
	t.Logf("%d visits compared, %d refused, %+v", result.Compared, result.Refused, both.translator.Counts)
}

// compareRecord holds a replay against one of the switch's records.
func compareRecord(t *testing.T, rec *records.Record, r *replayed) *records.Result {
	t.Helper()
	result := records.Compare(rec, &records.Counted{Contacts: r.contacts, Name: r.translator.Name}, records.Span{})
	for _, d := range result.Differences {
		if d.Reason == "" {
			t.Error(d.In(rec.Name))
		} else {
			t.Log(d.In(rec.Name))
		}
	}
	return result
}

func readQueueLog(t *testing.T, folder string) []queuelog.Entry {
	t.Helper()
	entries, faults, err := queuelog.Read(openEither(t, folder+"/queue_log"))
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return entries
}

// compareRings holds rings that nobody answered against RINGNOANSWER, by queue.
func compareRings(t *testing.T, entries []queuelog.Entry, r *replayed) {
	t.Helper()
	want := map[string]int64{}
	for _, e := range entries {
		if e.Event == "RINGNOANSWER" {
			want[e.Queue]++
		}
	}
	for k, x := range r.sum {
		if got := x.Get(metrics.MissedCount) + x.Get(metrics.RejectedCount); k.Kind == metrics.QueueRow && got != want[k.Name] {
			t.Errorf("queue %s: %d rings not answered, queue_log has %d", k.Name, got, want[k.Name])
		}
	}
}

// comparePhones holds each agent's talk against the agents' own phones.
func comparePhones(t *testing.T, folder string, r *replayed) {
	t.Helper()
	var answers []lab.Answer
	if err := json.NewDecoder(openEither(t, folder+"/phones.json")).Decode(&answers); err != nil {
		t.Fatal(err)
	}
	byPhone := map[string][]lab.Answer{}
	for _, a := range answers {
		byPhone[a.Phone] = append(byPhone[a.Phone], a)
	}
	for _, c := range r.contacts {
		if c.Outcome != metrics.Answered {
			continue
		}
		phone := phoneOf(c.Agent)
		late := 600.0 // SIP sends again what was lost after 500 ms
		if c.Queue == "ordered" {
			late += 1000 // memberdelay
		}
		best := math.Inf(1)
		var talk float64
		for _, sameCaller := range []bool{true, false} { // two calls can be answered in one millisecond
			for _, a := range byPhone[phone] {
				off := math.Abs(float64(a.At.UnixMilli() - int64(c.Answered)))
				if off < best && (!sameCaller || metrics.Mask(metrics.MakeCaller([]byte(a.Caller))) == c.Caller) {
					best, talk = off, float64(a.Ended.Sub(a.At).Milliseconds())
				}
			}
			if best <= late {
				break
			}
		}
		if best > late {
			t.Errorf("visit %s: answered by %s at %d, its phone says %.0f ms off", c.Visit, c.Agent, c.Answered, best)
			continue
		}
		if c.Talk() < 500 {
			continue // who hangs up before SIP has settled the answer is heard late
		}
		if goesOn(r, &c) {
			continue // who called had consulted, and joined the agent to somebody else
		}
		// A phone that asks for a transfer counts on until that is done.
		if off := talk - float64(c.Talk()); off > late+700 || off < -600 {
			t.Errorf("visit %s (%s, %v): talk %d ms, the phone says %.0f", c.Visit, c.Agent, c.EndedBy, c.Talk(), talk)
		}
	}
}

// goesOn tells whether the agent's call went on outside the queue.
func goesOn(r *replayed, c *metrics.Contact) bool {
	return slices.ContainsFunc(r.facts, func(e metrics.Event) bool {
		return e.Kind == metrics.LegStarted && strings.HasSuffix(e.Leg.String(), "/on") && e.At == c.Ended &&
			r.names.Name(metrics.AgentName, uint32(e.Agent)) == c.Agent
	})
}

// phoneOf is the number in an interface.
func phoneOf(interf string) string {
	for i := range interf {
		if interf[i] == '1' && i+4 <= len(interf) {
			return interf[i : i+4]
		}
	}
	return ""
}

// sameCalls: the manager interface adds to what is known of agents, and changes
// no count of calls.
func sameCalls(t *testing.T, a, b *replayed) {
	t.Helper()
	if len(a.contacts) != len(b.contacts) {
		t.Fatalf("%d visits with ARI alone, %d with AMI", len(a.contacts), len(b.contacts))
	}
	for i := range a.contacts {
		if !reflect.DeepEqual(a.contacts[i], b.contacts[i]) {
			t.Errorf("with ARI alone %+v, with AMI %+v", a.contacts[i], b.contacts[i])
		}
	}
	keys := slices.SortedFunc(maps.Keys(b.sum), func(a, b metrics.Key) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, k := range keys {
		for c := metrics.Offered; c <= metrics.ShortCalls; c++ {
			x, y := a.sum[k], b.sum[k]
			if x != nil && x.Get(c) != y.Get(c) || x == nil && y.Get(c) != 0 {
				t.Errorf("%v: %v differs with and without AMI", k, c)
			}
		}
	}
}

// conserved holds of any recording that nothing was missed in.
func conserved(t *testing.T, r *replayed) {
	t.Helper()
	r.adds(t)
	for k, x := range r.sum {
		if n := x.Get(metrics.UnobservedCount) + x.Get(metrics.EndedUnknown) + x.Get(metrics.UnseenOffers); k.Kind == metrics.QueueRow && n != 0 {
			t.Errorf("queue %s: %d ends were not seen", k.Name, n)
		}
	}
	if n := len(r.translator.channels); n > 40 {
		t.Errorf("%d channels are still remembered", n)
	}
}
