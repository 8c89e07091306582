package bus

import (
	"github.com/nats-io/nats-server/v2/server"

	"tallyd/connectors/api"
)

// permissions are what somebody may subscribe to and publish on the embedded
// server. Nobody but the daemon publishes what others would take for its own.
func (s Subjects) permissions(who api.Asker, people *api.People) *server.Permissions {
	p := &rights{s: s, who: who, people: people}
	p.sub(inboxOf(who.Name) + ".>")
	if who.Role == api.WallboardRole {
		p.sub("_INBOX.>")
	}
	p.live()
	p.questions()
	if who.May(api.ReadRecords) {
		p.records()
	}
	if who.May(api.Feed) {
		p.pub(s.join(inboundWord, "*"))
	}
	out := &server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: p.subscribe},
		Publish:   &server.SubjectPermission{Allow: p.publish},
	}
	if p.all {
		out.Subscribe.Allow = append(out.Subscribe.Allow, s.All())
		out.Subscribe.Deny = p.hidden()
	}
	if len(p.publish) == 0 {
		out.Publish.Deny = []string{">"} // an empty list would allow everything
	}
	return out
}

// rights puts together somebody's subjects.
type rights struct {
	s                  Subjects
	who                api.Asker
	people             *api.People
	subscribe, publish []string
	all                bool // one subscription to everything gets what may be read
}

func (p *rights) sub(subjects ...string) { p.subscribe = append(p.subscribe, subjects...) }
func (p *rights) pub(subjects ...string) { p.publish = append(p.publish, subjects...) }

// live are the pushed subjects, and their twins that are asked.
func (p *rights) live() {
	s := p.s
	both := func(words ...string) {
		p.sub(s.join(words...))
		p.pub(s.join(append([]string{snapshotWord}, words...)...))
	}
	site, queues, agents := p.who.May(api.SeeSite), p.who.May(api.SeeQueues), p.who.May(api.SeeAgents)
	if site {
		both(siteWord, stateWord)
		both(heartbeatWord)
	}
	if queues {
		both(queueWord, "*", stateWord)
		both(queueWord, "*", kpiWord)
		p.pub(s.Queues())
	}
	if p.who.May(api.SeeAlerts) {
		p.pub(s.Alerts())
	}
	if p.who.SeesAlerts(api.Queues) {
		both(alertWord, "*", queueWord, "*")
	}
	if p.who.SeesAlerts(api.Site) {
		both(alertWord, "*", siteWord)
	}
	if !agents {
		return
	}
	p.pub(s.Agents())
	names, told := p.people.List(), p.who.SeesAlerts(api.Agents)
	if names == nil && told {
		both(alertWord, "*", agentWord, "*")
	}
	if names == nil {
		both(agentWord, "*", stateWord)
		both(agentWord, "*", kpiWord)
		if p.all = site && queues; p.all {
			p.pub(s.join(snapshotWord, ">")) // what does not exist is answered with that
		}
	}
	for _, n := range names {
		both(agentWord, EncodeID(n), stateWord)
		both(agentWord, EncodeID(n), kpiWord)
		if told {
			both(alertWord, "*", agentWord, EncodeID(n))
		}
	}
}

// hidden are the subjects that who reads everything live does not get: what others
// ask and feed in, and what is about single people or calls.
func (p *rights) hidden() []string {
	deny := []string{p.s.join(queryWord, ">"), p.s.join(snapshotWord, ">"), p.s.join(inboundWord, ">")}
	if !p.who.May(api.ReadRecords) {
		deny = append(deny, p.s.join(rollupWord, ">"), p.s.join(contactWord, ">"), p.s.join(scoreWord, ">"))
	}
	if !p.who.SeesAlerts(api.Agents) {
		deny = append(deny, p.s.join(alertWord, "*", agentWord, "*"))
	}
	return deny
}

// questions are those of any span, and what tools ask to find out what there is.
func (p *rights) questions() {
	asks := len(p.publish)
	for _, q := range []struct {
		right api.Right
		word  string
	}{{api.AskKPI, kpiWord}, {api.AskContacts, contactsWord}, {api.SeeRoster, rosterWord}, {api.AskFacts, factsWord}, {api.SeeScores, scoresWord}, {api.SeeScores, schemesWord}, {api.SeeScores, historyWord}} {
		if p.who.May(q.right) {
			p.pub(p.s.join(queryWord, q.word))
		}
	}
	if len(p.publish) > asks {
		p.pub("$SRV.>")
	}
}

// records are the streams, as far as a reader needs them that the daemon has made
// a consumer for. It makes none itself: a consumer that pushes can be told to
// publish what it reads wherever one likes.
func (p *rights) records() {
	for _, stream := range p.s.Streams() {
		p.pub("$JS.API.STREAM.INFO."+stream, "$JS.API.STREAM.MSG.GET."+stream,
			"$JS.API.CONSUMER.INFO."+stream+"."+p.who.Name, "$JS.API.CONSUMER.MSG.NEXT."+stream+"."+p.who.Name,
			"$JS.ACK."+stream+"."+p.who.Name+".>")
	}
	p.pub("$JS.API.INFO")
}
