package api

import (
	"cmp"

	"tallyd/rules/alert"
)

// AlertState is an alert as of the last thing that happened to it.
type AlertState struct {
	Header
	ID       string `json:"id"`      // the same when it is raised and when it clears, and no other alert's
	Event    string `json:"event"`   // raised or cleared
	Rule     string `json:"rule"`    // the rule's id
	Of       string `json:"of"`      // queue, agent or site
	Subject  string `json:"subject"` // the queue's or agent's name; "" for the site
	Severity string `json:"severity"`
	Owner    string `json:"owner"` // who is to do something about it
	Because  string `json:"because"`
	Since    Moment `json:"since"`   // since when the condition had held
	Raised   Moment `json:"raised"`  // after its hold, and no quiet hours
	Cleared  Moment `json:"cleared"` // null while it is raised
	// Values are what the rule's conditions ask for, as of the event: numbers, texts,
	// and null where there is no data.
	Values map[string]any `json:"values"`
	// Again tells that it was raised in an earlier run, and told of then.
	Again bool `json:"-"`
}

// Key is which alert it is: one that was raised again has the same.
func (m *AlertState) Key() AlertKey { return AlertKey{m.Rule, m.Subject} }

// about tells whether an alert is about an agent.
func (m *AlertState) about(agent string) bool { return m.Of == Agents && m.Subject == agent }

// byRaised has the one first that was raised first.
func byRaised(x, y *AlertState) int {
	return cmp.Or(cmp.Compare(x.Raised, y.Raised), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Subject, y.Subject))
}

// AlertList is what is raised, oldest first, and the latest that cleared, latest
// first.
type AlertList struct {
	Active  []AlertState `json:"active"`
	Cleared []AlertState `json:"cleared"`
	// More tells that there are others, which do not go into one answer.
	More bool `json:"more,omitempty"`
}

// Halve leaves out half of those that cleared, or of those that are raised where there
// are no others; false where there is but one.
func (l *AlertList) Halve() bool {
	half := &l.Cleared
	if len(*half) == 0 {
		half = &l.Active
	}
	if len(l.Cleared) == 0 && len(l.Active) < 2 {
		return false
	}
	*half = (*half)[:len(*half)/2]
	l.More = true
	return true
}

// AlertsHealth is how the alerts fare.
type AlertsHealth struct {
	Rules  int `json:"rules"`
	Active int `json:"active"`
	// Left is how many subjects and alerts were left out in the last second, because
	// there are too many.
	Left    int            `json:"left_out,omitempty"`
	Webhook *WebhookHealth `json:"webhook,omitempty"`
}

// WebhookHealth is how the calling of a webhook fares.
type WebhookHealth struct {
	Delivered int64  `json:"delivered"`
	Waiting   int    `json:"waiting"`
	Refused   int64  `json:"refused"`           // given up, because the other side does not want them
	Failed    int64  `json:"failed"`            // given up after all attempts
	Dropped   int64  `json:"dropped"`           // because too many waited
	Problem   string `json:"problem,omitempty"` // why the latest attempt failed; "" where it did not
}

// alertMessage is a change as a message, without its header and id.
func alertMessage(c *alert.Change) AlertState {
	return AlertState{Event: string(c.Event), Rule: c.Rule.ID, Of: string(c.Rule.Of), Subject: c.Subject, Severity: c.Rule.Severity, Owner: c.Rule.Owner, Because: c.Rule.Because,
		Since: MomentOf(c.Since), Raised: MomentOf(c.Raised), Cleared: MomentOf(c.Cleared), Values: c.Values}
}
