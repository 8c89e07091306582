package storage

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// TestKeyOrder holds the layout still: the keys below are in the order in which
// a scan meets them, and their bytes are those of the golden file. A change of
// the file is a change of the format.
func TestKeyOrder(t *testing.T) {
	rollup := func(i metrics.Interval, k metrics.RowKind, name, second, sw string, revision uint32) []byte {
		return rollupRecord(&metrics.Rollup{Interval: i, Kind: k, Name: name, Second: second, Switch: sw}, revision)
	}
	caller := callerID{0, 1, 2, 14: 0xfe, 15: 0xff}
	contact := &metrics.Contact{Switch: "fs1", Visit: "7f-1", Queue: "support", Agent: "1001@default", Joined: 1000, Ended: 2000, Hash: caller}
	later := &metrics.Contact{Switch: "fs1", Visit: "7f-0", Queue: "support", Agent: "1001@default", Joined: 1000, Ended: 2001}
	call := &metrics.Contact{Kind: metrics.CallContact, Switch: "fs1", Visit: "7f-1", Leg: "7f-1", Agent: "1001@default", Joined: 1000, Ended: 2000,
		Hash: [16]byte([]byte("0123456789abcdef"))}
	routed := &metrics.Contact{Switch: "fs1", Visit: "7f-1", Leg: "7f", Queue: "support", Joined: 1000, Ended: 2000, Hash: call.Hash}
	survey := &metrics.Fact{Kind: metrics.SurveyFact, ID: "m-1", At: 1000, Agent: "1001@default"}
	form := &metrics.Fact{Kind: metrics.FormFact, ID: "m-1", At: 1000, Agent: "1001@default"}
	keys := []struct {
		name string
		key  []byte
	}{
		{"agent index", placeOf(contact).keys(identityRecord(contact)[1:])[2]},
		{"agent index, call", placeOf(call).keys(identityRecord(call)[1:])[1]},
		{"agent index, later", placeOf(later).keys(identityRecord(later)[1:])[2]},
		{"contact", placeOf(contact).keys(identityRecord(contact)[1:])[0]},
		{"call", placeOf(call).keys(identityRecord(call)[1:])[0]},
		{"contact, later", placeOf(later).keys(identityRecord(later)[1:])[0]},
		{"handed over", handedRecord("fs1")},
		{"identity", identityRecord(contact)},
		{"identity of a call", identityRecord(call)},
		{"stays of a caller", callerRecord(call.Hash, identityRecord(routed)[1:])},
		{"leg index", placeOf(routed).keys(identityRecord(routed)[1:])[2]},
		{"metadata", metadata(metaFormat)},
		{"caller index", placeOf(routed).keys(identityRecord(routed)[1:])[3]},
		{"caller index, call", placeOf(call).keys(identityRecord(call)[1:])[2]},
		{"open visits", openRecord("fs1")},
		{"staged", append([]byte{stagedKey}, metadata(metaFormat)...)},
		{"queue index", placeOf(contact).keys(identityRecord(contact)[1:])[1]},
		{"interval before 1970", rollup(-1, metrics.SiteRow, "", "", "fs1", 0)},
		{"site", rollup(1, metrics.SiteRow, "", "", "fs1", 0)},
		{"queue", rollup(1, metrics.QueueRow, "support", "", "fs1", 0)},
		{"queue, correction", rollup(1, metrics.QueueRow, "support", "", "fs1", 1)},
		{"queue, other switch", rollup(1, metrics.QueueRow, "support", "", "fs2", 0)},
		{"queue with NUL", rollup(1, metrics.QueueRow, "support\x00", "", "fs1", 0)},
		{"longer queue", rollup(1, metrics.QueueRow, "support/a", "", "fs1", 0)},
		{"agent without name", rollup(1, metrics.AgentRow, "", "", "fs1", 0)},
		{"agent", rollup(1, metrics.AgentRow, "1001@default", "", "fs1", 0)},
		{"pair", rollup(1, metrics.PairRow, "1001@default", "support", "fs1", 0)},
		{"pause", rollup(1, metrics.PauseRow, "1001@default", "lunch", "fs1", 0)},
		{"next interval", rollup(2, metrics.SiteRow, "", "", "fs1", 0)},
		{"far interval", rollup(256, metrics.SiteRow, "", "", "fs1", 0)},
		{"seal", sealRecord(1, "fs1", 0)},
		{"seal of a correction", sealRecord(1, "fs1", 1)},
		{"spans", spansRecord(1, "fs1", 0)},
		{"spans, next part", appendPart(spansRecord(1, "fs1", 0), 1)},
		{"spans, revision", spansRecord(1, "fs1", 1)},
		{"outbox", outboxRecord(1)},
		{"outbox, next part", appendPart(outboxRecord(1), 1)},
		{"outbox, next", outboxRecord(256)},
		{"inputs", binary.BigEndian.AppendUint32(inputsOf("oct", 0), 0)},
		{"inputs, next", binary.BigEndian.AppendUint32(inputsOf("oct", 0), 256)},
		{"inputs, revision", binary.BigEndian.AppendUint32(inputsOf("oct", 1), 0)},
		{"fact", factKeys(survey)[0]},
		{"fact, longer id", factRecord(FactPlace{1000, metrics.SurveyFact, "m-10"})},
		{"fact, other kind", factKeys(form)[0]},
		{"fact, later", factRecord(FactPlace{1001, metrics.SurveyFact, "m-0"})},
		{"fact by agent", factKeys(survey)[1]},
		{"fact by agent, form", factKeys(form)[1]},
		{"place of a fact", factKeys(survey)[2]},
		{"place of a form", factKeys(form)[2]},
	}
	if !slices.IsSortedFunc(keys, func(a, b struct {
		name string
		key  []byte
	}) int {
		return bytes.Compare(a.key, b.key)
	}) {
		t.Error("the keys are out of order")
	}
	var got strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&got, "%-22s %q\n", k.name, k.key)
	}
	const golden = "testdata/keys.golden"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the keys are\n%s\nwant\n%s", got.String(), want)
	}
}

// TestText: texts come back, sort as their bytes do, and none begins another.
func TestText(t *testing.T) {
	text := rapid.OneOf(rapid.SampledFrom(hostile), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		ka, kb := appendText(nil, a), appendText(nil, b)
		if bytes.Compare(ka, kb) != strings.Compare(a, b) {
			t.Fatalf("%q and %q sort differently as keys", a, b)
		}
		if a != b && bytes.HasPrefix(kb, ka) {
			t.Fatalf("key of %q begins that of %q", a, b)
		}
		k := keyReader{b: append(ka, kb...)}
		if x, y := k.text(), k.text(); x != a || y != b || k.done() != nil {
			t.Fatalf("%q, %q came back as %q, %q", a, b, x, y)
		}
	})
}

// TestKeyReader: no bytes make it panic.
func TestKeyReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "key")
		_, _ = parsePlace(b, "sw")
		k := keyReader{b: b}
		k.skipText()
		_ = k.text()
		_ = k.revision()
	})
}
