package roster

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"tallyd/metrics/calendar"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// plan is an agent's life in dates: what holds from each of them on.
type plan struct {
	id   string
	from []calendar.Date // in order
	stay []*Stay         // nil: away
}

// agent makes the plan an Agent.
func (p *plan) agent(z *time.Location) Agent {
	a := Agent{ID: p.id}
	for i, s := range p.stay {
		if s == nil {
			continue
		}
		stay := *s
		if i > 0 {
			stay.From = p.from[i].Start(z)
		}
		if i+1 < len(p.from) {
			stay.To = p.from[i+1].Start(z)
		}
		a.Stays = append(a.Stays, stay)
	}
	return a
}

// on is what holds on a date.
func (p *plan) on(d calendar.Date) *Stay {
	var now *Stay
	for i := range p.from {
		if i == 0 || p.from[i] <= d {
			now = p.stay[i]
		}
	}
	return now
}

// drawPlan draws the life of an agent within three weeks; the first entry holds
// since ever.
func drawPlan(t *rapid.T, id string, day calendar.Date, shifts []string) *plan {
	p := &plan{id: id}
	at := day - 9
	for i := range rapid.IntRange(1, 5).Draw(t, "changes") {
		if i > 0 {
			at += calendar.Date(rapid.IntRange(1, 6).Draw(t, "days"))
		}
		p.from = append(p.from, at)
		if rapid.IntRange(0, 3).Draw(t, "away") == 0 {
			p.stay = append(p.stay, nil)
			continue
		}
		s := &Stay{Team: rapid.SampledFrom([]string{"", "north", "south", "harbour"}).Draw(t, "team"),
			Role: rapid.SampledFrom([]string{"", "agent", "senior"}).Draw(t, "role"), Logins: map[string][]string{}}
		if len(shifts) > 0 {
			s.Shift = rapid.SampledFrom(append([]string{""}, shifts...)).Draw(t, "shift")
		}
		for _, sw := range []string{"fs1", "freeswitch"} {
			for k := range rapid.IntRange(0, 2).Draw(t, "logins") {
				s.Logins[sw] = append(s.Logins[sw], fmt.Sprintf("%s-%d", id, k))
			}
		}
		p.stay = append(p.stay, s)
	}
	return p
}

// hard are days around which the clock is set, or there is none.
var hard = []struct {
	zone string
	day  calendar.Date
}{
	{"Europe/Berlin", calendar.MakeDate(2026, 3, 29)}, {"Europe/Berlin", calendar.MakeDate(2026, 10, 25)},
	{"America/Sao_Paulo", calendar.MakeDate(2018, 11, 4)}, {"America/Sao_Paulo", calendar.MakeDate(2018, 2, 18)},
	{"America/Havana", calendar.MakeDate(2026, 11, 1)}, {"Australia/Lord_Howe", calendar.MakeDate(2026, 4, 5)},
	{"America/St_Johns", calendar.MakeDate(2010, 11, 7)}, {"Pacific/Apia", calendar.MakeDate(2011, 12, 30)},
	{"Asia/Kathmandu", calendar.MakeDate(2026, 5, 1)},
}

// TestAt: who somebody is at any moment, and who is in a team then, is what the
// plan says of the date; members' spans are of quarter hours and say the same.
func TestAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.SampledFrom(hard).Draw(t, "day")
		z, err := time.LoadLocation(h.zone)
		if err != nil {
			t.Fatal(err)
		}
		teams := []Team{{ID: "north"}, {ID: "coast"}, {ID: "harbour", Parent: "coast"}, {ID: "south", Parent: "coast"}}
		var plans []*plan
		var agents []Agent
		for i := range 3 {
			p := drawPlan(t, fmt.Sprintf("a%d", i), h.day, nil)
			plans, agents = append(plans, p), append(agents, p.agent(z))
		}
		r := New(z, teams, nil, agents)
		from, to := (h.day - 12).Start(z), (h.day + 12).Start(z)
		inTeam := map[string]map[string]int{} // team, agent: quarter hours
		inRole := map[string]map[string]int{}
		count := func(m map[string]map[string]int, group, agent string) {
			if m[group] == nil {
				m[group] = map[string]int{}
			}
			m[group][agent]++
		}
		for at, latest := from, calendar.Date(0); at.Before(to); at = at.Add(15 * time.Minute) {
			latest = max(latest, calendar.DateOf(at)) // the date that began last, whatever the clock shows
			for _, p := range plans {
				want := p.on(latest)
				got, here := r.At(p.id, at)
				if here != (want != nil) || here && (got.Team != want.Team || got.Role != want.Role) {
					t.Fatalf("%s at %s: %+v, the plan is %+v", p.id, at, got, want)
				}
				if want == nil {
					continue
				}
				count(inRole, want.Role, p.id)
				count(inTeam, want.Team, p.id)
				if want.Team == "harbour" || want.Team == "south" {
					count(inTeam, "coast", p.id)
				}
			}
		}
		for g, want := range map[Group]map[string]map[string]int{ByTeam: inTeam, ByRole: inRole} {
			for _, name := range append(r.Names(g), "", "nobody's") {
				got := map[string]int{}
				last := Membership{}
				for _, m := range r.Members(g, name, from, to) {
					if m.Empty() || m.From.Unix()%900 != 0 || m.To.Unix()%900 != 0 || m.Agent < last.Agent ||
						m.Agent == last.Agent && !m.From.After(last.To) {
						t.Fatalf("%s: %v after %v", name, m, last)
					}
					got[m.Agent] += int(m.Length() / (15 * time.Minute))
					last = m
				}
				if !maps.Equal(got, want[name]) {
					t.Fatalf("%s: %v quarter hours, want %v", name, got, want[name])
				}
			}
		}
	})
}

// TestLogins: the moments of change are exactly those at which a login changes
// hands, is added or goes.
func TestLogins(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	day := calendar.MakeDate(2026, 10, 25)
	rapid.Check(t, func(t *rapid.T) {
		var agents []Agent
		for i := range 3 {
			agents = append(agents, drawPlan(t, fmt.Sprintf("a%d", i), day, nil).agent(z))
		}
		r := New(z, nil, nil, agents)
		type answer struct{ named, other map[string]string }
		ask := func(at time.Time) answer {
			return answer{r.Logins(at, "fs1", "x"), r.Logins(at, "y", "freeswitch")}
		}
		from, to := (day - 12).Start(z), (day + 20).Start(z)
		var want, got []time.Time
		before := ask(from)
		for at := from.Add(time.Hour); at.Before(to); at = at.Add(time.Hour) {
			now := ask(at)
			if !maps.Equal(now.named, before.named) || !maps.Equal(now.other, before.other) {
				want = append(want, at)
			}
			before = now
		}
		for at, ok := r.NextLogins(from); ok; at, ok = r.NextLogins(at) {
			got = append(got, at)
		}
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("logins change at %v, want %v", got, want)
		}
	})
}

// TestLoginPasses: at a date a login passes from one to another, and the name of
// a switch goes before its kind.
func TestLoginPasses(t *testing.T) {
	z := zone(t, "Asia/Shanghai")
	day := calendar.MakeDate(2026, 10, 15).Start(z)
	r := New(z, nil, nil, []Agent{
		{ID: "ann", Stays: []Stay{{To: day, Logins: map[string][]string{"fs1": {"1001", "1002"}}}, {From: day, Logins: map[string][]string{"fs1": {"1002"}}}}},
		{ID: "bob", Stays: []Stay{{From: day, Logins: map[string][]string{"fs1": {"1001"}}}}},
		{ID: "cid", Stays: []Stay{{Logins: map[string][]string{"freeswitch": {"1002", "1003"}}}}},
	})
	if got := r.Logins(day.Add(-1), "fs1", "freeswitch"); !maps.Equal(got, map[string]string{"1001": "ann", "1002": "ann", "1003": "cid"}) {
		t.Errorf("before the day: %v", got)
	}
	if got := r.Logins(day, "fs1", "freeswitch"); !maps.Equal(got, map[string]string{"1001": "bob", "1002": "ann", "1003": "cid"}) {
		t.Errorf("on the day: %v", got)
	}
	if got := r.Logins(day, "fs2", "freeswitch"); !maps.Equal(got, map[string]string{"1002": "cid", "1003": "cid"}) {
		t.Errorf("of another switch: %v", got)
	}
	if at, ok := r.NextLogins(time.Time{}); !ok || !at.Equal(day) {
		t.Errorf("logins change at %v, %v", at, ok)
	}
	if at, ok := r.NextLogins(day); ok {
		t.Errorf("logins change at %v too", at)
	}
}

// TestNobody: a nil roster knows nobody and fails nobody.
func TestNobody(t *testing.T) {
	var r *Roster
	now := time.Date(2026, 10, 25, 12, 0, 0, 0, time.UTC)
	if _, ok := r.At("ann", now); ok || len(r.Agents()) > 0 || len(r.Teams()) > 0 || len(r.Shifts()) > 0 || r.Zone() != time.UTC {
		t.Error("a nil roster knows somebody")
	}
	if len(r.Names(ByTeam)) > 0 || len(r.Members(ByRole, "agent", now, now.Add(time.Hour))) > 0 || len(r.Logins(now, "fs1", "freeswitch")) > 0 {
		t.Error("a nil roster has groups")
	}
	if _, ok := r.NextLogins(now); ok || r.Paid("ann", now, now.Add(time.Hour)) != 0 || len(r.Occurrences(now, now.Add(48*time.Hour))) > 0 {
		t.Error("a nil roster has plans")
	}
}
