package freeswitch

import (
	"encoding/json"
	"fmt"
	"strings"

	"tallyd/metrics"
)

// A snapshot is what the switch says of its present, asked for after every
// connect. Nothing that happened while nobody watched is ever replayed.

// snapshot collects the answers to the commands that make one up.
type snapshot struct {
	queue   []string // commands to come
	asked   string   // the one that is being answered
	at      metrics.Millis
	agents  []map[string]string
	tiers   []map[string]string
	members []map[string]string
	legs    []channelRow
	absent  bool // mod_callcenter is not loaded
	core    string
}

// channelRow is one row of "show channels as json".
type channelRow struct {
	UUID, Direction, Name, CallState string
	Caller                           string `json:"cid_num"`
	Dialled                          string `json:"dest"`
}

func newSnapshot() *snapshot {
	return &snapshot{queue: []string{
		"global_getvar core_uuid", "strmicroepoch", "module_exists mod_callcenter",
		"callcenter_config agent list", "callcenter_config tier list", "callcenter_config queue list",
		"show channels as json",
	}}
}

// next is the command to send; "" when all are answered.
func (s *snapshot) next() string {
	if len(s.queue) == 0 {
		s.asked = ""
		return ""
	}
	s.asked, s.queue = s.queue[0], s.queue[1:]
	return s.asked
}

// answer takes the answer to the command that was asked last.
func (s *snapshot) answer(body string) error {
	switch cmd := s.asked; {
	case cmd == "global_getvar core_uuid":
		s.core = strings.TrimSpace(body)
		if strings.HasPrefix(s.core, "-") {
			s.core = ""
		}
	case cmd == "strmicroepoch":
		var micros int64
		if _, err := fmt.Sscan(strings.TrimSpace(body), &micros); err == nil && micros > 0 {
			s.at = metrics.Millis(micros / 1000)
		}
	case cmd == "module_exists mod_callcenter":
		if strings.TrimSpace(body) == "false" {
			s.absent = true
			s.queue = []string{"show channels as json"}
		}
	case cmd == "callcenter_config agent list":
		return s.table(&s.agents, body)
	case cmd == "callcenter_config tier list":
		return s.table(&s.tiers, body)
	case cmd == "callcenter_config queue list":
		var queues []map[string]string
		if err := s.table(&queues, body); err != nil {
			return err
		}
		for _, q := range queues {
			if name := q["name"]; name != "" && !strings.ContainsAny(name, "\r\n") {
				s.queue = append(s.queue, "callcenter_config queue list members "+name)
			}
		}
	case strings.HasPrefix(cmd, "callcenter_config queue list members "):
		return s.table(&s.members, body)
	case cmd == "show channels as json":
		var out struct{ Rows []channelRow }
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			return fmt.Errorf("answer to %q: %w", cmd, err)
		}
		s.legs = out.Rows
	}
	return nil
}

// table reads a list that mod_callcenter prints: a line of column names, then
// lines of values, separated by |, then +OK. A value may hold a | itself (a
// caller's name can): then the columns before it are counted from the left and
// those after it from the right.
func (s *snapshot) table(into *[]map[string]string, body string) error {
	lines := strings.Split(strings.TrimRight(body, "\n"), "\n")
	if len(lines) == 0 || strings.HasPrefix(lines[0], "-") {
		return refused(s.asked, lines[0])
	}
	head := strings.Split(lines[0], "|")
	free := -1 // the column that can hold anything
	for i, h := range head {
		if h == "cid_name" || h == "contact" && free < 0 {
			free = i
		}
	}
	for _, line := range lines[1:] {
		if line == "+OK" || line == "" {
			continue
		}
		f := strings.Split(line, "|")
		if more := len(f) - len(head); more > 0 && free >= 0 {
			joined := strings.Join(f[free:free+more+1], "|")
			f = append(append(f[:free:free], joined), f[free+more+1:]...)
		}
		if len(f) != len(head) {
			continue // a name with a line break; the events will tell
		}
		row := make(map[string]string, len(head))
		for i, h := range head {
			row[h] = f[i]
		}
		*into = append(*into, row)
	}
	return nil
}

// seconds reads an epoch column, 0 where there is none.
func seconds(s string) metrics.Millis {
	var v int64
	if _, err := fmt.Sscan(s, &v); err != nil || v <= 0 {
		return 0
	}
	return metrics.Millis(v * 1000)
}

// Snapshot hands the sink what a snapshot says, but for its end: events from
// before it can still be on their way, so that comes a little later.
func (t *Translator) Snapshot(s *snapshot) {
	busy := map[string]string{} // agents' legs that are the queue's
	for _, a := range s.agents {
		id := metrics.AgentID(t.names.InternString(metrics.AgentName, a["name"]))
		if a["uuid"] != "" {
			busy[a["name"]] = a["uuid"]
		}
		t.learn([]byte(a["contact"]), id)
		t.out = metrics.Event{At: s.at, Agent: id, Known: true, Value: int64(seconds(a["wrap_up_time"]))}
		t.emit(metrics.AgentWrapUp)
		t.out = metrics.Event{At: s.at, Agent: id, Known: true}
		t.status([]byte(a["status"]))
		t.emit(metrics.AgentStatus)
		switch a["state"] {
		case "Waiting":
			t.emit(metrics.AgentFree)
		case "Idle":
			t.emit(metrics.AgentBusy)
		}
	}
	for _, x := range s.tiers {
		t.out = metrics.Event{At: s.at, Agent: metrics.AgentID(t.names.InternString(metrics.AgentName, x["agent"])),
			Queue: metrics.QueueID(t.names.InternString(metrics.QueueName, x["queue"])), Known: true}
		t.emit(metrics.MemberAdded)
	}
	for _, m := range s.members {
		t.member(s, m, busy)
	}
	for _, l := range s.legs {
		t.out = metrics.Event{At: s.at, Leg: metrics.IDString(l.UUID), Agent: t.memory.phone(device([]byte(l.Name))), Known: true}
		if l.Direction == "inbound" {
			t.out.Direction = metrics.Inbound
		} else {
			t.out.Direction = metrics.Outbound
		}
		for _, uuid := range busy {
			if uuid == l.UUID {
				t.out.Agent = 0 // the queue's call, or an agent on standby
			}
		}
		t.out.Caller = farEnd(&t.out, []byte(l.Caller), []byte(l.Dialled))
		t.emit(metrics.LegStarted)
		t.out.Caller = metrics.Caller{}
		if l.CallState == "ACTIVE" || l.CallState == "HELD" {
			t.emit(metrics.LegAnswered)
		}
	}
}

// member tells of one caller in a queue's list. An abandoned caller is listed
// for as long as the queue would let them take their place up again.
func (t *Translator) member(s *snapshot, m, busy map[string]string) {
	state := m["state"]
	if state == "Abandoned" || m["session_uuid"] == "" {
		return
	}
	joined := seconds(m["joined_epoch"])
	if again := seconds(m["rejoined_epoch"]); again > joined {
		joined = again
	}
	t.out = metrics.Event{At: s.at, Known: true, Joined: joined,
		Visit: metrics.IDString(m["uuid"]), Leg: metrics.IDString(m["session_uuid"]),
		Queue:  metrics.QueueID(t.names.InternString(metrics.QueueName, m["queue"])),
		Caller: metrics.MakeCaller([]byte(m["cid_number"]))}
	t.emit(metrics.VisitJoined)
	if agent := m["serving_agent"]; state == "Answered" && agent != "" {
		t.out.Agent = metrics.AgentID(t.names.InternString(metrics.AgentName, agent))
		t.out.Peer = metrics.IDString(busy[agent])
		t.out.Answered = seconds(m["bridge_epoch"])
		t.emit(metrics.Connected)
	}
}
