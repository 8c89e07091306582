package api

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"tallyd/metrics"
)

// Schema is the version of the messages below. Fields may be added to a version;
// a field that goes or changes its meaning makes a new one.
const Schema = 1

// Moment is a moment in a message: RFC 3339 in UTC with milliseconds, null for
// none.
type Moment metrics.Millis

// MomentOf is a time as a moment, none for the zero time.
func MomentOf(t time.Time) Moment {
	if t.IsZero() {
		return 0
	}
	return Moment(metrics.MillisOf(t))
}

const momentLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the moment.
func (m Moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return metrics.Millis(m).Time().AppendFormat(nil, `"`+momentLayout+`"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Moment) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*m = 0
		return nil
	}
	t, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("%s is not a moment", b)
	}
	*m = Moment(metrics.MillisOf(t))
	return nil
}

// Header begins every message.
type Header struct {
	V int `json:"v"`
	// Run tells one run of the daemon from another: Seq begins anew with it.
	Run int64 `json:"run"`
	// Seq counts the messages of one subject: a hole means that one was missed. A
	// snapshot has the number of the last message that it includes, 0 for none.
	Seq  uint64 `json:"seq"`
	At   Moment `json:"at"` // by the daemon's clock
	Site string `json:"site"`
}

// AgentState is the whole present state of an agent.
type AgentState struct {
	Header
	Agent    string `json:"agent"`
	State    string `json:"state"`
	Reason   string `json:"reason"` // while paused
	Queue    string `json:"queue"`  // of the call offered, talked on or wrapped up
	Since    Moment `json:"since"`  // by the switch's clock
	Switch   string `json:"switch"`
	Observed bool   `json:"observed"` // false: last seen so, the switch is out of sight
	// Previous is the state of the message before this one; null in the first.
	Previous *PastState `json:"previous"`
}

// PastState is what an agent was doing before.
type PastState struct {
	State  string `json:"state"`
	Reason string `json:"reason"`
	Queue  string `json:"queue"`
	Since  Moment `json:"since"`
}

// QueueState is the whole present state of a queue. Agents counts, by state,
// those who work on its calls.
type QueueState struct {
	Header
	Queue    string         `json:"queue"`
	Waiting  int            `json:"waiting"`
	Oldest   Moment         `json:"oldest"` // when the longest-waiting caller joined
	Talking  int            `json:"talking"`
	Agents   map[string]int `json:"agents"`
	Observed bool           `json:"observed"`
}

// SiteState is the whole present state of the site. Agents counts all by state.
type SiteState struct {
	Header
	Waiting  int            `json:"waiting"`
	Oldest   Moment         `json:"oldest"`
	Talking  int            `json:"talking"`
	Agents   map[string]int `json:"agents"`
	Observed bool           `json:"observed"`
	Switches []SwitchHealth `json:"switches"`
}

// SwitchHealth is how the connection to a switch fares.
type SwitchHealth struct {
	Name       string `json:"name"`
	Connected  bool   `json:"connected"`
	Observed   bool   `json:"observed"`
	Since      Moment `json:"since"` // of this state of the connection
	Gaps       int    `json:"gaps"`
	Unobserved int64  `json:"unobserved_ms"`
	Error      string `json:"error"`
	// Missing says, in words for people, what cannot be seen although the switch
	// is connected.
	Missing []string `json:"missing,omitempty"`
	// ClockOff is how far the switch's clock is ahead of the daemon's, in whole
	// seconds: everything counts at the time that the switch says it is.
	ClockOff int64 `json:"clock_off_ms,omitempty"`
}

// Equal tells whether nothing differs.
func (h SwitchHealth) Equal(o SwitchHealth) bool {
	return h.Name == o.Name && h.Connected == o.Connected && h.Observed == o.Observed && h.Since == o.Since && h.Gaps == o.Gaps &&
		h.Unobserved == o.Unobserved && h.Error == o.Error && h.ClockOff == o.ClockOff && slices.Equal(h.Missing, o.Missing)
}

// Figures are the day's figures of an agent or queue: Counters that are not 0,
// and every KPI of the catalogue by its formula's id, null where there is no
// data. A null is neither 0 nor 100 %.
type Figures struct {
	Header
	Agent    string              `json:"agent,omitempty"`
	Queue    string              `json:"queue,omitempty"`
	From     Moment              `json:"from"` // the local day's beginning
	Counters map[string]int64    `json:"counters"`
	KPIs     map[string]*float64 `json:"kpis"`
}

// Heartbeat tells that the daemon lives and what it sees. The next one comes
// within EveryMS; after three of these without one, what is shown is old.
type Heartbeat struct {
	Header
	EveryMS  int64          `json:"every_ms"`
	Switches []SwitchHealth `json:"switches"`
	Pending  int            `json:"pending"` // intervals that wait for the store
	// Store tells how the store fares; nil where nothing is stored.
	Store *StoreHealth `json:"store,omitempty"`
	// Records tells how far the streams of rollups and contacts are; nil where
	// nothing is stored.
	Records *RecordsHealth `json:"records,omitempty"`
}

// RecordsHealth is how the streams of rollups and contacts fare.
type RecordsHealth struct {
	// Number is the record number up to which everything is in the streams.
	Number uint64 `json:"number"`
	// Problem is why they do not get what waits for them; "" where they do.
	Problem string `json:"problem,omitempty"`
}

// BusHealth is how the bus fares.
type BusHealth struct {
	Connected bool // to NATS
	// Records tells how far the streams are; nil where nothing is stored.
	Records *RecordsHealth
}

// Roster is a page of all agents' or queues' present states, in the order of
// name; More tells that names after the last one are left.
type Roster struct {
	Header
	Agents []AgentState `json:"agents,omitempty"`
	Queues []QueueState `json:"queues,omitempty"`
	More   bool         `json:"more"`
}

// Problem answers a request that cannot be answered.
type Problem struct {
	V     int    `json:"v"`
	Error string `json:"error"`
}

// Message fills in the state's message, without the header.
func (a *AgentNow) Message(previous *PastState) AgentState {
	return AgentState{
		Agent: a.Name, State: a.State.String(), Reason: a.Reason, Queue: a.Queue, Since: Moment(a.Since),
		Switch: a.Switch, Observed: a.Observed, Previous: previous,
	}
}

// Past is the state as another message's previous one.
func (a *AgentNow) Past() *PastState {
	return &PastState{State: a.State.String(), Reason: a.Reason, Queue: a.Queue, Since: Moment(a.Since)}
}

// Message fills in the state's message, without the header.
func (q *QueueNow) Message() QueueState {
	return QueueState{Queue: q.Name, Waiting: q.Waiting, Oldest: Moment(q.Oldest), Talking: q.Talking, Agents: byState(&q.Agents), Observed: q.Observed}
}

// Message fills in the state's message, without the header.
func (n *SiteNow) Message(switches []SwitchHealth) SiteState {
	return SiteState{Waiting: n.Waiting, Oldest: Moment(n.Oldest), Talking: n.Talking, Agents: byState(&n.Agents), Observed: n.Observed, Switches: switches}
}

// byState names the states in which somebody is.
func byState(n *[numStates]int) map[string]int {
	out := map[string]int{}
	for s, k := range n {
		if k != 0 {
			out[metrics.State(s).String()] = k
		}
	}
	return out
}
