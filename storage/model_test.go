package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tallyd/metrics"
)

// hostile are names that an escape done wrong confuses.
var hostile = []string{"", "\x00", "\x00\x01", "\x00\xff", "\x00\x00", "\x01", "a", "a\x00", "a\x00b", "a/b", "ab", "(other)", "\xff", "\xff\xff", "1001@default", string(make([]byte, 256))}

// model is the store as plain lists.
type model struct {
	puts         []metrics.Sealed
	rollupsFrom  metrics.Interval
	contactsFrom metrics.Millis
}

type cell struct {
	interval metrics.Interval
	key      metrics.Key
}

func compareCells(a, b cell) int {
	return cmp.Or(cmp.Compare(a.interval, b.interval), cmp.Compare(a.key.Kind, b.key.Kind),
		cmp.Compare(a.key.Name, b.key.Name), cmp.Compare(a.key.Second, b.key.Second))
}

func (m *model) rollups(q Query) map[cell]*metrics.Rollup {
	out := map[cell]*metrics.Rollup{}
	for _, p := range m.puts {
		if p.Interval < q.From || p.Interval >= q.To || p.Interval < m.rollupsFrom || q.Switch != "" && p.Switch != q.Switch {
			continue
		}
		for _, r := range p.Rollups {
			if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind) || len(q.Names) > 0 && !slices.Contains(q.Names, r.Name) {
				continue
			}
			r.Interval, r.Switch = p.Interval, p.Switch
			c := cell{p.Interval, r.Key()}
			if out[c] == nil {
				out[c] = &metrics.Rollup{Interval: r.Interval, Switch: r.Switch, Kind: r.Kind, Name: r.Name, Second: r.Second}
			}
			if out[c].Switch != r.Switch {
				out[c].Switch = ""
			}
			out[c].Merge(&r)
		}
	}
	return out
}

func (m *model) contacts(q ContactQuery) []metrics.Contact {
	type id struct {
		kind      metrics.ContactKind
		sw, visit string
		joined    metrics.Millis
	}
	latest := map[id]metrics.Contact{}
	for _, p := range m.puts {
		for _, c := range p.Contacts {
			latest[id{c.Kind, c.Switch, c.Visit, c.Joined}] = c
		}
	}
	var out []metrics.Contact
	for _, c := range latest {
		if c.Ended >= q.From && (q.To == 0 || c.Ended < q.To) && c.Ended >= m.contactsFrom && q.Match(&c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b metrics.Contact) int {
		if q.Newest {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.Ended, b.Ended), cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Visit, b.Visit), cmp.Compare(a.Joined, b.Joined))
	})
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out
}

func drawName(t *rapid.T, label string) string { return rapid.SampledFrom(hostile).Draw(t, label) }

func drawSealed(t *rapid.T) metrics.Sealed {
	s := metrics.Sealed{
		Switch:     drawName(t, "switch"),
		Interval:   metrics.Interval(rapid.Int64Range(-2, 6).Draw(t, "interval")),
		Correction: rapid.Bool().Draw(t, "correction"),
	}
	for range rapid.IntRange(0, 6).Draw(t, "rollups") {
		r := metrics.Rollup{Kind: metrics.RowKind(rapid.IntRange(0, 4).Draw(t, "kind")), Name: drawName(t, "name")}
		if r.Kind >= metrics.PairRow {
			r.Second = drawName(t, "second")
		}
		r.Values[metrics.Offered] = rapid.Int64Range(-3, 9).Draw(t, "offered")
		r.Values[metrics.MaxWait] = rapid.Int64Range(0, 9).Draw(t, "max")
		if rapid.Bool().Draw(t, "histogram") {
			r.Histograms[metrics.AnsweredWaits].Add(metrics.Millis(rapid.IntRange(0, 200_000).Draw(t, "wait")))
		}
		s.Rollups = append(s.Rollups, r)
	}
	for range rapid.IntRange(0, 4).Draw(t, "contacts") {
		c := metrics.Contact{
			Switch: s.Switch, Visit: drawName(t, "visit"), Queue: drawName(t, "queue"), Agent: drawName(t, "agent"),
			Joined: metrics.Millis(rapid.IntRange(-1, 3).Draw(t, "joined")), Outcome: metrics.Outcome(rapid.IntRange(0, 9).Draw(t, "outcome")),
			Leg: drawName(t, "leg"),
		}
		if rapid.Bool().Draw(t, "rings") {
			c.Attempts = []metrics.Attempt{{Agent: drawName(t, "rung"), Started: c.Joined}}
		}
		if rapid.Bool().Draw(t, "call") {
			c.Kind, c.Queue, c.Way = metrics.CallContact, "", metrics.Outgoing
		}
		c.Ended = c.Joined + metrics.Millis(rapid.IntRange(1, 20).Draw(t, "stay"))
		if c.Hash = drawCaller(t); c.Hash != ([16]byte{}) {
			c.Caller = "masked"
		}
		if c.Ended == 0 {
			c.Ended = 1
		}
		s.Contacts = append(s.Contacts, c)
	}
	return s
}

func collect[T any](t *rapid.T, seq func(func(T, error) bool)) []T {
	var out []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func encoded(t *rapid.T, r *metrics.Rollup) string {
	b, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%q", b)
}

func (m *model) check(t *rapid.T, s *Store) {
	ctx := context.Background()
	q := Query{
		From:   metrics.Interval(rapid.Int64Range(-3, 7).Draw(t, "from")),
		To:     metrics.Interval(rapid.Int64Range(-3, 8).Draw(t, "to")),
		Kinds:  rapid.SliceOfN(rapid.SampledFrom([]metrics.RowKind{metrics.SiteRow, metrics.QueueRow, metrics.AgentRow, metrics.PairRow, metrics.PauseRow}), 0, 3).Draw(t, "kinds"),
		Names:  rapid.SliceOfN(rapid.SampledFrom(hostile), 0, 4).Draw(t, "names"),
		Switch: drawName(t, "only switch"),
	}
	if rapid.Bool().Draw(t, "any switch") {
		q.Switch = ""
	}
	want := m.rollups(q)
	got := collect(t, s.Rollups(ctx, q))
	cells := slices.SortedFunc(maps.Keys(want), compareCells)
	if len(got) != len(cells) {
		t.Fatalf("%+v: %d rows, want %d", q, len(got), len(cells))
	}
	for i, c := range cells {
		if g, w := encoded(t, &got[i]), encoded(t, want[c]); g != w {
			t.Fatalf("%+v: row %d is\n%s, want\n%s", q, i, g, w)
		}
	}
	m.checkSum(t, s, q, got)

	cq := ContactQuery{
		From:   metrics.Millis(rapid.IntRange(-2, 10).Draw(t, "ended from")),
		To:     metrics.Millis(rapid.IntRange(0, 25).Draw(t, "ended to")),
		Queues: rapid.SliceOfN(rapid.SampledFrom(hostile), 0, 2).Draw(t, "of queues"), Agent: drawName(t, "of agent"),
		Kind:  metrics.ContactKind(rapid.IntRange(0, 1).Draw(t, "of kind")),
		Limit: rapid.IntRange(0, 3).Draw(t, "limit"), Newest: rapid.Bool().Draw(t, "newest"),
	}
	if cq.Newest && cq.To == 0 {
		cq.To = 25
	}
	if rapid.Bool().Draw(t, "any who was rung") {
		cq.Rung = drawName(t, "rung")
	}
	cq.Caller[0] = byte(max(0, rapid.IntRange(-4, 2).Draw(t, "of caller")))
	if rapid.Bool().Draw(t, "any agent") {
		cq.Agent = ""
	}
	if gotC, wantC := collect(t, s.Contacts(ctx, cq)), m.contacts(cq); !slices.EqualFunc(gotC, wantC, func(a, b metrics.Contact) bool { return reflect.DeepEqual(a, b) }) {
		t.Fatalf("%+v: contacts\n%+v, want\n%+v", cq, gotC, wantC)
	}
	m.checkPages(t, s, cq)
	m.checkPath(t, s, drawName(t, "leg's switch"), drawName(t, "leg"))
	m.checkVisits(t, s, drawName(t, "visit's switch"), drawName(t, "visit"))
	m.checkCallers(t, s)
}

// checkPages: page by page comes what comes at once.
func (m *model) checkPages(t *rapid.T, s *Store, q ContactQuery) {
	q.Limit = 0
	want := m.contacts(q)
	q.Limit = 1 + rapid.IntRange(0, 2).Draw(t, "page")
	for {
		page := collect(t, s.Contacts(context.Background(), q))
		if len(page) > len(want) || !reflect.DeepEqual(page, append([]metrics.Contact(nil), want[:len(page)]...)) {
			t.Fatalf("%+v: the page is\n%+v, left are\n%+v", q, page, want)
		}
		if want = want[len(page):]; len(page) < q.Limit {
			break
		}
		last := page[len(page)-1]
		q.After = &metrics.Contact{Kind: last.Kind, Switch: last.Switch, Visit: last.Visit, Joined: last.Joined, Ended: last.Ended}
	}
	if len(want) > 0 {
		t.Fatalf("%+v: no page has %+v", q, want)
	}
}

func (m *model) checkPath(t *rapid.T, s *Store, sw, leg string) {
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	paths := v.Paths()
	defer paths.Close()
	got, err := paths.Of(sw, leg)
	if err != nil {
		t.Fatal(err)
	}
	var want []Step
	for _, c := range m.contacts(ContactQuery{From: math.MinInt64, Switch: sw}) {
		if leg != "" && c.Switch == sw && c.Leg == leg {
			want = append(want, Step{c.Queue, c.Joined, c.Ended})
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("leg %q of %q went %+v, want %+v", leg, sw, got, want)
	}
}

func (m *model) checkVisits(t *rapid.T, s *Store, sw, visit string) {
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got, err := v.Visits(sw, visit)
	if err != nil {
		t.Fatal(err)
	}
	var want []metrics.Contact
	for _, c := range m.contacts(ContactQuery{From: math.MinInt64, Switch: sw}) {
		if c.Switch == sw && c.Visit == visit {
			want = append(want, c)
		}
	}
	slices.SortFunc(want, func(a, b metrics.Contact) int { return cmp.Compare(a.Joined, b.Joined) })
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("visits %q of %q are\n%+v, want\n%+v", visit, sw, got, want)
	}
}

func (m *model) checkSum(t *rapid.T, s *Store, q Query, rows []metrics.Rollup) {
	want := map[metrics.Key]*metrics.Rollup{}
	for _, r := range rows {
		if w := want[r.Key()]; w == nil {
			want[r.Key()] = &r
		} else {
			add(w, &r)
		}
	}
	got, err := s.Sum(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%+v: %d sums, want %d", q, len(got), len(want))
	}
	for i := range got {
		if i > 0 && compareCells(cell{0, got[i-1].Key()}, cell{0, got[i].Key()}) >= 0 {
			t.Fatalf("sums are out of order: %+v, %+v", got[i-1].Key(), got[i].Key())
		}
		if g, w := encoded(t, &got[i]), encoded(t, want[got[i].Key()]); g != w {
			t.Fatalf("sum is %s, want %s", g, w)
		}
	}
}

// TestModel puts random intervals, closes and opens, deletes, and compares every
// reading with plain lists.
func TestModel(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		dir := fmt.Sprintf("%s/%d", root, n)
		open := func() *Store {
			s, err := Open(context.Background(), Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		defer func() { _ = s.Close() }()
		m := &model{rollupsFrom: math.MinInt64, contactsFrom: math.MinInt64}
		forgotten := 0
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				sealed := drawSealed(t)
				if err := s.PutSealed(&sealed); err != nil {
					t.Fatal(err)
				}
				m.puts = append(m.puts, sealed)
			},
			"put oversized": func(t *rapid.T) {
				sealed := drawSealed(t)
				changes, err := s.changes(&sealed)
				if err == nil {
					err = s.stage(changes)
				}
				if err != nil {
					t.Fatal(err)
				}
				m.puts = append(m.puts, sealed)
			},
			"reopen": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
					return // opening is slow
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"reopen an earlier version's": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
					return
				}
				unlistCallers(t, s)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"back up and restore": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
					return // takes time
				}
				n++
				file, err := os.Create(fmt.Sprintf("%s/%d.backup", root, n))
				if err == nil {
					_, err = s.Backup(context.Background(), file, Head{}, nil)
				}
				if err = errors.Join(err, file.Close(), s.Close()); err != nil {
					t.Fatal(err)
				}
				dir = fmt.Sprintf("%s/%d", root, n)
				if _, _, err = Restore(context.Background(), file.Name(), dir, quiet); err != nil {
					t.Fatal(err)
				}
				s = open()
			},
			"retain": func(t *rapid.T) {
				i := metrics.Interval(rapid.Int64Range(-3, 4).Draw(t, "before"))
				at := metrics.Millis(rapid.IntRange(-1, 12).Draw(t, "contacts before"))
				if _, err := s.Retain(context.Background(), i, at); err != nil {
					t.Fatal(err)
				}
				m.rollupsFrom, m.contactsFrom = max(m.rollupsFrom, i), max(m.contactsFrom, at)
				m.forget()
			},
			"forget": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "seldom") > 0 {
					return
				}
				f := Forgetting{Kind: ForgetAgent, Agent: drawName(t, "leaver"), Name: fmt.Sprintf("%sforgotten-%d", drawName(t, "pseudonym"), forgotten)}
				forgotten++
				if rapid.Bool().Draw(t, "a caller") {
					f = Forgetting{Kind: ForgetCaller, Hashes: hashes[rapid.IntRange(1, 3).Draw(t, "who"):][:2]}
				}
				if f.Kind == ForgetAgent && (f.Agent == "" || f.Agent == metrics.Overflow) {
					return
				}
				if _, err := s.Forget(context.Background(), f); err != nil && !errors.Is(err, ErrUnknown) {
					t.Fatal(err)
				}
				m.forgetPeople(f)
			},
			"": func(t *rapid.T) { m.check(t, s) },
		})
	})
}

// forgetPeople renames an agent, or takes a caller out of the contacts.
func (m *model) forgetPeople(f Forgetting) {
	for i := range m.puts {
		p := &m.puts[i]
		p.Rollups, p.Contacts = slices.Clone(p.Rollups), slices.Clone(p.Contacts)
		for j := range p.Rollups {
			if r := &p.Rollups[j]; f.Kind == ForgetAgent && r.Kind >= metrics.AgentRow && r.Name == f.Agent {
				r.Name = f.Name
			}
		}
		for j := range p.Contacts {
			c := &p.Contacts[j]
			for k := range c.Attempts {
				if f.Kind == ForgetAgent && c.Attempts[k].Agent == f.Agent {
					c.Attempts = slices.Clone(c.Attempts)
					c.Attempts[k].Agent = f.Name
				}
			}
			if f.Kind == ForgetAgent && c.Agent == f.Agent {
				c.Agent = f.Name
			}
			if slices.Contains(f.Hashes, c.Hash) {
				c.Hash, c.Caller, c.Leg = [16]byte{}, "", ""
			}
		}
	}
}

// forget drops what retention deleted: a contact that comes again later is new.
func (m *model) forget() {
	for i := range m.puts {
		m.puts[i].Contacts = slices.Clone(m.puts[i].Contacts)
	}
	type id struct {
		kind      metrics.ContactKind
		sw, visit string
		joined    metrics.Millis
	}
	gone := map[id]bool{}
	for _, p := range m.puts {
		for _, c := range p.Contacts {
			gone[id{c.Kind, c.Switch, c.Visit, c.Joined}] = c.Ended < m.contactsFrom
		}
	}
	for i := range m.puts {
		m.puts[i].Contacts = slices.DeleteFunc(m.puts[i].Contacts, func(c metrics.Contact) bool {
			return gone[id{c.Kind, c.Switch, c.Visit, c.Joined}]
		})
	}
}
