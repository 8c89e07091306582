package playback

import (
	"bytes"
	"strconv"
	"strings"

	"tallyd/connectors/freeswitch/eventsocket"
)

// model is what the switch would answer at the play position: it follows the
// same events that the clients get.
type model struct {
	start   *Snapshot // after a restart the configuration rules again
	agents  table
	tiers   table
	queues  table
	members table

	starting map[string]starting // by agent
	channels channels
	unloaded map[string]bool // modules

	now      int64 // µs: the latest stamp
	began    int64 // µs: the first one
	core     string
	hostname string
	version  string
	sessions int // since the start

	frames *eventsocket.Reader
	src    bytes.Reader
	event  eventsocket.Event
}

func newModel(s *Snapshot) *model {
	m := &model{start: s}
	m.frames = eventsocket.NewReader(&m.src, eventsocket.DefaultLimits)
	m.reset()
	return m
}

// reset is what a restart does: calls are gone and agents as configured.
func (m *model) reset() {
	m.configure()
	m.members = newTable(memberColumns)
	m.channels = channels{}
	m.unloaded = make(map[string]bool)
	m.began, m.sessions = 0, 0
}

// configure is what loading mod_callcenter does to its tables; members stay.
func (m *model) configure() {
	m.agents, m.tiers, m.queues = m.start.agents.clone(), m.start.tiers.clone(), m.start.queues.clone()
	m.starting = make(map[string]starting)
}

// apply follows one event, a frame of the plain form.
func (m *model) apply(frame []byte) error {
	m.src.Reset(frame)
	f, err := m.frames.Next()
	if err != nil {
		return err
	}
	e := &m.event
	if err := f.Decode(e); err != nil {
		return err
	}
	m.now, _ = e.Micros()
	if m.began == 0 {
		m.began = m.now
	}
	m.core = string(e.Get(eventsocket.KeyCoreUUID))
	m.hostname = string(e.Get(eventsocket.KeyFreeSWITCHHostname))
	switch name := string(e.Get(eventsocket.KeyEventName)); name {
	case "HEARTBEAT":
		m.version = string(e.Get(eventsocket.KeyFreeSWITCHVersion))
	case "MODULE_LOAD":
		delete(m.unloaded, string(e.Get(eventsocket.KeyKey)))
	case "MODULE_UNLOAD":
		module := string(e.Get(eventsocket.KeyKey))
		m.unloaded[module] = true
		if module == "mod_callcenter" {
			m.configure()
		}
	case "CUSTOM":
		if string(e.Get(eventsocket.KeyEventSubclass)) == "callcenter::info" {
			m.callCentre(e)
		}
	default:
		if strings.HasPrefix(name, "CHANNEL_") {
			if name == "CHANNEL_CREATE" {
				m.sessions++
			}
			m.channels.apply(name, e)
		}
	}
	return nil
}

// follows reports the events that apply needs to see.
func follows(name, subclass string) bool {
	switch name {
	case "HEARTBEAT", "MODULE_LOAD", "MODULE_UNLOAD":
		return true
	case "CUSTOM":
		return subclass == "callcenter::info"
	}
	return strings.HasPrefix(name, "CHANNEL_")
}

// epoch is the play position as the switch's tables write time: in seconds.
func (m *model) epoch() string { return strconv.FormatInt(m.now/1_000_000, 10) }

func (m *model) agent(name string) []string {
	if row := m.agents.find("name", name); row != nil {
		return row
	}
	row := m.agents.add()
	for column, value := range map[string]string{"name": name, "instance_id": "single_box", "uuid": "", "type": "callback", "contact": "", "status": "Logged Out", "state": "Waiting"} {
		m.agents.set(row, column, value)
	}
	return row
}

func (m *model) queue(name string) []string {
	if row := m.queues.find("name", name); row != nil {
		return row
	}
	row := m.queues.add()
	for column, value := range map[string]string{"name": name, "strategy": "longest-idle-agent", "moh_sound": "", "time_base_score": "queue", "record_template": "",
		"discard_abandoned_after": "60", "agent_no_answer_status": "On Break"} {
		m.queues.set(row, column, value)
	}
	return row
}
