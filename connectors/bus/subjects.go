package bus

import (
	"errors"
	"fmt"
	"strings"

	"tallyd/metrics"
)

// Every subject is made of these words: tally.v1.SITE.… ; ID stands for a name
// as EncodeID writes it. Who adds a subject adds it here, to docs/subjects.md, and
// to permissions.go, which says who may read it.
const (
	root = "tally.v1" // the number is api.Schema

	agentWord     = "agent"     // agent.ID.state, agent.ID.kpi
	queueWord     = "queue"     // queue.ID.state, queue.ID.kpi
	siteWord      = "site"      // site.state
	heartbeatWord = "heartbeat" // heartbeat
	alertWord     = "alert"     // alert.RULE.queue.ID, alert.RULE.agent.ID, alert.RULE.site
	stateWord     = "state"
	kpiWord       = "kpi"

	snapshotWord = "snapshot" // snapshot.S answers what was last published on S
	agentsWord   = "agents"   // snapshot.agents: all agents' states, in pages
	queuesWord   = "queues"   // snapshot.queues: all queues' states, in pages
	alertsWord   = "alerts"   // snapshot.alerts: what is raised, and the latest that cleared

	queryWord    = "query" // query.kpi, query.contacts, query.roster, …: questions about any span
	contactsWord = "contacts"
	rosterWord   = "roster"
	factsWord    = "facts"
	scoresWord   = "scores"
	schemesWord  = "schemes"
	historyWord  = "history"

	// What is about single people or calls.
	rollupWord  = "rollup"  // rollup.KIND.ID, rollup.KIND.ID.ID, rollup.site
	contactWord = "contact" // contact.ID

	scoreWord = "score" // score.CYCLE.AGENT

	inboundWord = "in" // in.survey, in.disposition, in.training, in.form: what others tell
)

// Subjects are the subjects of one site.
type Subjects struct{ prefix string }

// SubjectsOf returns a site's subjects.
func SubjectsOf(site string) Subjects { return Subjects{root + "." + EncodeID(site)} }

// Prefix is what every subject of the site begins with.
func (s Subjects) Prefix() string { return s.prefix }

func (s Subjects) join(words ...string) string { return s.prefix + "." + strings.Join(words, ".") }

// AgentState is where an agent's state is published.
func (s Subjects) AgentState(name string) string {
	return s.join(agentWord, EncodeID(name), stateWord)
}

// AgentKPI is where an agent's figures of the day are published.
func (s Subjects) AgentKPI(name string) string { return s.join(agentWord, EncodeID(name), kpiWord) }

// QueueState is where a queue's state is published.
func (s Subjects) QueueState(name string) string {
	return s.join(queueWord, EncodeID(name), stateWord)
}

// QueueKPI is where a queue's figures of the day are published.
func (s Subjects) QueueKPI(name string) string { return s.join(queueWord, EncodeID(name), kpiWord) }

// SiteState is where the site's state is published.
func (s Subjects) SiteState() string { return s.join(siteWord, stateWord) }

// Heartbeat is where the daemon tells that it lives.
func (s Subjects) Heartbeat() string { return s.join(heartbeatWord) }

// Alert is where it is published what a rule says about a queue, an agent or the site,
// of the kinds of api.AlertState.
func (s Subjects) Alert(rule, of, subject string) string {
	if of == siteWord {
		return s.join(alertWord, EncodeID(rule), of)
	}
	return s.join(alertWord, EncodeID(rule), of, EncodeID(subject))
}

// All matches every subject of the site. A wallboard that subscribes to it gets
// what it may read.
func (s Subjects) All() string { return s.join(">") }

// QueryKPI answers a KPIRequest with a KPIAnswer.
func (s Subjects) QueryKPI() string { return s.join(queryWord, kpiWord) }

// QueryContacts answers a ContactsRequest with a ContactsAnswer.
func (s Subjects) QueryContacts() string { return s.join(queryWord, contactsWord) }

// QueryRoster answers a RosterRequest with a RosterAnswer.
func (s Subjects) QueryRoster() string { return s.join(queryWord, rosterWord) }

// QueryFacts answers a FactsRequest with a FactsAnswer.
func (s Subjects) QueryFacts() string { return s.join(queryWord, factsWord) }

// QueryScores answers a ScoresRequest with a ScoresAnswer.
func (s Subjects) QueryScores() string { return s.join(queryWord, scoresWord) }

// QuerySchemes answers a SchemesRequest with a SchemesAnswer.
func (s Subjects) QuerySchemes() string { return s.join(queryWord, schemesWord) }

// QueryHistory answers a HistoryRequest with a HistoryAnswer.
func (s Subjects) QueryHistory() string { return s.join(queryWord, historyWord) }

// Inbound takes facts of a kind.
func (s Subjects) Inbound(kind string) string { return s.join(inboundWord, kind) }

// Rollup is where what was counted of a row in an interval is published.
func (s Subjects) Rollup(k metrics.Key) string {
	words := []string{rollupWord, k.Kind.String()}
	if k.Kind != metrics.SiteRow {
		words = append(words, EncodeID(k.Name))
	}
	if k.Kind == metrics.PairRow || k.Kind == metrics.PauseRow {
		words = append(words, EncodeID(k.Second))
	}
	return s.join(words...)
}

// rollupAgent is the agent whose row a subject of rollups is about.
func (s Subjects) rollupAgent(subject string) (string, bool) {
	words := strings.Split(strings.TrimPrefix(subject, s.join(rollupWord)+"."), ".")
	if len(words) < 2 || words[0] == metrics.QueueRow.String() {
		return "", false
	}
	name, err := DecodeID(words[1])
	return name, err == nil
}

// Contact is where a contact is published.
func (s Subjects) Contact(id string) string { return s.join(contactWord, EncodeID(id)) }

// Score is where an agent's cards of a cycle are published.
func (s Subjects) Score(cycle, agent string) string {
	return s.join(scoreWord, EncodeID(cycle), EncodeID(agent))
}

// scoreOf is whose cards a subject of scores has.
func (s Subjects) scoreOf(subject string) (cycle, agent string, is bool) {
	words := strings.Split(strings.TrimPrefix(subject, s.join(scoreWord)+"."), ".")
	if len(words) != 2 {
		return "", "", false
	}
	cycle, err := DecodeID(words[0])
	agent, of := DecodeID(words[1])
	return cycle, agent, err == nil && of == nil
}

// RollupStream is the JetStream stream of rollups.
func (s Subjects) RollupStream() string { return s.stream("ROLLUPS") }

// ContactStream is the JetStream stream of contacts.
func (s Subjects) ContactStream() string { return s.stream("CONTACTS") }

// ScoreStream is the JetStream stream of sealed cards.
func (s Subjects) ScoreStream() string { return s.stream("SCORES") }

// Streams are all of them.
func (s Subjects) Streams() []string {
	return []string{s.RollupStream(), s.ContactStream(), s.ScoreStream()}
}

func (s Subjects) stream(of string) string {
	return "TALLY_" + strings.TrimPrefix(s.prefix, root+".") + "_" + of
}

// Agents answers with all agents' states.
func (s Subjects) Agents() string { return s.join(snapshotWord, agentsWord) }

// Queues answers with all queues' states.
func (s Subjects) Queues() string { return s.join(snapshotWord, queuesWord) }

// Alerts answers with what is raised, and the latest that cleared.
func (s Subjects) Alerts() string { return s.join(snapshotWord, alertsWord) }

// Snapshot is the request twin of a published subject.
func (s Subjects) Snapshot(published string) string {
	return s.join(snapshotWord, strings.TrimPrefix(published, s.prefix+"."))
}

// published is what a snapshot subject asks for: a kind of row and a name, or one
// word alone.
type published struct {
	what string // agentWord, queueWord, siteWord, heartbeatWord, agentsWord, queuesWord, alertWord, alertsWord
	name string
	part string // stateWord, kpiWord; of an alert agentWord, queueWord, siteWord
	rule string // of an alert
}

// parse takes a snapshot subject apart.
func (s Subjects) parse(subject string) (published, error) {
	rest, ok := strings.CutPrefix(subject, s.join(snapshotWord)+".")
	words := strings.Split(rest, ".")
	switch {
	case !ok:
	case len(words) == 1 && (words[0] == agentsWord || words[0] == queuesWord || words[0] == heartbeatWord || words[0] == alertsWord):
		return published{what: words[0]}, nil
	case len(words) == 2 && words[0] == siteWord && words[1] == stateWord:
		return published{what: siteWord, part: stateWord}, nil
	case len(words) == 3 && (words[0] == agentWord || words[0] == queueWord) && (words[2] == stateWord || words[2] == kpiWord):
		name, err := DecodeID(words[1])
		return published{what: words[0], name: name, part: words[2]}, err
	case len(words) == 3 && words[0] == alertWord && words[2] == siteWord:
		rule, err := DecodeID(words[1])
		return published{what: alertWord, part: siteWord, rule: rule}, err
	case len(words) == 4 && words[0] == alertWord && (words[2] == queueWord || words[2] == agentWord):
		rule, err := DecodeID(words[1])
		name, also := DecodeID(words[3])
		return published{what: alertWord, name: name, part: words[2], rule: rule}, errors.Join(err, also)
	}
	return published{}, fmt.Errorf("subject %q is not published, and so has no snapshot", rest)
}
