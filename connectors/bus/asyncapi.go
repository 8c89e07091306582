package bus

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"tallyd/connectors/api"
	"tallyd/connectors/schema"
)

// AsyncAPI is the description of all subjects by AsyncAPI 3. A test writes it from
// the code and real messages, and holds it against them.
//
//go:embed docs/asyncapi.json
var AsyncAPI []byte

// described is a subject, or a kind of them, for the description.
type described struct {
	name    string // of the channel
	subject string // behind tally.v1.{site}, with {parameters}
	doc     string
	message any    // what is published, or asked
	answer  any    // what a question is answered with; nil where nothing is asked
	example string // the subject of an example, and of an answer's
}

// subjectsDescribed are all subjects. Who adds one adds it here.
var subjectsDescribed = []described{
	{"agentState", "agent.{id}.state", "what an agent is doing: on change, at most ten times a second for each agent", api.AgentState{}, nil, "tally.v1.main.agent.1001@default.state"},
	{"agentFigures", "agent.{id}.kpi", "an agent's figures of the local day: on change, at most once a second", api.Figures{}, nil, "tally.v1.main.agent.1001@default.kpi"},
	{"queueState", "queue.{id}.state", "who waits in a queue: on change, at most ten times a second", api.QueueState{}, nil, "tally.v1.main.queue.support@default.state"},
	{"queueFigures", "queue.{id}.kpi", "a queue's figures of the local day: on change, at most once a second", api.Figures{}, nil, "tally.v1.main.queue.support@default.kpi"},
	{"siteState", "site.state", "everybody together: on change, at most ten times a second", api.SiteState{}, nil, "tally.v1.main.site.state"},
	{"heartbeat", "heartbeat", "the daemon lives: every five seconds", api.Heartbeat{}, nil, "tally.v1.main.heartbeat"},
	{"alert", "alert.{rule}.{of}.{id}", "an alert is raised, or clears; one about the site has no id", api.AlertState{}, nil, "tally.v1.main.alert.waiting_long.queue.support@default"},
	{"rollup", "rollup.{kind}.{id}", "what was counted in a quarter hour, in the JetStream stream TALLY_SITE_ROLLUPS; the site's has no id, those of pairs and pauses have two", api.RollupRecord{}, nil, "tally.v1.main.rollup.queue.support@default"},
	{"contact", "contact.{id}", "a contact that was stored, in the JetStream stream TALLY_SITE_CONTACTS", api.ContactRecord{}, nil, "tally.v1.main.contact.6d2c4f0e-31"},
	{"score", "score.{cycle}.{id}", "a sealed card of an agent, in the JetStream stream TALLY_SITE_SCORES", api.ScoreRecord{}, nil, "tally.v1.main.score.inbound-service-2026-10.ann"},
	{"snapshotOfAgent", "snapshot.agent.{id}.state", "the present message of agent.{id}.state; every subject that is pushed has such a twin", struct{}{}, api.AgentState{}, "tally.v1.main.agent.1001@default.state"},
	{"snapshotOfAgents", "snapshot.agents", "all agents' present states, in pages", pageRequest{}, api.Roster{}, "agents"},
	{"snapshotOfQueues", "snapshot.queues", "all queues' present states, in pages", pageRequest{}, api.Roster{}, ""},
	{"snapshotOfAlerts", "snapshot.alerts", "what is raised, and the latest hundred alerts that cleared", struct{}{}, AlertsAnswer{}, "alerts"},
	{"queryKPI", "query.kpi", "figures of queues, agents, teams, roles or the site over any span", KPIRequest{}, KPIAnswer{}, "tally.v1.main.query.kpi"},
	{"queryContacts", "query.contacts", "what became of single callers, a page at a time", ContactsRequest{}, ContactsAnswer{}, "tally.v1.main.query.contacts"},
	{"survey", "in.survey", "what a caller said of a contact; answered when it is on the disk", api.Fact{}, FactStored{}, "tally.v1.main.in.survey"},
	{"disposition", "in.disposition", "what became of a caller's concern; answered when it is on the disk", api.Fact{}, FactStored{}, "tally.v1.main.in.disposition"},
	{"training", "in.training", "a course that an agent took; answered when it is on the disk", api.Fact{}, FactStored{}, "tally.v1.main.in.training"},
	{"form", "in.form", "a quality form about an agent; answered when it is on the disk", api.Fact{}, FactStored{}, "tally.v1.main.in.form"},
	{"queryRoster", "query.roster", "who is who at a moment", RosterRequest{}, RosterAnswer{}, "tally.v1.main.query.roster"},
	{"queryScores", "query.scores", "cards: sealed ones of a period, or as they stand", ScoresRequest{}, ScoresAnswer{}, "tally.v1.main.query.scores"},
	{"querySchemes", "query.schemes", "by what people are appraised: the schemes of the site, or the one of a cycle", SchemesRequest{}, SchemesAnswer{}, "tally.v1.main.query.schemes"},
	{"queryHistory", "query.history", "somebody's sealed scores, period after period", HistoryRequest{}, HistoryAnswer{}, "tally.v1.main.query.history"},
	{"queryFacts", "query.facts", "what others told of agents, a page at a time", FactsRequest{}, FactsAnswer{}, "tally.v1.main.query.facts"},
}

type object = map[string]any

func ref(parts ...string) object { return object{"$ref": "#/" + strings.Join(parts, "/")} }

// describe writes the description, with examples by their subjects.
func describe(examples map[string]json.RawMessage) ([]byte, error) {
	types := schema.Registry("#/components/schemas/")
	channels, operations, messages := object{}, object{}, object{}
	message := func(name string, of any, example string) object {
		m := object{"name": name, "contentType": "application/json", "payload": types.Schema(reflect.TypeOf(of), true, name)}
		if body, ok := examples[example]; ok {
			m["examples"] = []object{{"name": "real", "payload": body}}
		}
		messages[name] = m
		return ref("components", "messages", name)
	}
	for _, d := range subjectsDescribed {
		channel := object{"address": root + ".{site}." + d.subject, "description": d.doc, "parameters": parametersOf(d.subject)}
		if d.answer == nil {
			channel["messages"] = object{d.name: message(d.name, d.message, d.example)}
			channels[d.name] = channel
			operations[d.name] = object{"action": "send", "channel": ref("channels", d.name), "summary": d.doc}
			continue
		}
		asked, answered := d.name+"Request", d.name+"Answer"
		channel["messages"] = object{asked: message(asked, d.message, d.example+" request")}
		channels[d.name] = channel
		channels[answered] = object{"address": nil, "description": "the inbox of who asked", "messages": object{
			answered:  message(answered, d.answer, d.example),
			"problem": message("problem", api.Problem{}, "tally.v1.main.agent.nobody.state"),
		}}
		operations[d.name] = object{"action": "receive", "channel": ref("channels", d.name), "summary": d.doc,
			"reply": object{"address": object{"location": "$message.header#/reply", "description": "the reply subject of NATS"}, "channel": ref("channels", answered)}}
	}
	schema.Open(types)
	return json.MarshalIndent(object{
		"asyncapi": "3.0.0",
		"info": object{"title": "tallyd", "version": fmt.Sprintf("%d.0.0", api.Schema), "license": object{"name": "Apache-2.0"},
			"description": "What tallyd publishes over NATS, and what it answers. Every message that is pushed is a whole state. Names are written as one token: letters, digits, @, - and _ as they are, any other byte as %XX, the empty name as %."},
		"defaultContentType": "application/json",
		"servers": object{"embedded": object{"host": "127.0.0.1:4222", "protocol": "nats", "description": "the server that tallyd brings along; or any other by its configuration",
			"security": []object{ref("components", "securitySchemes", "token")}}},
		"channels":   channels,
		"operations": operations,
		"components": object{"messages": messages, "schemas": types.Map(),
			"securitySchemes": object{"token": object{"type": "userPassword", "description": "a token's name and the token: tallyd token create"}}},
	}, "", " ")
}

// parametersOf are the parameters in a subject.
func parametersOf(subject string) object {
	out := object{"site": object{"description": "the site's name"}}
	for _, p := range []struct{ name, doc string }{{"id", "an agent's, queue's or contact's name, written as one token"}, {"kind", "site, queue, agent, pair or pause"},
		{"cycle", "a scheme and period, written as one token: inbound-service-2026-10"},

		{"rule", "the id of a rule"}, {"of", "queue, agent or site"}} {
		if strings.Contains(subject, "{"+p.name+"}") {
			out[p.name] = object{"description": p.doc}
		}
	}
	return out
}
