package metrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// groupsOf puts a and b in one group with a window of 100 ms; z has 7 days.
func groupsOf(queue string) QueueGroup {
	switch queue {
	case "a", "b":
		return QueueGroup{"ab", 100}
	case "c":
		return QueueGroup{"", 50}
	case "ab": // a queue that is called as a group it is not in
		return QueueGroup{"", 100}
	}
	return DefaultQueueGroup()
}

// judge is the oracle: every stay is held against every other one.
func judge(stays []Stay, group func(string) QueueGroup, known Millis) []string {
	same := func(a, b *Stay) bool { // the same group
		x, y := group(a.Queue), group(b.Queue)
		return x.Name == y.Name && (x.Name != "" || a.Queue == b.Queue)
	}
	call := func(a, b *Stay) bool { return a.Switch == b.Switch && a.Call == b.Call && same(a, b) }
	var out []string
	for i := range stays {
		s := &stays[i]
		if s.Outcome != Answered {
			continue
		}
		first, over, end := true, true, s.Ended
		for j := range stays {
			o := &stays[j]
			if !call(s, o) {
				continue
			}
			over = over && o.Outcome != InProgress
			end = max(end, o.Ended)
			if o.Outcome == Answered && i != j && cmp.Or(cmp.Compare(o.Joined, s.Joined), cmp.Compare(o.Ended, s.Ended), cmp.Compare(o.Visit, s.Visit)) < 0 {
				first = false
			}
		}
		if !first || !over {
			continue
		}
		window := group(s.Queue).Window
		verdict := "resolved"
		for j := range stays {
			o := &stays[j]
			if !same(s, o) || call(s, o) || o.Joined < end || o.Joined > end+window {
				continue
			}
			// Unless it is a later part of a call that began before.
			began := true
			for k := range stays {
				if call(o, &stays[k]) && stays[k].Joined < o.Joined {
					began = false
				}
			}
			if began {
				verdict = "repeat"
			}
		}
		if end+window >= known {
			verdict = "censored"
		}
		out = append(out, fmt.Sprintf("%s %s %d %s", s.Queue, s.Agent, s.Ended, verdict))
	}
	slices.Sort(out)
	return out
}

func resolve(stays []Stay, group func(string) QueueGroup, known Millis) []string {
	var out []string
	r := Resolver{Group: group, Known: known}
	r.Caller(stays, func(x Resolved) {
		verdict := "resolved"
		switch {
		case x.Censored && x.Repeat:
			verdict = "both"
		case x.Censored:
			verdict = "censored"
		case x.Repeat:
			verdict = "repeat"
		}
		out = append(out, fmt.Sprintf("%s %s %d %s", x.Queue, x.Agent, x.At, verdict))
	})
	slices.Sort(out)
	return out
}

// TestResolution: each line is one caller: queue/call, joined to ended, by whom
// answered (- for nobody, ? for in progress), … -> what it comes to. Everything is known before 1000
// unless said.
func TestResolution(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
a/1 0-10 x -> a x 10 resolved
a/1 0-10 x; a/2 110-120 y -> a x 10 repeat; a y 120 resolved
a/1 0-10 x; a/2 111-120 y -> a x 10 resolved; a y 120 resolved
a/1 0-10 x; a/2 10-20 y -> a x 10 repeat; a y 20 resolved
a/1 0-10 x; a/2 9-20 y -> a x 10 resolved; a y 20 resolved
a/1 0-10 x; b/2 50-60 y -> a x 10 repeat; b y 60 resolved
a/1 0-10 x; c/2 50-60 y -> a x 10 resolved; c y 60 resolved
a/1 0-10 x; ab/2 50-60 y -> a x 10 resolved; ab y 60 resolved
c/1 0-10 x; c/2 60-70 y; c/3 121-130 y -> c x 10 repeat; c y 130 resolved; c y 70 resolved
a/1 0-10 x; a/2 50-60 - -> a x 10 repeat
a/1 0-10 -; a/2 50-60 y -> a y 60 resolved
a/1 0-10 -; a/2 50-60 - ->
a/1 0-10 x; b/1 10-30 y -> a x 10 resolved
a/1 0-10 x; b/1 10-30 y; a/2 130-140 x -> a x 10 repeat; a x 140 resolved
a/1 0-10 x; b/1 10-30 y; a/2 131-140 x -> a x 10 resolved; a x 140 resolved
a/1 0-10 -; b/1 10-30 y -> b y 30 resolved
a/1 0-10 x; c/1 10-30 y; a/1 30-40 z -> a x 10 resolved; c y 30 resolved
a/1 0-10 x; a/2 5-6 -; a/2 20-30 y -> a x 10 resolved; a y 30 resolved
a/1 0-10 x; a/2 50-0 ? -> a x 10 repeat
a/1 0-10 x; b/1 50-0 ? ->
a/1 0-899 x -> a x 899 resolved
a/1 0-900 x -> a x 900 censored
a/1 0-900 x; a/2 950-960 y -> a x 900 censored; a y 960 censored
z/1 0-10 x -> z x 10 censored
a/1 5-5 x -> a x 5 resolved
a/1 5-5 x; a/2 5-5 y -> a x 5 repeat; a y 5 repeat
`), "\n") {
		given, want, _ := strings.Cut(line, " ->")
		var stays []Stay
		for i, part := range strings.Split(given, ";") {
			var s Stay
			f := strings.Fields(part)
			s.Queue, s.Call, _ = strings.Cut(f[0], "/")
			if _, err := fmt.Sscanf(f[1], "%d-%d", &s.Joined, &s.Ended); err != nil {
				t.Fatal(err)
			}
			s.Visit, s.Outcome = fmt.Sprint("v", i), Abandoned
			switch f[2] {
			case "-":
			case "?":
				s.Outcome = InProgress
			default:
				s.Agent, s.Outcome = f[2], Answered
			}
			stays = append(stays, s)
		}
		if got := strings.Join(resolve(stays, groupsOf, 1000), "; "); got != strings.TrimSpace(want) {
			t.Errorf("%s\n  is  %s", line, got)
		}
		if got := strings.Join(judge(stays, groupsOf, 1000), "; "); got != strings.TrimSpace(want) {
			t.Errorf("%s\n  is  %s, says the oracle", line, got)
		}
	}
}

// TestResolutionAgainstOracle: any stays, in any order, with many moments in common.
func TestResolutionAgainstOracle(t *testing.T) {
	moment := rapid.SampledFrom([]Millis{0, 1, 49, 50, 51, 99, 100, 101, 149, 150, 151, 200, 201, 300, 899, 900, 950})
	stay := rapid.Custom(func(t *rapid.T) Stay {
		s := Stay{
			Switch: rapid.SampledFrom([]string{"s", "t"}).Draw(t, "switch"),
			Call:   rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"}).Draw(t, "call"),
			Queue:  rapid.SampledFrom([]string{"a", "b", "c", "ab", "z"}).Draw(t, "queue"),
			Agent:  rapid.SampledFrom([]string{"x", "y"}).Draw(t, "agent"),
			Joined: moment.Draw(t, "joined"), Outcome: rapid.SampledFrom([]Outcome{Answered, Answered, Abandoned, TimedOut, JoinRefused, InProgress}).Draw(t, "outcome"),
		}
		s.Ended = s.Joined + rapid.SampledFrom([]Millis{0, 1, 50, 100}).Draw(t, "length")
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		stays := rapid.SliceOfN(stay, 0, 12).Draw(t, "stays")
		for i := range stays {
			stays[i].Visit = fmt.Sprint("v", i)
		}
		known := moment.Draw(t, "known") + 100
		want := judge(stays, groupsOf, known)
		if got := resolve(stays, groupsOf, known); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
		shuffled := rapid.Permutation(stays).Draw(t, "shuffled")
		if got := resolve(shuffled, groupsOf, known); !slices.Equal(got, want) {
			t.Fatalf("in another order %q, want %q", got, want)
		}
	})
}
