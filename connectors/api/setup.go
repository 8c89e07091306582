package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tallyd/metrics"
)

// Setting up: an administrator tries a switch before it is configured, and a roster
// before it is used. Trying changes nothing: the configuration is the administrator's
// file, and the answers say what to write into it. The roster's own file, where the
// configuration names one, can be written.

// Setup is how the daemon tries things; nil functions: it cannot.
type Setup struct {
	Switch func(ctx context.Context, s SwitchSettings) (*SwitchTrial, error)
	Roster func(text string) (*RosterTrial, error)
	// WriteRoster puts a roster without faults in the place of the one that was tried
	// against, and is ErrChanged where that is another by now.
	WriteRoster func(text, over string) (*RosterTrial, error)
}

// SwitchSettings are what a switch is reached by, as in the configuration.
type SwitchSettings struct {
	Name     string `json:"name" maxLength:"64" minLength:"1"`
	Kind     string `json:"kind" enum:"asterisk,freeswitch"`
	Address  string `json:"address,omitempty" maxLength:"256" doc:"of FreeSWITCH's event socket, such as 127.0.0.1:8021"`
	Password string `json:"password" maxLength:"256"`
	ARI      string `json:"ari,omitempty" maxLength:"256" doc:"of Asterisk's ARI, such as http://127.0.0.1:8088/ari"`
	Username string `json:"username,omitempty" maxLength:"256" doc:"of ari.conf"`
	AMI      struct {
		Address  string `json:"address,omitempty" maxLength:"256" doc:"of Asterisk's manager interface, such as 127.0.0.1:5038; none: without it"`
		Username string `json:"username,omitempty" maxLength:"256"`
		Password string `json:"password,omitempty" maxLength:"256"`
	} `json:"ami,omitzero"`
}

// SwitchTrial is what came of attaching to a switch for some seconds.
type SwitchTrial struct {
	// Faults are what is wrong with the settings; nothing was tried then.
	Faults    []string `json:"faults,omitempty"`
	Connected bool     `json:"connected"`
	Error     string   `json:"error,omitempty"`   // why it is not
	Missing   []string `json:"missing,omitempty"` // what cannot be seen although it is
	Events    int64    `json:"events"`            // that came meanwhile
	ClockOff  int64    `json:"clock_off_ms"`      // the switch's clock from this machine's
	// Queues and Agents are those that showed, the first of them.
	Queues []TriedQueue `json:"queues"`
	Agents []TriedAgent `json:"agents"`
	// Config is what to write into the configuration.
	Config string `json:"config,omitempty"`
}

// TriedQueue is a queue of a switch that is being tried.
type TriedQueue struct {
	Name    string `json:"name"`
	Waiting int    `json:"waiting"`
}

// TriedAgent is an agent of a switch that is being tried.
type TriedAgent struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

// RosterTrial is what is wrong with a roster, or what is in it.
type RosterTrial struct {
	Faults []RosterFault `json:"faults"`
	Agents int           `json:"agents"`
	Teams  int           `json:"teams"`
	// Roster is the roster as a file, where CSV was given.
	Roster string `json:"roster,omitempty"`
	// Added, Changed and Removed count people against the roster in force.
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	// File is where the configuration has its roster; Over stands for what is in it.
	File string `json:"file,omitempty" doc:"the file of roster_file; none: the configuration names none"`
	Over string `json:"over,omitempty" doc:"what stands for that file's content, to be given back when it is written"`
	// Written is that the roster is in that file, and in force.
	Written bool `json:"written,omitempty"`
}

// RosterFault is where something is wrong.
type RosterFault struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	What   string `json:"what"`
}

// MaxTried bounds what a trial lists of a switch.
const MaxTried = 50

// trial is how long a switch is tried, and how long it is watched once it is attached.
const (
	trial = 10 * time.Second
	watch = 3 * time.Second
)

// ErrChanged is wrapped where what was to be replaced is another by now.
var ErrChanged = errors.New("it was changed meanwhile")

var errTrying = errors.New("another switch is being tried")

// setup is what the service needs for trying.
type setup struct {
	Setup
	trying sync.Mutex // held while a switch is tried: there is one at a time
}

// TrySwitch attaches to a switch for some seconds, beside whatever is attached, and
// tells what was seen.
func (v *View) TrySwitch(ctx context.Context, s SwitchSettings) (*SwitchTrial, error) {
	if err := v.May(SetUp); err != nil {
		return nil, err
	}
	x := &v.service.setup
	if x.Switch == nil {
		return nil, &BadQuestion{errors.New("nothing is tried here")}
	}
	if !x.trying.TryLock() {
		return nil, fmt.Errorf("%w: %w", ErrTooOften, errTrying)
	}
	defer x.trying.Unlock()
	return x.Switch(ctx, s)
}

// TryRoster reads a roster, YAML or CSV. CSV is put into the roster that there is.
func (v *View) TryRoster(text string) (*RosterTrial, error) {
	if err := v.May(SetUp); err != nil {
		return nil, err
	}
	x := &v.service.setup
	if x.Roster == nil {
		return nil, &BadQuestion{errors.New("nothing is tried here")}
	}
	return x.Roster(text)
}

// WriteRoster puts a roster that was tried into its file, and into force.
func (v *View) WriteRoster(text, over string) (*RosterTrial, error) {
	if err := v.May(SetUp); err != nil {
		return nil, err
	}
	x := &v.service.setup
	if x.WriteRoster == nil {
		return nil, &BadQuestion{errors.New("nothing is written here")}
	}
	out, err := x.WriteRoster(text, over)
	if err == nil && out.Written {
		v.audit(SetUp, nil, time.Time{}, time.Time{})
	}
	return out, err
}

// Tried watches a switch through a tracker that nobody else reads: run attaches to it
// until its context ends, and health tells how that fares.
func Tried(ctx context.Context, t *metrics.Tracker, run func(context.Context) error, health func() Health) *SwitchTrial {
	ctx, stop := context.WithTimeout(ctx, trial)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = run(ctx) // health says what went wrong
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var connected time.Time
	failing := time.Now().Add(watch) // what is refused stays so: it is not asked for long
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-tick.C:
			switch h := health(); {
			case h.Connected && connected.IsZero():
				connected = now
			case h.Connected && now.Sub(connected) > watch, connected.IsZero() && h.Stream.Connects == 0 && h.Error != "" && now.After(failing):
				stop()
			}
		}
	}
	h := health() // before what ends the connection shows in it
	<-done
	out := &SwitchTrial{Connected: !connected.IsZero(), Missing: h.Missing, Events: h.Stream.Events, ClockOff: h.ClockOff.Milliseconds(), Queues: []TriedQueue{}, Agents: []TriedAgent{}}
	if !out.Connected {
		out.Error = h.Error
	}
	names := t.Names()
	for id := 1; id < names.Len(metrics.QueueName) && len(out.Queues) < MaxTried; id++ {
		out.Queues = append(out.Queues, TriedQueue{names.Name(metrics.QueueName, uint32(id)), t.Live.Queue(metrics.QueueID(id)).Waiting})
	}
	for id := 1; id < names.Len(metrics.AgentName) && len(out.Agents) < MaxTried; id++ {
		out.Agents = append(out.Agents, TriedAgent{names.Name(metrics.AgentName, uint32(id)), t.Live.Agent(metrics.AgentID(id)).State.String()})
	}
	return out
}
