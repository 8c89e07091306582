package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"tallyd/cmd/tallyd/config"
	"tallyd/metrics"
)

const asteriskRecordings = "../../connectors/asterisk/testdata/"

func replayJSONOf(t *testing.T, args ...string) *replayJSON {
	t.Helper()
	code, out, errs := command(t, append([]string{"replay", "--json", "--visits"}, args...)...)
	if code != exitDone || errs != "" {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var d replayJSON
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil || dec.More() {
		t.Fatalf("not one JSON document: %v", err)
	}
	return &d
}

// TestReplayAsterisk: the document against the oracle of the recordings, with
// the manager interface and without.
func TestReplayAsterisk(t *testing.T) {
	for _, name := range []string{"asterisk22", "asterisk16"} {
		folder := asteriskRecordings + name
		alone := replayJSONOf(t, "--switch", "asterisk", folder+"/ari-events.jsonl.gz")
		both := replayJSONOf(t, "--switch=asterisk", "--ami", folder+"/ami-events.txt.gz", folder+"/ari-events.jsonl.gz")
		var truth struct {
			Queues map[string]struct {
				Offered, Answered, Abandoned, Timeout, Blind, Attended int64
				Refused                                                int64 `json:"joinempty_not_in_queue_log"`
			}
			Agents map[string]struct {
				Interface string
				Answered  map[string]int64
				RNA       int64
			}
			Attempts []json.RawMessage
		}
		if err := json.Unmarshal(unzip(t, folder+"/truth.json.gz"), &truth); err != nil {
			t.Fatal(err)
		}
		for _, d := range []*replayJSON{alone, both} {
			refused := 0
			for queue, w := range truth.Queues {
				q := d.Queues[queue]
				refused += int(w.Refused)
				if q.Offered != w.Offered || q.Answered != w.Answered || q.Abandoned != w.Abandoned || q.TimedOut != w.Timeout || q.JoinRefused != w.Refused ||
					q.EndedBy["blind_transfer"] != w.Blind || q.EndedBy["attended_transfer"] != w.Attended {
					t.Errorf("%s, %s: %+v, the oracle has %+v", name, queue, q, w)
				}
			}
			for agent, w := range truth.Agents {
				a := d.Agents[w.Interface]
				// Without the manager interface a name shows when its bearer answers.
				if a.Missed+a.Rejected != w.RNA || a.Name != agent && (d == both || len(w.Answered) > 0) {
					t.Errorf("%s, %s: %+v, the oracle has %+v", name, agent, a, w)
				}
				for queue, n := range w.Answered {
					if a.Answered[queue] != n {
						t.Errorf("%s, %s in %s: answered %d, the oracle has %d", name, agent, queue, a.Answered[queue], n)
					}
				}
			}
			if len(d.Visits) != len(truth.Attempts)+refused || d.Switch != "asterisk" || d.Malformed != 0 || d.Events == 0 || d.Ignored >= d.Events {
				t.Errorf("%s: %d visits, %d of the oracle and %d refused; %d events, %d ignored, %d malformed", name, len(d.Visits), len(truth.Attempts), refused, d.Events, d.Ignored, d.Malformed)
			}
		}
		bob := both.Agents["PJSIP/1002"].Pauses
		if len(bob) != 1 || bob[0].Reason != "lunch" || bob[0].To == nil || *bob[0].To-bob[0].From < 51_000 || *bob[0].To-bob[0].From > 53_000 {
			t.Errorf("%s: pauses of Bob %+v", name, bob)
		}
		if p := alone.Agents["PJSIP/1002"].Pauses; len(p) != 1 || p[0].Reason != "" {
			t.Errorf("%s: pauses of Bob without the manager interface %+v", name, p)
		}
		if !slices.Equal(alone.Visits, both.Visits) {
			t.Errorf("%s: the manager interface changes visits", name)
		}
	}
}

// TestReplayAsteriskForms: bare lines, wrapped ones, stamped or unstamped
// messages of the manager interface, plain or compressed: the same document.
func TestReplayAsteriskForms(t *testing.T) {
	folder := asteriskRecordings + "asterisk16"
	wrapped, ami := unzip(t, folder+"/ari-events.jsonl.gz"), unzip(t, folder+"/ami-events.txt.gz")
	var bare bytes.Buffer
	for line := range bytes.Lines(wrapped) {
		var w struct{ Ev json.RawMessage }
		if err := json.Unmarshal(line, &w); err != nil {
			t.Fatal(err)
		}
		bare.Write(append(w.Ev, '\n'))
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := replayText(t, keep(t, "a.jsonl", wrapped), "")
	for name, file := range map[string]string{"bare": keep(t, "b.jsonl", bare.Bytes()), "gzip": folder + "/ari-events.jsonl.gz", "zstd": keep(t, "a.zst", z.EncodeAll(wrapped, nil))} {
		if got := replayText(t, file, ""); got != want {
			t.Errorf("%s gives another document", name)
		}
	}
	stamped := replayText(t, folder+"/ari-events.jsonl.gz", keep(t, "ami.txt", ami))
	if again := replayText(t, keep(t, "c.jsonl", wrapped), keep(t, "ami.zst", z.EncodeAll(ami, nil))); again != stamped {
		t.Error("a compressed recording of the manager interface gives another document")
	}
	if stamped == want {
		t.Error("the manager interface adds nothing")
	}
}

func replayText(t *testing.T, file, ami string) string {
	t.Helper()
	args := []string{"replay", "--switch", "asterisk", "--json", "--visits"}
	if ami != "" {
		args = append(args, "--ami", ami)
	}
	code, out, errs := command(t, append(args, file)...)
	if code != exitDone || errs != "" {
		t.Fatalf("%s: exit %d: %s", file, code, errs)
	}
	return out
}

func TestReplayAsteriskFaults(t *testing.T) {
	raw := unzip(t, asteriskRecordings+"asterisk16/ari-events.jsonl.gz")
	line := bytes.IndexByte(raw, '\n')
	noise := append(slices.Clone(raw[:line+1]), "{\"type\":\"ChannelCreated\",\nnot JSON\n"...)
	noise = append(noise, raw[line+1:100_000]...)
	noise = noise[:bytes.LastIndexByte(noise, '\n')+1]
	for _, c := range []struct {
		name string
		args []string
		code int
		says string // of stderr
		out  string // of stdout
	}{
		{"cut off in an event", []string{keep(t, "cut.jsonl", raw[:len(raw)-100])}, exitDone, "what came before counts", `"queues":{"`},
		{"lines that are none", []string{keep(t, "noise.jsonl", noise)}, exitDone, "", `"malformed":2`},
		{"another switch's recording", []string{recordings + "runA/plain.raw.gz"}, exitNotSo, "no line of it is an event", `"events":10000,`},
		{"empty", []string{keep(t, "empty", nil)}, exitDone, "", `"events":0`},
		{"no such manager recording", []string{"--ami", "/nowhere/ami.txt", keep(t, "empty", nil)}, exitCannot, "/nowhere/ami.txt", ""},
		{"a manager recording that is none", []string{"--ami", keep(t, "x", bytes.Repeat([]byte{'x'}, 1<<20)), asteriskRecordings + "asterisk16/ari-events.jsonl.gz"}, exitNotSo,
			"no message of the manager interface", `"queues":{"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := command(t, append([]string{"replay", "--switch", "asterisk", "--json"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.says) || !strings.Contains(out, c.out) {
				t.Errorf("exit %d, want %d; stderr %q; stdout %.200q", code, c.code, errs, out)
			}
		})
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--switch", "freeswitch", "--ami", "x", "y"}, "--ami goes with --switch asterisk"},
		{[]string{"--switch", "asterisk=x", "y"}, "both after --switch asterisk= and as arguments"},
		{[]string{"--switch", "asterisk", "--switch", "freeswitch", "y"}, "each names its files"},
		{[]string{"--switch", "asterisk=x", "--switch", "asterisk=y"}, "given twice"},
	} {
		if code, _, errs := command(t, append([]string{"replay"}, c.args...)...); code != exitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%v: exit %d: %s", c.args, code, errs)
		}
	}
}

// centreRoster: three people have logins on both switches, one has two on one.
const centreRoster = `agents:
  - {id: ann, name: Ann Lee, logins: {asterisk: [PJSIP/1001], freeswitch: [1001@default]}}
  - {id: bob, name: Bob Ray, logins: {asterisk: [PJSIP/1002], freeswitch: [1002@default]}}
  - {id: frank, name: Frank Ott, logins: {asterisk: [Local/1006@agents/n], freeswitch: [1006@default, 1003@default]}}
  - {id: dave, name: Dave Poe, logins: {asterisk: [PJSIP/1004]}}
`

// TestReplayOneCentre: one centre half on Asterisk, half on FreeSWITCH. Who has
// logins on both is one agent with one state at a time, and all adds up.
func TestReplayOneCentre(t *testing.T) {
	roster := keep(t, "roster.yaml", []byte(centreRoster))
	ast, fs := asteriskRecordings+"asterisk22/ari-events.jsonl.gz", recordings+"runA/plain.raw.gz"
	args := []string{"--roster", roster, "--ami", asteriskRecordings + "asterisk22/ami-events.txt.gz", "--switch", "asterisk=" + ast, "--switch", "freeswitch=" + fs}
	d := replayJSONOf(t, args...)
	back := replayJSONOf(t, append(args[:4:4], "--switch", "freeswitch="+fs, "--switch", "asterisk="+ast)...)
	if a, b := asDocument(t, d), asDocument(t, back); a != b {
		t.Errorf("the order of the switches changes the document:\n%s\n%s", a, b)
	}
	onlyA := replayJSONOf(t, "--roster", roster, "--ami", args[3], "--switch", "asterisk", ast)
	onlyF := replayJSONOf(t, "--roster", roster, "--switch", "freeswitch", fs)
	if d.Switch != "asterisk+freeswitch" || d.Events != onlyA.Events+onlyF.Events || len(d.Visits) != len(onlyA.Visits)+len(onlyF.Visits) {
		t.Errorf("%q, %d events, %d visits", d.Switch, d.Events, len(d.Visits))
	}
	for _, id := range []string{"ann", "bob", "frank", "dave"} {
		all, a, f := d.Agents[id], onlyA.Agents[id], onlyF.Agents[id]
		if all.Offers != a.Offers+f.Offers || all.Talk != a.Talk+f.Talk || all.Missed != a.Missed+f.Missed || all.Holds != a.Holds+f.Holds {
			t.Errorf("%s: %+v are not the sum of\n%+v and\n%+v", id, all, a, f)
		}
		if all.LoggedIn < max(a.LoggedIn, f.LoggedIn) || all.LoggedIn > a.LoggedIn+f.LoggedIn {
			t.Errorf("%s: logged in for %d ms, on the switches for %d and %d", id, all.LoggedIn, a.LoggedIn, f.LoggedIn)
		}
		if id != "dave" && (a.LoggedIn == 0 || f.LoggedIn == 0 || all.LoggedIn == a.LoggedIn+f.LoggedIn) {
			t.Errorf("%s: the recordings do not overlap: %d, %d and %d ms", id, all.LoggedIn, a.LoggedIn, f.LoggedIn)
		}
	}
	for id, a := range d.Agents {
		sum := a.Available + a.Ringing + a.Talking + a.Holding + a.WrappingUp + a.OnOtherCall
		for _, ms := range a.Paused {
			sum += ms
		}
		if sum != a.LoggedIn {
			t.Errorf("%s: states sum to %d ms, logged in for %d", id, sum, a.LoggedIn)
		}
	}
}

func asDocument(t *testing.T, d *replayJSON) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOneCentreInterleaved: whatever the order in which what the two switches
// tell arrives, the same rows come out.
func TestOneCentreInterleaved(t *testing.T) {
	roster, err := config.LoadRoster(keep(t, "roster.yaml", []byte(centreRoster)), nil)
	if err != nil {
		t.Fatal(err)
	}
	list := []recordingsOf{{kindAsterisk, []string{asteriskRecordings + "asterisk22/ari-events.jsonl.gz"}}, {kindFreeSWITCH, []string{recordings + "runA/plain.raw.gz"}}}
	var want string
	for seed := range uint64(6) {
		r := newReplayed(roster, settingsOf(nil))
		facts := make([][]metrics.Event, len(list))
		for i, x := range list {
			if err := r.add(x.kind, "", list); err != nil {
				t.Fatal(err)
			}
			apply := r.parts[i].apply
			r.parts[i].apply = func(e *metrics.Event) { facts[i] = append(facts[i], *e) }
			if err := r.parts[i].play(t.Context(), x.files, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			r.parts[i].apply = apply
		}
		rnd := rand.New(rand.NewPCG(seed, 3))
		for len(facts[0])+len(facts[1]) > 0 {
			i := 0
			if n := rnd.IntN(len(facts[0]) + len(facts[1])); n >= len(facts[0]) {
				i = 1
			}
			if seed == 0 && len(facts[0]) > 0 { // one after the other
				i = 0
			}
			n := min(1+rnd.IntN(50), len(facts[i]))
			for k := range n {
				r.parts[i].apply(&facts[i][k])
			}
			facts[i] = facts[i][n:]
		}
		r.finish()
		got := asDocument(t, r.document(true))
		for _, k := range slices.SortedFunc(maps.Keys(r.rows), func(a, b metrics.Key) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) {
			b, err := r.rows[k].AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			got += string(b)
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("interleaving %d gives another document", seed)
		}
	}
}
