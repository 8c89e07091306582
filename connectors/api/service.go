package api

import (
	"cmp"
	"sync"
	"time"

	"tallyd/metrics"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
	"tallyd/rules/alert"
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
	// ClockOff is how far the switch's clock is ahead of this machine's, in whole
	// seconds.
	ClockOff time.Duration
	Stream   Stream
	Unkept   bool // what is open now would be lost in a crash: the journal cannot be written
}

// Stream is what came from a switch since the daemon began.
type Stream struct {
	Events    int64 // whole events of any kind
	Ignored   int64 // of these, those that say nothing that is counted
	Malformed int64 // of these, those whose content could not be read
	Unknown   int64 // events or frames of a type never heard of
	Dropped   int64 // because counting fell behind
	Connects  int64
	Last      metrics.Millis // the latest event's own time
}

// Config says what there is to ask about. The zero value of every field but
// Site works.
type Config struct {
	Site string
	// Zone is where the site's days begin; UTC if nil.
	Zone *time.Location
	// Store holds what was sealed; nil for none.
	Store *storage.Store
	// StoreHealth tells how it fares; nil where nobody knows.
	StoreHealth func() *StoreHealth
	// CallerKey keys the callers' hashes; a backup has it.
	CallerKey []byte
	// Numbers says how callers' numbers are written.
	Numbers metrics.Numbers
	// Intake is what the trackers hand their sealed intervals to; nil where
	// nothing is sealed while this service is asked.
	Intake  *Intake
	Sources []Source
	// People counts the states of agents with logins at several switches; nil
	// where there are none.
	People *metrics.People
	// Roster gives the roster of the moment; nil, or giving nil, where there is
	// none.
	Roster func() *roster.Roster
	// Queue gives a queue's settings by its name.
	Queue func(name string) metrics.QueueSettings
	// Target gives the service level that a queue is to reach, 0 to 1; nil: DefaultTarget.
	Target func(name string) float64
	// Group gives the group of queues that a queue is in; nil for one of its own.
	Group func(queue string) metrics.QueueGroup
	// BadMOS is below which mean opinion score, in hundredths, a call's audio was so
	// bad that no appraisal rests on it; 0 for none.
	BadMOS int
	// Kept is since when rollups, and facts with them, are kept as of a moment; nil:
	// since ever. The store may have been told of an earlier one.
	Kept func(now time.Time) time.Time
	// Schemes gives those of the moment, which people are appraised by; nil for none.
	Schemes func() []Scheme
	// Alerts are the rules that RunAlerts holds against the present; nil for none.
	Alerts *alert.Set
	// AlertsFile is where what is raised outlives the daemon; "" for nowhere.
	AlertsFile string
	// Webhook tells how the calling of one fares; nil where there is none.
	Webhook func() *WebhookHealth
	// Setup is how switches and rosters are tried.
	Setup Setup
	// Audit notes who read what about people; nil for nowhere.
	Audit func(AuditEntry)
	// Now is the clock.
	Now func() time.Time
}

// DefaultTarget is the service level that a queue is to reach which is told no other:
// 80 % within the threshold is what most centres begin with.
const DefaultTarget = 0.8

// Service answers. Any goroutine may call its methods. They ask nobody who they
// are: that is for a View.
type Service struct {
	cfg       Config
	directory directory
	standing  standing
	sealing   sync.Mutex // held while scores are sealed
	alerts    *alerts
	setup     setup
}

// New returns the service for a set of switches that does not change.
func New(c Config) *Service {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Queue == nil {
		c.Queue = func(string) metrics.QueueSettings { return metrics.DefaultQueueSettings() }
	}
	if c.Target == nil {
		c.Target = func(string) float64 { return DefaultTarget }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Roster == nil {
		c.Roster = func() *roster.Roster { return nil }
	}
	if c.Intake == nil {
		c.Intake = NewIntake(c.Store, nil)
	}
	s := &Service{cfg: c, setup: setup{Setup: c.Setup}}
	s.directory.seen = make([]seen, len(c.Sources))
	s.alerts = newAlerts(s, c.Alerts)
	return s
}

// Site is the site's name.
func (s *Service) Site() string { return s.cfg.Site }

// Now is the present moment by the service's clock.
func (s *Service) Now() time.Time { return s.cfg.Now() }

// Pending is how many sealed intervals wait for the store.
func (s *Service) Pending() int { return s.cfg.Intake.Pending() }

// midnight is the beginning of the local day that holds t.
func midnight(t time.Time, zone *time.Location) time.Time { return calendar.Day.Begin(t.In(zone)) }

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
