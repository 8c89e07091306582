package playback

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadSnapshot(t *testing.T) {
	s, err := ReadSnapshot(bytes.NewReader(unzip(t, "runA/snapshots.txt")))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.agents.rows) != 8 || len(s.tiers.rows) != 10 || len(s.queues.rows) != 3 {
		t.Errorf("%d agents, %d tiers, %d queues; want 8, 10 and 3", len(s.agents.rows), len(s.tiers.rows), len(s.queues.rows))
	}
	// Only the first of the snapshots counts: there 1001 had not talked yet.
	if got := s.agents.get(s.agents.find("name", "1001@default"), "last_bridge_start"); got != "0" {
		t.Errorf("1001 talked last at %s", got)
	}
	for _, bad := range []string{
		"--- callcenter_config agent list\nname|status\n1001@default|Available|x\n",
		"--- callcenter_config agent list\n+OK\n",
		"--- callcenter_config agent list\n" + strings.Repeat("x", 2<<20),
	} {
		if _, err := ReadSnapshot(strings.NewReader(bad)); err == nil {
			t.Errorf("%.60q… is read", bad)
		}
	}
	if _, err := ReadSnapshot(strings.NewReader("")); err != nil {
		t.Errorf("an empty snapshot: %v", err)
	}
}

// Without a snapshot agents and queues appear as they are heard of.
func TestModelWithoutSnapshot(t *testing.T) {
	m := newModel(emptySnapshot())
	rec := open(t, "runA/plain.raw").Before(func(ev *Event) bool { return ev.Name == "MODULE_UNLOAD" })
	for _, ev := range rec.Segments[0].Events {
		if follows(ev.Name, ev.Subclass) {
			if err := m.apply(appendFrame(nil, "plain", ev.Plain)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(m.agents.rows) != 8 || len(m.queues.rows) != 3 {
		t.Errorf("%d agents and %d queues, want 8 and 3", len(m.agents.rows), len(m.queues.rows))
	}
	if n := len(m.channels.rows); n != 0 {
		t.Errorf("%d channels are left", n)
	}
}
