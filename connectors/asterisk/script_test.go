package asterisk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/asterisk/ami"
	"tallyd/metrics"
)

// script writes events as Asterisk would, for what a recording cannot be waited
// for. Times are milliseconds since its beginning.
type script struct {
	*replayed
	t    *testing.T
	zone *time.Location
	at   int64
	seen map[string]*scripted
}

// scripted is a channel, as its snapshots show it.
type scripted struct{ id, name, state, app, data string }

const scriptStart = 1_795_449_600_000 // a quarter hour begins

func newScript(t *testing.T) *script {
	return &script{replayed: newReplayed(), t: t, zone: time.UTC, seen: map[string]*scripted{}}
}

// pass lets time pass.
func (s *script) pass(ms int64) *script { s.at += ms; return s }

// channel makes a channel, at first sight; its id follows from its name.
func (s *script) channel(name string) *scripted {
	c := s.seen[name]
	if c == nil {
		c = &scripted{id: fmt.Sprintf("ast1-1795449600.%d", len(s.seen)), name: name, state: "Up"}
		s.seen[name] = c
	}
	return c
}

func (c *scripted) json() string {
	return fmt.Sprintf(`{"id":%q,"name":%q,"state":%q,"caller":{"name":"","number":"7100042"},"connected":{"name":"","number":""},`+
		`"dialplan":{"context":"c","exten":"e","priority":1,"app_name":%q,"app_data":%q},"creationtime":"2026-11-23T16:00:00.000+0000","language":"en"}`, c.id, c.name, c.state, c.app, c.data)
}

// send sends one event; fields are JSON without braces.
func (s *script) send(kind, fields string) *script {
	stamp := time.UnixMilli(scriptStart + s.at).In(s.zone).Format("2006-01-02T15:04:05.000-0700")
	s.translator.Event(fmt.Appendf(nil, `{"type":%q,"timestamp":%q,%s,"asterisk_id":"02:00","application":"x"}`, kind, stamp, fields), 0)
	if n := s.translator.Counts.Malformed; n > 0 {
		s.t.Fatalf("%s %s is malformed", kind, fields)
	}
	return s
}

func (s *script) about(kind, channel, more string) *script {
	return s.send(kind, `"channel":`+s.channel(channel).json()+more)
}

// made makes a channel that calls (Ring) or is called (Down).
func (s *script) made(channel, state string) *script {
	s.channel(channel).state = state
	return s.about("ChannelCreated", channel, "")
}

func (s *script) runs(channel, app, data string) *script {
	c := s.channel(channel)
	c.app, c.data, c.state = app, data, "Up"
	return s.about("ChannelDialplan", channel, fmt.Sprintf(`,"dialplan_app":%q,"dialplan_app_data":%q`, app, data))
}

func (s *script) sets(channel, name, value string) *script {
	return s.about("ChannelVarset", channel, fmt.Sprintf(`,"variable":%q,"value":%q`, name, value))
}

// rings has a queue ring a member.
func (s *script) rings(caller, phone, interf string) *script {
	s.made(phone, "Down")
	c := s.channel(phone)
	c.app, c.data = "AppQueue", "(Outgoing Line)"
	return s.dial(caller, phone, interf, "")
}

func (s *script) dial(caller, peer, dialled, status string) *script {
	return s.send("Dial", fmt.Sprintf(`"caller":%s,"peer":%s,"dialstring":%q,"dialstatus":%q,"forward":""`, s.channel(caller).json(), s.channel(peer).json(), dialled, status))
}

func (s *script) enters(bridge string, channels ...string) *script {
	for i, c := range channels {
		s.about("ChannelEnteredBridge", c, fmt.Sprintf(`,"bridge":{"id":%q,"technology":"simple_bridge","channels":[%s]}`, bridge, s.ids(channels[:i+1])))
	}
	return s
}

func (s *script) leaves(bridge, channel string) *script {
	return s.about("ChannelLeftBridge", channel, fmt.Sprintf(`,"bridge":{"id":%q,"channels":[]}`, bridge))
}

func (s *script) ids(channels []string) string {
	var l []string
	for _, c := range channels {
		l = append(l, fmt.Sprintf("%q", s.channel(c).id))
	}
	return strings.Join(l, ",")
}

// answers has the phone pick up, the caller leave the line, and both meet.
func (s *script) answers(caller, phone, interf, bridge string) *script {
	s.dial(caller, phone, interf, "ANSWER").sets(caller, "QUEUEPOSITION", "1").pass(1)
	return s.enters(bridge, phone, caller)
}

func (s *script) hangs(channel string) *script {
	return s.about("ChannelHangupRequest", channel, `,"cause":16,"soft":false`)
}

func (s *script) gone(channel string) *script {
	return s.about("ChannelDestroyed", channel, `,"cause":16,"cause_txt":"Normal Clearing"`)
}

// ends has one side hang up, and both be gone.
func (s *script) ends(first, second, bridge string) *script {
	return s.hangs(first).leaves(bridge, first).leaves(bridge, second).gone(first).hangs(second).gone(second)
}

// device tells a device's state.
func (s *script) device(name, state string) *script {
	return s.send("DeviceStateChanged", fmt.Sprintf(`"device_state":{"name":%q,"state":%q}`, name, state))
}

// ami has the manager interface tell something.
func (s *script) ami(lines ...string) *script {
	text := strings.Join(lines, "\r\n") + fmt.Sprintf("\r\nTimestamp: %d.%03d000\r\n\r\n", (scriptStart+s.at)/1000, (scriptStart+s.at)%1000)
	m, err := ami.NewReader(strings.NewReader(text)).Next()
	if err != nil {
		s.t.Fatal(err)
	}
	s.translator.AMI(m)
	return s
}

// want ends the script and holds the visits against short descriptions.
func (s *script) want(visits ...string) {
	s.t.Helper()
	s.finish()
	s.adds(s.t)
	var got []string
	for _, c := range s.contacts {
		text := fmt.Sprintf("%s %v wait %d", c.Queue, c.Outcome, c.Wait())
		if c.Outcome == metrics.Answered {
			text += fmt.Sprintf(" by %s talk %d %v", c.Agent, c.Talk(), c.EndedBy)
		}
		if c.Hold > 0 || c.Holds > 0 {
			text += fmt.Sprintf(" hold %d×%d", c.Holds, c.Hold)
		}
		got = append(got, text)
	}
	if strings.Join(got, "\n") != strings.Join(visits, "\n") {
		s.t.Errorf("visits\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(visits, "\n"))
	}
}

// count reads a counter of a row.
func (s *script) count(k metrics.RowKind, name string, c metrics.Counter) int64 {
	if r := s.sum[metrics.Key{Kind: k, Name: name}]; r != nil {
		return r.Get(c)
	}
	return 0
}
