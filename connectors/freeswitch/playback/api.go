package playback

import (
	"fmt"
	"strings"
	"time"
)

// api answers an api command as FreeSWITCH does. Commands that would change the
// switch are unknown here.
func (m *model) api(command string) string {
	name, rest, _ := strings.Cut(command, " ")
	args := strings.Fields(rest)
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	switch name {
	case "show":
		if answer, ok := m.show(strings.Join(args, " ")); ok {
			return answer
		}
		return "-USAGE: channels [count|as json]|calls count\n"
	case "callcenter_config":
		return m.callCentreConfig(args)
	case "status":
		return m.status()
	case "version":
		return "FreeSWITCH Version " + m.version + "\n"
	case "hostname":
		return m.hostname
	case "strepoch":
		return m.epoch()
	case "strmicroepoch":
		return fmt.Sprint(m.now)
	case "uptime":
		return fmt.Sprintln((m.now - m.began) / 1_000_000)
	case "module_exists":
		return fmt.Sprint(strings.HasPrefix(arg(0), "mod_") && !m.unloaded[arg(0)])
	case "uuid_exists":
		return fmt.Sprint(m.channels.find(arg(0)) != nil)
	case "global_getvar":
		return m.global(arg(0))
	case "eval":
		return m.expand(rest)
	}
	return "-ERR " + name + " Command not found!\n"
}

func (m *model) show(what string) (string, bool) {
	total := func(n int) string { return fmt.Sprintf("\n%d total.\n", n) }
	switch what {
	case "channels as json":
		return string(m.channels.json()), true
	case "channels":
		return m.channels.list(), true
	case "channels count":
		return total(len(m.channels.rows)), true
	case "calls count":
		return total(len(m.channels.rows) - len(m.channels.calls)), true // a channel without a partner counts as a call
	}
	return "", false
}

// callCentreConfig answers the list and count commands.
func (m *model) callCentreConfig(args []string) string {
	const invalid = "-ERR Invalid!\n"
	if len(args) < 2 || args[1] != "list" && args[1] != "count" {
		return invalid
	}
	list := args[1] == "list"
	// answer prints the rows of t whose column is value, or their number.
	answer := func(t *table, column, value string) string {
		if list {
			return t.text(func(row []string) bool { return value == "" || t.get(row, column) == value })
		}
		n := 0
		for _, row := range t.rows {
			if value == "" || t.get(row, column) == value {
				n++
			}
		}
		return fmt.Sprintln(n)
	}
	m.discard()
	switch {
	case args[0] == "agent":
		return answer(&m.agents, "name", strings.Join(args[2:], " "))
	case args[0] == "tier":
		return answer(&m.tiers, "", "")
	case args[0] != "queue":
		return invalid
	case len(args) == 2:
		return answer(&m.queues, "", "")
	}
	queue := ""
	if len(args) > 3 {
		queue = args[3]
	}
	switch args[2] {
	case "members":
		m.score()
		return answer(&m.members, "queue", queue)
	case "tiers":
		return answer(&m.tiers, "queue", queue)
	case "agents":
		t := table{columns: m.agents.columns}
		for _, row := range m.tiers.rows {
			if agent := m.agents.find("name", m.tiers.get(row, "agent")); m.tiers.get(row, "queue") == queue && agent != nil {
				t.rows = append(t.rows, agent)
			}
		}
		return answer(&t, "", "")
	}
	return invalid
}

// score fills in how long each member has waited. The tables here are never
// ranked by it: nobody is routed.
func (m *model) score() {
	for _, row := range m.members.rows {
		m.members.set(row, "score", "0")
		m.members.addTo(row, "score", m.now/1_000_000)
		m.members.addTo(row, "score", -atoi(m.members.get(row, "joined_epoch")))
	}
}

func (m *model) status() string {
	up := time.Duration(m.now-m.began) * time.Microsecond
	return fmt.Sprintf("UP 0 years, %d days, %d hours, %d minutes, %d seconds, %d milliseconds, %d microseconds\n"+
		"FreeSWITCH (Version %s) is ready\n"+
		"%d session(s) since startup\n"+
		"%d session(s) - peak %[9]d, last 5min %[9]d \n"+
		"0 session(s) per Sec out of max 30, peak 0, last 5min 0 \n"+
		"1000 session(s) max\n"+
		"min idle cpu 0.00/95.00\n",
		int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60, int(up.Seconds())%60, up.Milliseconds()%1000, up.Microseconds()%1000,
		m.version, m.sessions, len(m.channels.rows))
}

func (m *model) global(name string) string {
	switch name {
	case "core_uuid":
		return m.core
	case "hostname":
		return m.hostname
	}
	return ""
}

// expand replaces ${name} in an argument of eval.
func (m *model) expand(text string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		b.WriteString(m.global(strings.ReplaceAll(name, "-", "_")))
		text = after
	}
}
