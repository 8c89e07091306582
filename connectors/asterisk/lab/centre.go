package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Centre is a call centre to be played: how many calls come in which time. The
// same seed makes the same plans; when exactly a phone rings is the switch's
// matter.
type Centre struct {
	Seed   uint64
	Calls  int
	Length time.Duration // in which the calls come; the last ones need a little longer
}

// Answer is what a phone's own log says of a call that it answered.
type Answer struct {
	Caller, Phone string
	At, Ended     time.Time
	By            string // local: this phone ended it
}

// Log is what the phones wrote down.
type Log struct {
	mu      sync.Mutex
	Answers []Answer
	Faults  []error // of the phones themselves: the run says little then
}

func (l *Log) answer(a Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Answers = append(l.Answers, a)
}

// copied is the log as it is now: a phone that still rings may write on.
func (l *Log) copied() *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Log{Answers: slices.Clone(l.Answers), Faults: slices.Clone(l.Faults)}
}

func (l *Log) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Faults = append(l.Faults, fmt.Errorf(format, args...))
}

// plan is what one caller will do, and the agent who answers.
type plan struct {
	number, name, to string
	patience, talk   time.Duration
	delay            time.Duration // until the agent answers
	deaf             float64       // how often nobody answers
	hold             time.Duration
	hum              bool
	key              string
	keyAfter         time.Duration
	end              string

	mu        sync.Mutex
	connected chan struct{}
	moved     bool // handed on: whoever answers now is a target
}

func (p *plan) connect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.connected:
	default:
		close(p.connected)
	}
}

func (p *plan) move() { p.mu.Lock(); p.moved = true; p.mu.Unlock() }
func (p *plan) isMoved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moved
}

// show is one run of a centre.
type show struct {
	Centre
	a       *Asterisk
	log     *Log
	agents  *Exchange
	callers *Exchange
	manager *Manager
	rand    *rand.Rand
	mu      sync.Mutex
	plans   map[string]*plan
	rings   map[string]uint64
	wg      sync.WaitGroup
}

// Play plays it, and returns when the last call is over.
func (c Centre) Play(ctx context.Context, a *Asterisk) (*Log, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := &show{Centre: c, a: a, log: &Log{}, plans: map[string]*plan{}, rings: map[string]uint64{}, rand: rand.New(rand.NewPCG(c.Seed, 1))}
	var err error
	if s.agents, err = NewExchange(ctx, a.Phones, a.SIP, s.ring); err != nil {
		return nil, err
	}
	if s.callers, err = NewExchange(ctx, 0, a.SIP, func(c *Call) { c.Decline() }); err != nil {
		return nil, err
	}
	if s.manager, err = a.Manager(); err != nil {
		return nil, err
	}
	defer s.manager.Close()
	if err := s.agents.Register(ctx, "1005", 300); err != nil {
		return nil, err
	}
	type thing struct {
		at time.Duration
		do func()
	}
	var things []thing
	for range c.Calls {
		p := s.anyPlan()
		things = append(things, thing{time.Duration(s.rand.Int64N(int64(c.Length))), func() { s.call(ctx, p) }})
	}
	for _, x := range s.incidents(ctx) {
		things = append(things, thing{time.Duration(float64(c.Length) * x.part), x.do})
	}
	slices.SortStableFunc(things, func(a, b thing) int { return int(a.at - b.at) })
	began := time.Now()
	for _, x := range things {
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(began.Add(x.at))):
			s.wg.Go(x.do)
		}
	}
	s.wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// What the switch still has to write down, it writes within a second.
	time.Sleep(time.Second)
	return s.log.copied(), nil
}

// plan makes a plan for a call to a number, changed as asked.
func (s *show) plan(to string, change func(*plan)) *plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.plans) + 1
	p := &plan{number: fmt.Sprintf("7%06d", 100_000+n), name: fmt.Sprintf("Cust %d", n), to: to, connected: make(chan struct{}),
		patience: 40 * time.Second, talk: between(s.rand, 1500, 7000), delay: between(s.rand, 300, 2000), end: "agent", deaf: 0.12}
	if s.rand.IntN(2) == 0 {
		p.end = "caller"
	}
	if change != nil {
		change(p)
	}
	s.plans[p.number] = p
	return p
}

func between(r *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+r.IntN(most-least)) * time.Millisecond
}

// Entries are where calls go, and how often.
var entries = []struct {
	to    string
	often int
}{{"6001", 14}, {"6002", 14}, {"6004", 4}, {"6005", 5}, {"6006", 4}, {"6007", 5}, {"6008", 4}, {"6009", 4}, {"6011", 3}, {"6021", 3}, {"6022", 2},
	{"6031", 2}, {"6032", 3}, {"6033", 3}, {"6034", 3}, {"6041", 3}, {"6042", 2}, {"6043", 2}, {"6044", 3}, {"6045", 3}, {"6051", 3}, {"6052", 3}, {"1010", 2}, {"1001", 1}}

var ends = []struct {
	how   string
	often int
}{{"blind", 5}, {"blind 6002", 2}, {"blind 6122", 2}, {"blind 6121", 2}, {"attended", 5}, {"attended 6002", 2}, {"manager blind", 2},
	{"manager attended", 2}, {"manager redirect", 1}, {"park", 1}}

func (s *show) anyPlan() *plan {
	r := s.rand
	all := 0
	for _, e := range entries {
		all += e.often
	}
	to, n := "", r.IntN(all)
	for _, e := range entries {
		if n -= e.often; n < 0 {
			to = e.to
			break
		}
	}
	patient, long, hold, end, hum := r.Float64(), r.ExpFloat64(), r.Float64(), r.IntN(100), r.IntN(3) == 0
	return s.plan(to, func(p *plan) {
		p.hum = hum || to == "6052"
		switch {
		case patient < 0.08:
			p.patience = between(r, 100, 900)
		case patient < 0.22:
			p.patience, p.deaf = between(r, 1000, 7000), 0.6
		default:
			p.patience = 12*time.Second + time.Duration(long*float64(15*time.Second))
		}
		if hold < 0.15 {
			p.hold = between(r, 1000, 3000)
		}
		for _, e := range ends {
			if end -= e.often; end < 0 {
				p.end = e.how
				break
			}
		}
	})
}

// call plays a caller.
func (s *show) call(ctx context.Context, p *plan) {
	limit, stop := context.WithTimeout(ctx, 45*time.Second)
	defer stop()
	if p.to == "6021" || p.to == "6022" || p.to == "6051" || p.to == "6052" || len(p.to) == 4 && p.to[0] == '1' {
		// Asterisk does not answer before an agent does: patience ends in a CANCEL.
		early, giveUp := context.WithTimeout(limit, p.patience)
		defer giveUp()
		limit = early
	}
	c, err := s.callers.Dial(limit, p.number, p.name, p.to, true)
	if err != nil {
		return // given up, refused or not answered
	}
	if p.hum {
		c.Hum()
	}
	if p.key != "" {
		if !c.Wait(p.keyAfter) {
			_ = c.Press(p.key)
		}
	}
	select {
	case <-c.Over():
		return
	case <-p.connected:
	case <-time.After(p.patience):
		c.Hangup()
		return
	}
	if !c.Wait(60 * time.Second) {
		s.log.fault("the call of %s did not end", p.number)
		c.Hangup()
	}
}

// ring plays an agent.
func (s *show) ring(c *Call) {
	s.mu.Lock()
	p := s.plans[c.From]
	key := c.From + ">" + c.Number
	s.rings[key]++
	r := rand.New(rand.NewPCG(s.Seed, s.rings[key]<<32^uint64(len(key))^uint64(key[len(key)-1])<<8))
	s.mu.Unlock()
	if p == nil || p.isMoved() {
		s.target(c, r)
		return
	}
	switch x := r.Float64(); {
	case x < p.deaf:
		c.Wait(60 * time.Second)
		return
	case x < p.deaf+0.03:
		if !c.Wait(100 * time.Millisecond) {
			c.Decline()
		}
		return
	}
	if c.Wait(time.Duration(float64(p.delay) * (0.6 + 0.8*r.Float64()))) {
		return
	}
	if c.Answer() != nil {
		return
	}
	p.connect()
	defer func() {
		if !c.Wait(20 * time.Second) {
			c.Hangup()
		}
		s.log.answer(Answer{p.number, c.Number, c.Answered, c.Ended, c.By})
	}()
	if p.hum {
		c.Hum()
	}
	if p.hold > 0 {
		if c.Wait(p.talk / 3) {
			return
		}
		_ = c.Hold(true)
		if c.Wait(p.hold) {
			return
		}
		_ = c.Hold(false)
	}
	if c.Wait(p.talk) {
		return
	}
	s.end(c, p)
}

// target plays whoever a call is handed on to, or a colleague who is consulted.
func (s *show) target(c *Call, r *rand.Rand) {
	if c.Wait(between(r, 400, 1200)) || c.Answer() != nil {
		return
	}
	if !c.Wait(between(r, 2500, 6000)) {
		c.Hangup()
	}
	s.log.answer(Answer{c.From, c.Number, c.Answered, c.Ended, c.By})
}

// end ends a talk as planned. Where what was planned does not come about, the
// agent hangs up.
func (s *show) end(c *Call, p *plan) {
	var how, where string
	fmt.Sscan(p.end, &how, &where)
	caller, agent := s.manager.Channels(p.number)
	switch how {
	case "caller":
		s.callers.hangup(p.number)
		c.Wait(5 * time.Second)
		return
	case "blind", "park":
		if where == "" {
			where = "1010"
		}
		if how == "park" {
			where = "700"
		}
		p.move()
		if c.Transfer(where) == nil {
			c.Wait(400 * time.Millisecond)
		}
	case "attended":
		if where == "" {
			where = "1009"
		}
		p.move()
		_ = c.Hold(true)
		limit, stop := context.WithTimeout(context.Background(), 8*time.Second)
		defer stop()
		other, err := s.agents.Dial(limit, c.Number, "", where, false)
		if err != nil {
			break
		}
		other.Wait(1500 * time.Millisecond)
		if c.Join(other, where) == nil {
			c.Wait(500 * time.Millisecond)
		}
		other.Hangup()
	case "manager":
		if agent == "" {
			break // app_queue called it by another number
		}
		p.move()
		switch where {
		case "blind":
			_ = s.manager.Do("BlindTransfer", "Channel", agent, "Context", "internal", "Exten", "1010")
		case "attended":
			_ = s.manager.Do("Atxfer", "Channel", agent, "Context", "internal", "Exten", "1009")
			c.Wait(4 * time.Second)
		case "redirect":
			_ = s.manager.Do("Redirect", "Channel", caller, "Context", "internal", "Exten", "1010", "Priority", "1")
		}
		c.Wait(time.Second)
	}
	c.Hangup()
}

// hangup ends the call of a number, if it is up.
func (x *Exchange) hangup(number string) {
	x.mu.Lock()
	var found *Call
	for _, c := range x.calls {
		if c.Number != number {
			continue
		}
		select {
		case <-c.over:
		default:
			found = c
		}
	}
	x.mu.Unlock()
	if found != nil {
		found.Hangup()
	}
}
