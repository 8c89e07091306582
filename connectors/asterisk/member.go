package asterisk

import (
	"bytes"
	"slices"
	"strings"

	"tallyd/connectors/asterisk/ami"
	"tallyd/connectors/asterisk/arievent"
	"tallyd/metrics"
)

// member is one interface that serves queues: an agent, as Asterisk knows one.
type member struct {
	agent  metrics.AgentID
	interf string
	name   string   // "" where it is not known
	device string   // whose state tells whether it can be reached
	talks  []*offer // the callers that it talks with

	consulted metrics.Millis // when it began a consultation last

	queues []service // in order of first sight
	away   bool      // the device cannot be reached
	wrapUp int64     // seconds, where the member has a wrap-up time of its own
	reason metrics.ReasonID
	status metrics.Status // as told last
	why    metrics.ReasonID
	// The reason that a dialplan gave for a pause, and when.
	asked   string
	askedAt metrics.Millis
}

// service is a member's part in one queue.
type service struct {
	queue  metrics.QueueID
	paused bool
	reason metrics.ReasonID
	listed uint32 // by the manager interface, last
}

// roll is all members.
type roll struct {
	byInterface map[string]*member
	byDevice    map[string]holder
	list        []*member
	away        map[string]bool // devices that cannot be reached
	// ami tells that the manager interface reports members and pauses: then what
	// ARI shows of them is not needed.
	ami     bool
	listing uint32 // counts the lists
}

func newRoll() roll {
	return roll{byInterface: map[string]*member{}, byDevice: map[string]holder{}, away: map[string]bool{}}
}

// forgetStates forgets who serves what: another run of the switch says it anew.
func (r *roll) forgetStates() {
	for _, m := range r.list {
		m.queues, m.status, m.why, m.talks = nil, metrics.UnknownStatus, 0, nil
	}
	clear(r.away)
}

// member returns the member with an interface, made at first sight; nil where
// there are too many.
func (t *Translator) member(interf []byte) *member {
	r := &t.members
	if m := r.byInterface[string(interf)]; m != nil {
		return m
	}
	if len(interf) == 0 || len(r.list) >= maxMembers {
		return nil
	}
	m := &member{interf: string(interf), agent: metrics.AgentID(t.names.Intern(metrics.AgentName, interf))}
	m.device = deviceOf(m.interf)
	r.byInterface[m.interf] = m
	r.list = append(r.list, m)
	t.own(m.interf, m)
	m.away = r.away[m.device]
	return m
}

// deviceOf is the device of an interface: app_queue takes it without options
// (Local/1006@agents/n, PJSIP/1001/sip:…).
func deviceOf(interf string) string {
	if strings.HasPrefix(interf, "Local/") {
		if i := strings.LastIndexByte(interf, '/'); i > len("Local/") {
			return interf[:i]
		}
		return interf
	}
	if i := strings.IndexByte(interf, '/'); i >= 0 {
		if j := strings.IndexByte(interf[i+1:], '/'); j >= 0 {
			return interf[:i+1+j]
		}
	}
	return interf
}

// behind is the member whose interface leads to a device that nothing was seen
// to lead to: a Local channel's name lacks its interface's options
// (Local/1006@agents/n), and the phone that it calls mostly has its number.
func (r *roll) behind(device string) *member {
	_, number, _ := strings.Cut(device, "/")
	var same *member
	for _, m := range r.list {
		if deviceOf(m.interf) == device {
			return m
		}
		if strings.HasPrefix(m.interf, "Local/"+number+"@") {
			same = m
		}
	}
	return same
}

// own notes that an interface, or state interface, which is a device by itself
// is its member's: the calls there are the member's. A trunk's are not, though a
// member may be reached through it (PJSIP/5550100@trunk, SIP/trunk/5550100).
func (t *Translator) own(interf string, m *member) {
	interf, _, _ = strings.Cut(interf, "/sip:")
	if strings.Count(interf, "/") != 1 || strings.ContainsAny(interf, "@:") {
		return // hint:1006@agents, Custom:x
	}
	r := &t.members
	if h := r.byDevice[interf]; h.own && interf != m.interf || len(r.byDevice) >= maxMembers {
		return // a member's interface counts before another's state interface
	}
	r.byDevice[interf] = holder{m, true}
}

// learn notes whose phone it is that a Local channel led to, unless it is
// somebody's own. One that is rung for two members is neither's.
func (t *Translator) learn(device []byte, m *member) {
	r := &t.members
	h, known := r.byDevice[string(device)]
	switch {
	case !known && len(r.byDevice) < maxMembers:
		r.byDevice[string(device)] = holder{m, false}
	case known && !h.own && h.member != m:
		r.byDevice[string(device)] = holder{}
	}
}

// holder is whose device it is.
type holder struct {
	member *member
	own    bool // it is the member's interface
}

// service returns the member's part in a queue, nil where there is none.
func (m *member) service(q metrics.QueueID) *service {
	for i := range m.queues {
		if m.queues[i].queue == q {
			return &m.queues[i]
		}
	}
	return nil
}

// serves notes that a member serves a queue.
func (t *Translator) serves(m *member, q metrics.QueueID) *service {
	if s := m.service(q); s != nil {
		return s
	}
	m.queues = append(m.queues, service{queue: q})
	return &m.queues[len(m.queues)-1]
}

// joins takes that a member was added to a queue.
func (t *Translator) joins(m *member, q metrics.QueueID, at metrics.Millis) {
	if m.service(q) == nil {
		t.serves(m, q)
		t.put(metrics.Event{Kind: metrics.MemberAdded, At: at, Agent: m.agent, Queue: q})
	}
	t.tell(m, at)
}

// quits takes that a member was removed from a queue.
func (t *Translator) quits(m *member, q metrics.QueueID, at metrics.Millis) {
	i := slices.IndexFunc(m.queues, func(s service) bool { return s.queue == q })
	if i >= 0 {
		t.pause(m, q, false, 0, at)
		m.queues = slices.Delete(m.queues, i, i+1)
		t.put(metrics.Event{Kind: metrics.MemberRemoved, At: at, Agent: m.agent, Queue: q})
	}
	t.tell(m, at)
}

// pause takes that a member was paused in a queue, for a reason where it is
// known, or is available there again.
func (t *Translator) pause(m *member, q metrics.QueueID, paused bool, reason metrics.ReasonID, at metrics.Millis) {
	s := t.serves(m, q)
	if !paused {
		reason = 0
	}
	if s.paused == paused && s.reason == reason {
		return
	}
	s.paused, s.reason = paused, reason
	if paused {
		m.reason = reason
	}
	out := metrics.Event{Kind: metrics.MemberPaused, At: at, Agent: m.agent, Queue: q, Reason: reason, Status: metrics.Ready}
	if paused {
		out.Status = metrics.Paused
	}
	t.put(out)
	t.tell(m, at)
}

// tell tells the tracker of a member's status, if it changed: logged in is who
// serves a queue and can be reached, paused who is paused in all of them.
func (t *Translator) tell(m *member, at metrics.Millis) {
	status, why := metrics.Ready, metrics.ReasonID(0)
	if len(m.queues) == 0 || m.away {
		status = metrics.LoggedOut
	} else if !slices.ContainsFunc(m.queues, func(s service) bool { return !s.paused }) {
		status, why = metrics.Paused, m.reason
		if why == 0 {
			why = metrics.ReasonID(t.names.InternString(metrics.ReasonName, NoReason))
		}
	}
	if status == m.status && why == m.why {
		return
	}
	m.status, m.why = status, why
	t.put(metrics.Event{Kind: metrics.AgentStatus, At: at, Agent: m.agent, Status: status, Reason: why})
}

// NoReason stands for the reason of a pause for which none is known.
const NoReason = "(no reason)"

func (t *Translator) reason(text []byte) metrics.ReasonID {
	if len(text) == 0 {
		return 0
	}
	return metrics.ReasonID(t.names.Intern(metrics.ReasonName, text))
}

func (t *Translator) queue(name []byte) metrics.QueueID {
	return metrics.QueueID(t.names.Intern(metrics.QueueName, name))
}

// deviceState takes a device's state: whether a phone can be reached, and, as
// "Queue:<queue>_pause_<interface>", whether a member is paused in a queue.
func (t *Translator) deviceState(name, state []byte, at metrics.Millis) {
	if rest, ok := bytes.CutPrefix(name, []byte("Queue:")); ok {
		if queue, interf, ok := cutPause(rest); ok && !t.members.ami {
			t.pauseState(queue, interf, state, at)
		} else {
			t.Counts.Ignored++
		}
		return
	}
	t.reach(string(name), away(string(state)), at)
}

// cutPause takes <queue>_pause_<interface> apart. A queue's name may hold
// "_pause_" itself; an interface has a technology and a slash.
func cutPause(b []byte) (queue, interf []byte, ok bool) {
	sep := []byte("_pause_")
	for from := 0; ; {
		i := bytes.Index(b[from:], sep)
		if i < 0 {
			return nil, nil, false
		}
		queue, interf = b[:from+i], b[from+i+len(sep):]
		if !bytes.Contains(interf, sep) || bytes.IndexByte(interf, '/') < bytes.Index(interf, sep) {
			return queue, interf, true
		}
		from += i + len(sep)
	}
}

func (t *Translator) pauseState(queue, interf, state []byte, at metrics.Millis) {
	m := t.member(interf)
	if m == nil {
		return
	}
	q := t.queue(queue)
	switch string(state) {
	case "INUSE":
		reason := metrics.ReasonID(0)
		if m.asked != "" && at-m.askedAt < askedFor {
			reason = t.reason([]byte(m.asked))
		}
		t.pause(m, q, true, reason, at)
	case "NOT_INUSE":
		t.joins(m, q, at)
		t.pause(m, q, false, 0, at)
	default: // UNKNOWN, INVALID: no longer a member
		t.quits(m, q, at)
	}
}

// reach takes whether a device can be reached.
func (t *Translator) reach(device string, away bool, at metrics.Millis) {
	r := &t.members
	_, known := r.byDevice[device]
	if away && (known || len(r.away) < maxMembers) {
		r.away[device] = true
	} else {
		delete(r.away, device)
	}
	for _, m := range r.list {
		if m.device == device && m.away != away {
			m.away = away
			if m.status != metrics.UnknownStatus || len(m.queues) > 0 {
				t.tell(m, at)
			}
		}
	}
}

// askedFor is how long the reason that a dialplan gave for a pause goes with
// the device state that follows.
const askedFor metrics.Millis = 2_000

// request notes what a dialplan asks of a queue's members; a variable tells
// afterwards whether it was granted.
func (t *Translator) request(c *channel, e *arievent.Event, at metrics.Millis) {
	c.request = string(e.Channel.AppData)
	if string(e.Channel.App) == "PauseQueueMember" {
		if m := t.member([]byte(c.interf(1, e))); m != nil {
			m.asked, m.askedAt = argument(c.request, 3), at
		}
	}
}

// interf is the interface that an argument names, or the channel's own.
func (c *channel) interf(n int, e *arievent.Event) string {
	if a := argument(c.request, n); a != "" {
		return a
	}
	return string(device(e.Channel.Name))
}

func argument(data string, n int) string {
	for range n {
		i := strings.IndexByte(data, ',')
		if i < 0 {
			return ""
		}
		data = data[i+1:]
	}
	data, _, _ = strings.Cut(data, ",")
	return strings.TrimSpace(data)
}

// granted takes the variable in which such an application leaves its result.
func (t *Translator) granted(c *channel, e *arievent.Event, at metrics.Millis) {
	if t.members.ami {
		return
	}
	m := t.member([]byte(c.interf(1, e)))
	queue := argument(c.request, 0)
	if m == nil {
		return
	}
	switch string(e.Value) {
	case "ADDED":
		if name := argument(c.request, 4); name != "" {
			m.name = name
		}
		if state := argument(c.request, 5); state != "" {
			m.device = state
			t.own(state, m)
		}
		t.joins(m, t.queue([]byte(queue)), at)
	case "REMOVED":
		t.quits(m, t.queue([]byte(queue)), at)
	}
}

// Name is the name of a member, "" where it is not known.
func (t *Translator) Name(interf string) string {
	if m := t.members.byInterface[interf]; m != nil {
		return m.name
	}
	return ""
}

// AMI takes one message of the manager interface. Only what ARI cannot show is
// taken from it: members, their names, and their pauses with reasons.
func (t *Translator) AMI(m *ami.Message) {
	t.Counts.AMI++
	event := m.Event()
	at := metrics.Millis(m.Millis())
	if at == 0 {
		at = metrics.Millis(m.Received)
	}
	if at == 0 {
		at = t.last
	}
	if bytes.HasPrefix(event, []byte("QueueMember")) {
		t.memberEvent(m, string(event), at)
		return
	}
	switch string(event) {
	case "Shutdown":
		t.put(metrics.Event{Kind: metrics.SwitchDown, At: at})
	case "QueueEntry": // who waits, and how long: the answer to QueueStatus
		if wait, ok := m.Int("Wait"); ok && at > 0 && len(t.waiting) < maxChannels {
			// Whole seconds that have passed: half of one more is the best guess.
			t.waiting[metrics.MakeID(m.Get("Uniqueid"))] = at - metrics.Millis(wait*1000+500)
		}
	}
}

// listMembers notes that the manager interface will tell of all members: who is
// not among them serves no more.
func (t *Translator) listMembers() {
	t.members.ami = true
	t.members.listing++
}

func (t *Translator) membersListed(at metrics.Millis) {
	for _, m := range t.members.list {
		for _, s := range slices.Clone(m.queues) {
			if s.listed != t.members.listing {
				t.quits(m, s.queue, at)
			}
		}
	}
}

func (t *Translator) memberEvent(in *ami.Message, event string, at metrics.Millis) {
	interf := in.Get("Interface")
	if len(interf) == 0 {
		interf = in.Get("Location") // QueueMember, the answer to QueueStatus
	}
	m := t.member(interf)
	queue := in.Get("Queue")
	if m == nil || len(queue) == 0 {
		return
	}
	t.members.ami = true
	t.last = max(t.last, at)
	q := t.queue(queue)
	name := in.Get("MemberName")
	if len(name) == 0 {
		name = in.Get("Name")
	}
	if len(name) > 0 && string(name) != m.interf {
		m.name = string(name)
	}
	if state := in.Get("StateInterface"); len(state) > 0 && string(state) != m.device {
		m.device = string(state)
		t.own(m.device, m)
		m.away = t.members.away[m.device]
	}
	if event == "QueueMemberRemoved" {
		t.quits(m, q, at)
		return
	}
	if status, ok := in.Int("Status"); ok {
		t.reach(m.device, status == 4 || status == 5, at)
	}
	if wrap, ok := in.Int("Wrapuptime"); ok && wrap > 0 && wrap != m.wrapUp {
		m.wrapUp = wrap
		t.put(metrics.Event{Kind: metrics.AgentWrapUp, At: at, Agent: m.agent, Value: wrap * 1000})
	}
	t.joins(m, q, at)
	m.service(q).listed = t.members.listing
	if paused, ok := in.Int("Paused"); ok {
		reason := in.Get("PausedReason")
		if len(reason) == 0 {
			reason = in.Get("Reason")
		}
		t.pause(m, q, paused != 0, t.reason(reason), at)
	}
}
