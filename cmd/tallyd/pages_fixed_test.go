package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/web"
	"tallyd/metrics"
	"tallyd/metrics/roster"
	"tallyd/rules"
	"tallyd/storage"
)

// fixedCentre is a centre whose clock stands, with weeks of work that are the same each
// time: what its pages show can be held against pictures, and against what is known to
// have happened. Everything but the switch and the clock is what serve uses.
type fixedCentre struct {
	t        *testing.T
	clock    metrics.Millis
	zone     *time.Location
	names    *metrics.Names
	tracker  *metrics.Tracker
	intake   *api.Intake
	service  *api.Service
	tokens   *api.Tokens
	random   *rand.Rand
	url      string
	visits   int
	facts    []string       // that are told at the end of the day, as KIND MESSAGE
	late     []string       // those of October that are told when it is sealed
	badMedia map[string]int // calls with bad audio, by month and agent
	surveyed map[string]int // surveys that count
	sealings int
}

const fixedRoster = `time_zone: Asia/Shanghai
teams: [{id: north, name: North, lead: lea}, {id: south, name: South, lead: mo}]
agents:
  - {id: ann, name: Ann Lee, team: north, role: agent}
  - {id: bob, name: Bob Okafor, team: north, role: agent}
  - {id: cho, name: 崔伟, team: north, role: agent}
  - {id: dee, name: Dee Sandström, team: north, role: agent}
  - {id: eli, name: Eli Roth, team: south, role: agent}
  - {id: fay, name: 王菲, team: south, role: agent}
  - {id: gus, name: Gus Holm, team: south, role: agent}
  - {id: hana, name: Hana Sato, team: south, role: agent}
  - {id: lea, name: Lea Sand, role: team_lead}
  - {id: mo, name: Mo Azar, role: team_lead}
`

const fixedScheme = `scheme: centre
version: "2026.4"
service_level: {formula: sl.offered, threshold: 20s}
period: month
time_zone: Asia/Shanghai
grades: {A: 95, B: 80, C: 60, D: 0}
roles:
  agent:
    indicators:
      - {id: volume, kpi: answered_per_hour, dimension: output, floor: 0.5, target: 1.5, stretch: 2.5, weight: 20%, minimum: {answered: 20}}
      - {id: aht, kpi: aht, dimension: output, curve: band, band: [180s, 260s], falls_to_floor_in: 120s, weight: 20%, minimum: {answered: 20}, adjust: mix}
      - {id: fcr, kpi: fcr, dimension: service, floor: 55%, target: 90%, stretch: 98%, weight: 20%, minimum: {fcr_eligible: 20}}
      - {id: csat, kpi: csat, dimension: soft, floor: 55%, target: 85%, stretch: 95%, weight: 20%, minimum: {surveys: 15}}
      - {id: quality, kpi: form.qa, dimension: service, floor: 60, target: 90, stretch: 98, weight: 20%, minimum: {forms: 3}}
    gates:
      - {when: "form.qa.critical_failed > 0", cap: 60, because: "a critical compliance item failed"}
  team_lead:
    of: team
    indicators:
      - {id: scores, kpi: team.score, dimension: team, floor: 0, target: 90, stretch: 110, weight: 50%, minimum: {members: 2}}
      - {id: level, kpi: service_level, dimension: team, floor: 60%, target: 80%, stretch: 90%, weight: 30%}
      - {id: upward, kpi: form.upward, dimension: soft, floor: 50, target: 85, stretch: 95, weight: 20%, minimum: {forms: 4}}
`

// fixedAgents work on all days; Hana on Mondays alone, too few for a figure of callers'
// opinions.
var fixedAgents = []string{"ann", "bob", "cho", "dee", "eli", "fay", "gus", "hana"}

func newFixedCentre(t *testing.T) *fixedCentre {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	c := &fixedCentre{t: t, zone: zone, names: metrics.NewNames(), random: rand.New(rand.NewPCG(7, 7)),
		badMedia: map[string]int{}, surveyed: map[string]int{}}
	dir := t.TempDir()
	store, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(dir, storeFolder)})
	if err != nil {
		t.Fatal(err)
	}
	people, err := config.ReadRoster("roster.yaml", []byte(fixedRoster), zone)
	if err != nil {
		t.Fatal(err)
	}
	scheme, faults, _ := rules.Read("scheme.yaml", []byte(fixedScheme))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	log := slog.New(slog.DiscardHandler)
	c.intake = api.NewIntake(store, log)
	key := bytes.Repeat([]byte{1}, 32)
	c.tracker = metrics.NewTracker(c.names, metrics.Options{Switch: "fs1", CallerKey: key, Sealed: c.intake.Take})
	since := time.Date(2026, 10, 1, 0, 0, 0, 0, zone)
	c.service = api.New(api.Config{Site: "main", Zone: zone, Store: store, Intake: c.intake, CallerKey: key, BadMOS: api.DefaultBadMOS,
		Roster: func() *roster.Roster { return people.Roster }, Now: func() time.Time { return c.clock.Time() },
		Schemes: func() []api.Scheme { return []api.Scheme{{Scheme: scheme, Text: []byte(fixedScheme)}} },
		Sources: []api.Source{{Name: "fs1", Tracker: c.tracker, Health: func() api.Health { return api.Health{Connected: true, Since: since} }}}})
	c.work()
	c.tokens = api.OpenTokens(dir)
	sessions, err := api.OpenSessions(dir, c.tokens)
	if err != nil {
		t.Fatal(err)
	}
	server := web.New(web.Config{Service: c.service, Tokens: c.tokens, Sessions: sessions, Dir: dir, Listen: "127.0.0.1:0"})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	<-server.Ready()
	c.url = server.URL()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *fixedCentre) token(who api.Asker) string {
	c.t.Helper()
	s, err := c.tokens.Create(who, time.Time{})
	if err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *fixedCentre) apply(e metrics.Event) {
	e.At = c.clock
	c.tracker.Apply(&e)
}

func (c *fixedCentre) agent(name string) metrics.AgentID {
	return metrics.AgentID(c.names.InternString(metrics.AgentName, name))
}

func (c *fixedCentre) reason(name string) metrics.ReasonID {
	return metrics.ReasonID(c.names.InternString(metrics.ReasonName, name))
}

// at moves the clock; in between the switch is heard of.
func (c *fixedCentre) at(moment time.Time) {
	for end := metrics.MillisOf(moment); c.clock < end; {
		c.clock = min(end, c.clock+metrics.IntervalLength)
		c.apply(metrics.Event{Kind: metrics.ClockTick})
	}
}

func (c *fixedCentre) pass(d time.Duration) { c.clock += metrics.Millis(d.Milliseconds()) }

// between draws a time.
func (c *fixedCentre) between(low, high time.Duration) time.Duration {
	return low + time.Duration(c.random.Int64N(int64(high-low)/int64(time.Second)))*time.Second
}

// work is October and half of November, up to a Wednesday's morning.
func (c *fixedCentre) work() {
	c.clock = metrics.MillisOf(time.Date(2026, 10, 1, 8, 0, 0, 0, c.zone))
	for _, a := range fixedAgents {
		c.apply(metrics.Event{Kind: metrics.AgentWrapUp, Agent: c.agent(a), Value: 30_000})
	}
	now := time.Date(2026, 11, 18, 10, 40, 0, 0, c.zone)
	for day := time.Date(2026, 10, 1, 9, 0, 0, 0, c.zone); day.Before(now); day = day.AddDate(0, 0, 1) {
		switch day.Weekday() {
		case time.Saturday, time.Sunday:
			continue
		}
		if day.Month() == time.November && c.sealings == 0 {
			c.seal(day)
		}
		end := day.Add(8 * time.Hour)
		if end.After(now) {
			c.day(day, now.Add(-6*time.Minute))
			break
		}
		c.day(day, end)
		for _, a := range fixedAgents {
			c.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: c.agent(a), Status: metrics.LoggedOut})
		}
		c.told()
	}
	c.present(now)
	c.told()
}

// told tells the day's facts.
func (c *fixedCentre) told() {
	c.t.Helper()
	if err := c.intake.Flush(); err != nil {
		c.t.Fatal(err)
	}
	for _, f := range c.facts {
		c.take(f)
	}
	c.facts = nil
}

func (c *fixedCentre) take(fact string) {
	c.t.Helper()
	kind, message, _ := bytes.Cut([]byte(fact), []byte(" "))
	if _, err := c.service.TakeFact(c.t.Context(), string(kind), "", message); err != nil {
		c.t.Fatalf("%s: %v", fact, err)
	}
}

// seal seals October, and twice more: when callers answered late, and when a form was
// filled in late.
func (c *fixedCentre) seal(day time.Time) {
	c.t.Helper()
	october := api.ScoreQuery{From: rules.Date{Year: 2026, Month: 10, Day: 1}, To: rules.Date{Year: 2026, Month: 11, Day: 1}}
	form := fmt.Sprintf(`form {"id":"late","at":%q,"agent":"dee","form":{"id":"qa","rater":"s1","points":30,"of":100,"critical":true}}`, time.Date(2026, 10, 20, 11, 0, 0, 0, c.zone).Format(time.RFC3339))
	for i, more := range [][]string{nil, c.late, {form}} {
		c.at(day.Add(time.Duration(i*20-60) * time.Minute))
		for _, f := range more {
			c.take(f)
		}
		list, err := c.service.Seal(c.t.Context(), october, "hr")
		if err != nil || list.Sealed == nil || list.Sealed.Revision != uint32(i) {
			c.t.Fatalf("sealing %d: %+v, %v", i, list, err)
		}
		c.sealings++
	}
}

// day is a day's work, with one call after another.
func (c *fixedCentre) day(begin, end time.Time) {
	c.at(begin)
	var here []string
	for _, a := range fixedAgents {
		if a == "hana" && begin.Weekday() != time.Monday {
			continue
		}
		here = append(here, a)
		c.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: c.agent(a), Status: metrics.Ready})
		c.pass(3 * time.Second)
	}
	away := "" // who is at lunch
	for i := c.random.IntN(len(here)); ; i++ {
		c.pass(c.between(20*time.Second, 3*time.Minute))
		now := c.clock.Time().In(c.zone)
		if now.Add(12 * time.Minute).After(end) {
			break
		}
		lunch := ""
		if k := int(now.Sub(begin)/(20*time.Minute)) - 7; k >= 0 && k < len(here) {
			lunch = here[k]
		}
		if lunch != away {
			if away != "" {
				c.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: c.agent(away), Status: metrics.Ready})
			}
			if away = lunch; away != "" {
				c.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: c.agent(away), Status: metrics.Paused, Reason: c.reason("Lunch")})
			}
		}
		who := here[i%len(here)]
		if who == away {
			continue
		}
		c.call(who, now)
	}
	for i, a := range here {
		if points := 96 - 4*i; begin.Day()%5 == i%5 { // every agent once a week
			c.facts = append(c.facts, c.form(a, "qa", points, a == "bob" && begin.Month() == time.November && begin.Day() == 11))
		}
	}
	if begin.Day()%3 == 0 {
		c.facts = append(c.facts, c.form("lea", "upward", 88, false), c.form("mo", "upward", 61, false))
	}
}

// form is one that somebody filled in about an agent.
func (c *fixedCentre) form(agent, id string, points int, critical bool) string {
	c.visits++
	return fmt.Sprintf(`form {"id":"f%d","at":%q,"agent":%q,"form":{"id":%q,"rater":"s1","points":%d,"of":100,"critical":%t}}`, c.visits, c.clock.Time().Format(time.RFC3339), agent, id, points, critical)
}

// queued has a caller come to a queue.
func (c *fixedCentre) queued(queue string) metrics.ID {
	c.visits++
	id := metrics.IDString(fmt.Sprintf("call-%d", c.visits))
	caller := fmt.Appendf(nil, "139%08d", c.random.IntN(900))
	c.apply(metrics.Event{Kind: metrics.VisitJoined, Visit: id, Leg: id, Queue: metrics.QueueID(c.names.InternString(metrics.QueueName, queue)), Caller: metrics.MakeCaller(caller)})
	return id
}

func (c *fixedCentre) offer(id metrics.ID, agent string) {
	c.apply(metrics.Event{Kind: metrics.OfferStarted, Visit: id, Agent: c.agent(agent)})
}

// talk has an agent answer.
func (c *fixedCentre) talk(id metrics.ID, agent string) (leg metrics.ID) {
	leg = metrics.IDString("leg-" + id.String())
	c.apply(metrics.Event{Kind: metrics.OfferAnswered, Visit: id, Agent: c.agent(agent), Peer: leg})
	c.apply(metrics.Event{Kind: metrics.Connected, Visit: id, Agent: c.agent(agent)})
	return leg
}

func (c *fixedCentre) hangUp(id metrics.ID, agent string) {
	c.apply(metrics.Event{Kind: metrics.Disconnected, Visit: id, Agent: c.agent(agent), By: metrics.Self})
	c.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: id, Outcome: metrics.Answered})
	c.apply(metrics.Event{Kind: metrics.LegEnded, Leg: id, By: metrics.Switch})
}

// call is one call, and what its caller says about it.
func (c *fixedCentre) call(who string, now time.Time) {
	queue := []string{"support", "sales", "billing"}[c.random.IntN(3)]
	id := c.queued(queue)
	c.pass(c.between(2*time.Second, 26*time.Second))
	if c.random.IntN(11) == 0 {
		c.apply(metrics.Event{Kind: metrics.VisitLeft, Visit: id, Outcome: metrics.Abandoned})
		c.apply(metrics.Event{Kind: metrics.LegEnded, Leg: id, By: metrics.Self})
		return
	}
	c.offer(id, who)
	c.pass(c.between(time.Second, 5*time.Second))
	c.talk(id, who)
	c.pass(c.between(80*time.Second, 320*time.Second))
	c.hangUp(id, who)
	mos, month := uint16(390+c.random.IntN(50)), now.Month().String()
	if c.random.IntN(18) == 0 {
		mos = 220
		c.badMedia[month+" "+who]++
	}
	c.apply(metrics.Event{Kind: metrics.LegMedia, Leg: id, Media: metrics.Media{MOS: mos}})
	if c.random.IntN(3) > 0 {
		return
	}
	csat := 5 - c.random.IntN(2) - c.random.IntN(2)
	if who == "gus" {
		csat--
	}
	survey := fmt.Sprintf(`survey {"id":"s%d","at":%q,"agent":%q,"contact":%q,"survey":{"csat":%d}}`, c.visits, c.clock.Time().Add(time.Minute).Format(time.RFC3339), who, id, csat)
	if month == "October" && c.random.IntN(6) == 0 {
		c.late = append(c.late, survey)
		return
	}
	c.pass(time.Minute)
	if now.Month() == time.November && now.Day() == 18 && now.Hour() == 10 {
		return // of what is that fresh nobody is asked yet
	}
	c.facts = append(c.facts, survey)
	if mos > api.DefaultBadMOS {
		c.surveyed[month+" "+who]++
	}
}

// present is the moment at which the clock stands: every state that somebody can be in.
func (c *fixedCentre) present(now time.Time) {
	before := func(d time.Duration) { c.at(now.Add(-d)) }
	before(330 * time.Second)
	c.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: c.agent("cho"), Status: metrics.Paused, Reason: c.reason("Training")})
	ann := c.queued("support")
	c.offer(ann, "ann")
	before(322 * time.Second)
	c.talk(ann, "ann")
	before(250 * time.Second)
	dee := c.queued("sales")
	c.offer(dee, "dee")
	before(240 * time.Second)
	held := c.talk(dee, "dee")
	before(200 * time.Second)
	eli := c.queued("billing")
	c.offer(eli, "eli")
	before(190 * time.Second)
	c.talk(eli, "eli")
	before(95 * time.Second)
	c.queued("sales")
	before(70 * time.Second)
	c.apply(metrics.Event{Kind: metrics.LegHeld, Leg: held, Peer: dee})
	before(41 * time.Second)
	c.queued("sales")
	before(18 * time.Second)
	c.hangUp(eli, "eli")
	before(12 * time.Second)
	c.queued("support")
	bob := c.queued("billing")
	before(4 * time.Second)
	c.offer(bob, "bob")
	c.at(now)
}

// TestPagesInDetail: what a centre with weeks of work shows is what the daemon answers,
// and what happened.
func TestPagesInDetail(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	c := newFixedCentre(t)
	if c.badMedia["November bob"] < 2 || c.surveyed["November bob"] < 15 {
		t.Fatal("too little happened")
	}
	drive(t, "detail.mjs", map[string]any{"url": c.url, "now": c.clock, "pictures": pictures(t),
		"known": map[string]any{"bob": map[string]int{"bad_media": c.badMedia["November bob"], "surveys": c.surveyed["November bob"]}},
		"tokens": map[string]string{"boss": c.token(api.Asker{Name: "boss", Role: api.AdminRole}),
			"bob": c.token(api.Asker{Name: "bob", Role: api.AgentRole, Agent: "bob"})}}, func(string) {})
}
