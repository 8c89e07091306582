package metrics

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestMOS: the values that G.107's formulas give for G.711 with concealment.
func TestMOS(t *testing.T) {
	for _, c := range []struct{ delay, loss, want float64 }{
		{20, 0, 4.40}, {150, 3, 4.00}, {300, 5, 2.93}, {0, 100, 1.18}, {5000, 0, 1}, {1e9, 100, 1},
	} {
		if got := MOS(c.loss, c.delay); math.Abs(got-c.want) > 0.005 {
			t.Errorf("MOS at %v ms and %v %% is %.3f, want %.2f", c.delay, c.loss, got, c.want)
		}
	}
}

func TestStreamMedia(t *testing.T) {
	for _, c := range []struct {
		name string
		s    Stream
		want Media
	}{
		{"good", Stream{Received: 1000, Jitter: 2, RoundTrip: 40}, Media{MOS: 439, Jitter: 2, RoundTrip: 40}},
		{"one in five is lost", Stream{Received: 800, Lost: 200}, Media{MOS: 261, Loss: 2000}},
		{"too few to tell", Stream{Received: 49, Lost: 1}, Media{}},
		{"just enough", Stream{Received: 50}, Media{MOS: 440}},
		{"nothing came", Stream{Lost: 4000}, Media{}},
		{"a counter below zero", Stream{Received: 1000, Lost: -3}, Media{}},
		{"a counter beyond anything", Stream{Received: 1000, Lost: math.MaxInt64}, Media{}},
		{"longer than can be said", Stream{Received: 1000, Jitter: 1 << 40, RoundTrip: 1 << 40}, Media{MOS: 100, Jitter: math.MaxUint16, RoundTrip: math.MaxUint16}},
	} {
		if got := c.s.Media(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	good, bad, none := Media{MOS: 440}, Media{MOS: 250}, Media{}
	for _, c := range [][3]Media{{good, bad, bad}, {bad, good, bad}, {none, good, good}, {good, none, good}, {none, none, none}, {good, {MOS: 440, Loss: 1}, {MOS: 440, Loss: 1}}} {
		if got := c[0].Worse(c[1]); got != c[2] {
			t.Errorf("the worse of %+v and %+v is %+v", c[0], c[1], got)
		}
	}
	if !bad.Bad(310) || good.Bad(310) || none.Bad(310) || bad.Bad(250) {
		t.Error("bad is below the limit, and measured")
	}
}

// TestContactMedia: the worst of both legs is on the contact, whether it is told of
// before the visit is over, after that, or once the contact was handed over. What
// the contact said before is gone then.
func TestContactMedia(t *testing.T) {
	const begin = "09:00:00 join v1 support c1\n09:00:01 offer v1 support ann\n09:00:02 pick v1 ann a1\n09:00:02 connect ann"
	const end = "09:01:00 disconnect v1 ann self\n09:01:00 left v1 answered\n09:01:00 hangup c1 switch"
	for _, c := range []struct {
		name, events string
		want         uint16
		handed       int // how many records of the visit
	}{
		{"never", begin + "\n" + end, 0, 1},
		{"agent's, before the end", begin + "\n09:00:50 media a1 2.50\n" + end, 250, 1},
		{"caller's, after the end", begin + "\n" + end + "\n09:01:01 media c1 3.00", 300, 1},
		{"both", begin + "\n09:00:59 media a1 3.00\n" + end + "\n09:01:01 media c1 2.00", 200, 1},
		{"the better one after the worse", begin + "\n09:00:59 media a1 2.00\n" + end + "\n09:01:01 media c1 4.00", 200, 1},
		{"somebody else's", begin + "\n09:00:59 media x9 2.00\n" + end, 0, 1},
		{"of one that nobody answered", "09:00:00 join v1 support c1\n09:00:20 left v1 abandoned self gone\n09:00:21 media c1 2.00", 0, 1},
		{"told of a while later", strings.ReplaceAll(begin+"\n"+end, "09:0", "09:1") + "\n09:11:05 tick\n09:12:30 media c1 2.00\n09:30:00 tick", 200, 1},
		{"once it was handed over", strings.NewReplacer("09:00", "09:14", "09:01:00", "09:14:59").Replace(begin+"\n"+end) + "\n09:16:01 tick\n09:16:02 media c1 2.00", 200, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScenario(t)
			for line := range strings.SplitSeq(c.events, "\n") {
				e := s.event(strings.Fields(line))
				s.tracker.Apply(&e)
			}
			s.tracker.Finish()
			var got []Contact
			for _, x := range s.sealed {
				got = append(got, x.Contacts...)
			}
			if len(got) != c.handed || got[len(got)-1].Media.MOS != c.want {
				t.Errorf("%d records, the last with %+v; want %d with %d", len(got), got[len(got)-1].Media, c.handed, c.want)
			}
			last := &got[len(got)-1]
			b, _ := last.AppendBinary(nil)
			var back Contact
			if err := back.UnmarshalBinary(b); err != nil || back.Media != last.Media {
				t.Errorf("read back: %+v, %v", back.Media, err)
			}
			if version := map[bool]byte{false: 3, true: 4}[c.want != 0]; b[0] != version {
				t.Errorf("written as version %d, want %d", b[0], version)
			}
		})
	}
}

// TestCallMedia: calls outside the queues have it too.
func TestCallMedia(t *testing.T) {
	s := newScenario(t)
	for line := range strings.SplitSeq("09:00:00 leg l1 ann in\n09:00:01 answer l1\n09:00:30 media l1 2.50\n09:00:31 hangup l1 self", "\n") {
		e := s.event(strings.Fields(line))
		s.tracker.Apply(&e)
	}
	s.tracker.Finish()
	if c := s.sealed[0].Contacts; len(c) != 1 || c[0].Kind != CallContact || c[0].Media.MOS != 250 {
		t.Errorf("%+v", c)
	}
}

// TestSettled: of many contacts that were told of again, the latest of each is handed
// over, once, and the others are not kept either.
func TestSettled(t *testing.T) {
	s := newScenario(t)
	apply := func(line string) {
		e := s.event(strings.Fields(line))
		s.tracker.Apply(&e)
	}
	const n = 2000
	for i := range n {
		ms := 100 * i
		at := fmt.Sprintf("09:%02d:%02d.%03d", ms/60_000, ms/1000%60, ms%1000)
		v, c, a := fmt.Sprint("v", i), fmt.Sprint("c", i), fmt.Sprint("a", i)
		for _, line := range []string{"join " + v + " support " + c, "offer " + v + " support ann", "pick " + v + " ann " + a, "connect ann",
			"disconnect " + v + " ann self", "left " + v + " answered", "hangup " + c + " switch", "media " + c + " 3.00"} {
			apply(at + " " + line)
		}
		if kept := len(s.tracker.Concluded()); kept > i+1+66+kept/8 {
			t.Fatalf("after %d calls %d contacts are kept", i+1, kept)
		}
	}
	s.tracker.Finish()
	seen := map[string]bool{}
	for _, x := range s.sealed {
		for i := range x.Contacts {
			c := &x.Contacts[i]
			if seen[c.Visit] || c.Media.MOS != 300 {
				t.Fatalf("%s: %+v, seen %v", c.Visit, c.Media, seen[c.Visit])
			}
			seen[c.Visit] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d contacts", len(seen), n)
	}
}
