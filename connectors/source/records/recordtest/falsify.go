// Package recordtest counts visits wrong, for tests of what the comparison with
// a record finds.
package recordtest

import (
	"slices"
	"testing"

	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// Ways to count one visit wrong; a way returns false where it does not apply.
// agents are two who exist.
var ways = map[string]func(c *metrics.Contact, agents [2]string) bool{
	"lost": func(c *metrics.Contact, _ [2]string) bool {
		*c = metrics.Contact{Outcome: metrics.JoinRefused}
		return true
	},
	"another": func(c *metrics.Contact, _ [2]string) bool {
		c.Visit, c.Leg, c.Joined = c.Visit+"0", c.Leg+"0", c.Joined-9000
		return true
	},
	"queue": func(c *metrics.Contact, _ [2]string) bool { c.Queue += "2"; return true },
	"not answered": func(c *metrics.Contact, _ [2]string) bool {
		was := c.Outcome
		c.Outcome, c.Agent, c.Ended, c.Answered = metrics.Abandoned, "", c.Answered, 0
		return was == metrics.Answered
	},
	"answered": func(c *metrics.Contact, agents [2]string) bool {
		was := c.Outcome
		c.Outcome, c.Agent, c.Answered = metrics.Answered, agents[0], c.Ended
		return was != metrics.Answered
	},
	"agent": func(c *metrics.Contact, agents [2]string) bool {
		if c.Agent == agents[0] {
			agents[0] = agents[1]
		}
		c.Agent = agents[0]
		return c.Outcome == metrics.Answered
	},
	"wait": func(c *metrics.Contact, _ [2]string) bool { c.Joined -= 2500; return true },
	"end":  func(c *metrics.Contact, _ [2]string) bool { c.Ended += 2500; return c.Outcome == metrics.Answered },
	"who ended it": func(c *metrics.Contact, _ [2]string) bool {
		if c.EndedBy == metrics.ByCaller {
			c.EndedBy = metrics.ByAgent
		} else {
			c.EndedBy = metrics.ByCaller
		}
		return c.Outcome == metrics.Answered
	},
}

// Finds counts each visit wrong in each of the ways, one at a time, and fails
// where the record finds less than a share of them, in per cent.
func Finds(t *testing.T, rec *records.Record, counted *records.Counted, agents [2]string, least map[string]int) {
	t.Helper()
	for way, share := range least {
		tried, found := 0, 0
		for i := range counted.Contacts {
			wrong := *counted
			wrong.Contacts = slices.Clone(counted.Contacts)
			if c := &wrong.Contacts[i]; c.Outcome == metrics.JoinRefused || !ways[way](c, agents) {
				continue
			}
			tried++
			if len(records.Compare(rec, &wrong, records.Span{}).Unexplained()) > 0 {
				found++
			}
		}
		if tried == 0 || found*100 < share*tried {
			t.Errorf("%s: of %d visits counted wrong (%s) it finds %d", rec.Name, tried, way, found)
		}
	}
}
