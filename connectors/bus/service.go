package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"tallyd/connectors/api"
	"tallyd/connectors/schema"
)

const (
	// serviceName is what tools that ask $SRV find.
	serviceName = "tallyd"
	// queryWithin is how long an answer may take.
	queryWithin = 30 * time.Second
)

// question is a kind of question that is answered.
type question struct {
	name, subject, doc string
	asked, answered    any // what its body and its answer look like; nil where they differ
	answer             func(context.Context, *api.View, request) (any, error)
}

// request is one that was asked.
type request struct {
	subject, reply, token string
	body                  []byte
}

// offer answers questions until the service is stopped, as a NATS micro service:
// each kind is answered by a goroutine of its own, one question at a time, so that
// a long one delays the next of its kind and never the publishing.
func (b *Bus) offer(ctx context.Context, nc *nats.Conn, list []question) (micro.Service, error) {
	service, err := micro.AddService(nc, micro.Config{
		Name: serviceName, Version: fmt.Sprintf("%d.0.0", api.Schema), Description: "call-centre figures, contacts and present states",
		Metadata: map[string]string{"site": b.cfg.Service.Site()},
	})
	if err != nil {
		return nil, fmt.Errorf("nats: questions cannot be answered: %w", err)
	}
	for _, q := range list {
		handle := func(r micro.Request) { b.handle(ctx, &q, r) }
		if err := service.AddEndpoint(q.name, micro.HandlerFunc(handle), micro.WithEndpointSubject(q.subject), micro.WithEndpointMetadata(q.metadata())); err != nil {
			return nil, errors.Join(fmt.Errorf("nats: %s cannot be answered: %w", q.name, err), service.Stop())
		}
	}
	return service, nil
}

// handle answers one question.
func (b *Bus) handle(ctx context.Context, q *question, r micro.Request) {
	if r.Reply() == "" {
		return // nobody waits
	}
	ctx, cancel := context.WithTimeout(ctx, queryWithin)
	defer cancel()
	asked := request{r.Subject(), r.Reply(), r.Headers().Get(TokenHeader), r.Data()}
	body, err := b.reply(ctx, q, asked)
	if err == nil {
		err = r.Respond(body)
	} else {
		problem, _ := json.Marshal(api.Problem{V: api.Schema, Error: err.Error()}) // of two plain fields
		err = r.Error(strconv.Itoa(codeOf(err)), oneLine(err.Error()), problem)
	}
	if err != nil {
		b.cfg.Logger.Warn("an answer cannot be sent", "subject", asked.subject, "err", err)
	}
}

// reply is the answer's body.
func (b *Bus) reply(ctx context.Context, q *question, asked request) ([]byte, error) {
	who, err := b.asker(asked)
	if err != nil {
		return nil, err
	}
	message, err := q.answer(ctx, b.cfg.Service.As(who, "nats"), asked)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(message)
	for err == nil && len(body) > maxPayload && halve(message) {
		body, err = json.Marshal(message)
	}
	if err == nil && len(body) > maxPayload {
		err = fmt.Errorf("the answer has %d bytes, a message at most %d: ask for fewer names or figures", len(body), maxPayload)
	}
	return body, err
}

// codeOf is the code in the header of an answer that says why there is none: HTTP's.
func codeOf(err error) int {
	switch {
	case errors.Is(err, api.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, api.ErrToken):
		return http.StatusUnauthorized
	case errors.Is(err, api.ErrTooOften):
		return http.StatusTooManyRequests
	}
	return http.StatusBadRequest
}

// oneLine is a text that a header can hold.
func oneLine(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
	return string(b[:min(len(b), 1000)])
}

// metadata describes a question to tools: the schemas of its body and its answer.
func (q *question) metadata() map[string]string {
	out := map[string]string{"description": q.doc}
	for name, of := range map[string]any{"request_schema": q.asked, "response_schema": q.answered} {
		if of != nil {
			out[name] = schema.Of(of)
		}
	}
	return out
}
