package api

import (
	"cmp"
	"time"

	"tallyd/metrics"
	"tallyd/storage"
)

// Source is one switch as the service sees it.
type Source struct {
	// Name is the switch's; its rollups and contacts carry it.
	Name    string
	Tracker *metrics.Tracker
	// Health tells how the connection fares; nil where nobody knows. Any
	// goroutine may call it.
	Health func() Health
}

// Health is how the connection to a switch fares.
type Health struct {
	Connected  bool
	Since      time.Time // of this state of the connection
	Gaps       int       // spans that were not observed
	Unobserved time.Duration
	Error      string   // why it is not connected
	Missing    []string // what cannot be seen although it is
}

// Config says what there is to ask about. The zero value of every field but
// Site works.
type Config struct {
	Site string
	// Zone is where the site's days begin; UTC if nil.
	Zone *time.Location
	// Store holds what was sealed; nil for none.
	Store *storage.Store
	// Intake is what the trackers hand their sealed intervals to; nil where
	// nothing is sealed while this service is asked.
	Intake  *Intake
	Sources []Source
	// People counts the states of agents with logins at several switches; nil
	// where there are none.
	People *metrics.People
	// Queue gives a queue's settings by its name.
	Queue func(name string) metrics.QueueSettings
	// Now is the clock.
	Now func() time.Time
}

// Service answers. Any goroutine may call its methods.
//
// Who may ask for what is decided in one place, between a question's arrival
// and these methods; as long as there is one role, nothing is there.
type Service struct {
	cfg       Config
	directory directory
}

// New returns the service for a set of switches that does not change.
func New(c Config) *Service {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Queue == nil {
		c.Queue = func(string) metrics.QueueSettings { return metrics.DefaultQueueSettings() }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Intake == nil {
		c.Intake = NewIntake(c.Store, nil)
	}
	s := &Service{cfg: c}
	s.directory.seen = make([]seen, len(c.Sources))
	return s
}

// Site is the site's name.
func (s *Service) Site() string { return s.cfg.Site }

// Now is the present moment by the service's clock.
func (s *Service) Now() time.Time { return s.cfg.Now() }

// Pending is how many sealed intervals wait for the store.
func (s *Service) Pending() int { return s.cfg.Intake.Pending() }

// midnight is the beginning of the local day that holds t. Where the clock jumps
// over midnight, the day begins where it lands.
func midnight(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if start.Day() != d {
		start = start.Add(time.Hour)
	}
	return start
}

// interval is the rollup interval that holds t.
func interval(t time.Time) metrics.Interval { return metrics.IntervalOf(metrics.MillisOf(t)) }

// intervalUp is the first interval that does not begin before t.
func intervalUp(t time.Time) metrics.Interval {
	i := interval(t)
	if i.Start().Time().Before(t) {
		i++
	}
	return i
}

func compareKeys(a, b metrics.Key) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Second, b.Second))
}
