package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

const (
	// maxInbound bounds a message, with its headers.
	maxInbound = 64 << 10
	// inboundQueue is how many messages wait for the disk: who sends more than it
	// takes is told so, and memory is not used up.
	inboundQueue = 128
	// refusalsEvery is how often a refusal is logged, of each reason.
	refusalsEvery = time.Minute
)

// The reasons of a refusal that are not the fact's.
const (
	tooLong  = "size"
	tooMany  = "busy"
	notKept  = "store"
	noAnswer = "answer"

	notAllowed = "token"
)

// FactStored answers a fact that is on the disk.
type FactStored struct {
	V         int    `json:"v"`
	Stored    bool   `json:"stored"` // true
	ID        string `json:"id"`
	Duplicate bool   `json:"duplicate"` // it was stored before
}

// FactRefused answers a fact that is not stored.
type FactRefused struct {
	V     int    `json:"v"`
	Error string `json:"error"`
	// Retry: it may be stored if it is sent again.
	Retry bool `json:"retry,omitempty"`
}

// inbound takes facts, and answers when each is stored. One goroutine stores them,
// one at a time.
type inbound struct {
	bus   *Bus
	sub   *nats.Subscription
	queue chan *nats.Msg

	mu      sync.Mutex
	refused map[string]*refusals // by reason
}

// refusals are those of one reason.
type refusals struct {
	logged time.Time
	unsaid int // since then
}

func newInbound(b *Bus) *inbound {
	return &inbound{bus: b, queue: make(chan *nats.Msg, inboundQueue), refused: map[string]*refusals{}}
}

// takeFacts begins to take what comes in; it is stored once run is called.
func (b *Bus) takeFacts(nc *nats.Conn) (in *inbound, err error) {
	in = newInbound(b)
	if in.sub, err = nc.Subscribe(b.subjects.Inbound("*"), in.arrive); err != nil {
		return nil, fmt.Errorf("nats: facts cannot be taken: %w", err)
	}
	return in, nil
}

// arrive never waits: the connection's other messages are behind this one.
func (in *inbound) arrive(m *nats.Msg) {
	if n := m.Size(); n > maxInbound {
		in.answer(m, in.refuse(m, tooLong, false, fmt.Errorf("message has %d bytes, %d are the most", n, maxInbound)))
		return
	}
	select {
	case in.queue <- m:
	default:
		in.answer(m, in.refuse(m, tooMany, true, fmt.Errorf("%d messages wait to be stored already", inboundQueue)))
	}
}

// run stores facts until the context ends, and then those that wait.
func (in *inbound) run(ctx context.Context) {
	storing := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		select {
		case m := <-in.queue:
			in.answer(m, in.take(storing, m))
		case <-ctx.Done():
		}
	}
	_ = in.sub.Unsubscribe() // the connection goes anyway
	for len(in.queue) > 0 {
		m := <-in.queue
		in.answer(m, in.take(storing, m))
	}
}

// take stores the fact of a message, and returns the answer.
func (in *inbound) take(ctx context.Context, m *nats.Msg) any {
	if err := in.may(m); err != nil {
		return in.refuse(m, notAllowed, false, err)
	}
	kind := strings.TrimPrefix(m.Subject, in.bus.subjects.Inbound(""))
	taken, err := in.bus.cfg.Service.TakeFact(ctx, kind, m.Header.Get(nats.MsgIdHdr), m.Data)
	var refused *api.Refused
	switch {
	case err == nil:
		return FactStored{V: api.Schema, Stored: true, ID: taken.ID, Duplicate: taken.Duplicate}
	case errors.As(err, &refused):
		return in.refuse(m, refused.Reason, refused.Later, err)
	}
	return in.refuse(m, notKept, true, err)
}

// may tells whether the sender may feed in facts. The embedded server has looked at
// that; through another one a message carries its token.
func (in *inbound) may(m *nats.Msg) error {
	if in.bus.gate != nil || in.bus.cfg.URL == "" {
		return nil
	}
	who, err := in.bus.asker(request{subject: m.Subject, token: m.Header.Get(TokenHeader)})
	if err != nil {
		return err
	}
	return in.bus.cfg.Service.As(who, "nats").May(api.Feed)
}

// refuse is the answer to a message that is not stored, which is logged.
func (in *inbound) refuse(m *nats.Msg, reason string, retry bool, err error) FactRefused {
	in.log(m, "a fact is refused", reason, err)
	return FactRefused{V: api.Schema, Error: err.Error(), Retry: retry}
}

// log logs what is wrong, of each reason once in a while.
func (in *inbound) log(m *nats.Msg, what, reason string, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	r := in.refused[reason]
	if r == nil {
		r = &refusals{}
		in.refused[reason] = r
	}
	now := in.bus.cfg.Service.Now()
	if !r.logged.IsZero() && now.Sub(r.logged) < refusalsEvery {
		r.unsaid++
		return
	}
	in.bus.cfg.Logger.Warn(what, "subject", m.Subject, "reason", reason, "err", err, "unsaid", r.unsaid)
	*r = refusals{logged: now}
}

// answer tells the sender, if there is somebody who waits.
func (in *inbound) answer(m *nats.Msg, message any) {
	if m.Reply == "" {
		return
	}
	body, err := json.Marshal(message)
	if err == nil {
		err = m.Respond(body)
	}
	if err != nil {
		in.log(m, "an answer cannot be sent", noAnswer, err)
	}
}
