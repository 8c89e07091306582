package web

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// feedInput is read by the same code as what comes over NATS: one that is not as
// documented must not keep the others of its list from being stored.
type feedInput struct {
	RawBody []byte `contentType:"application/json"`
}

type feedOutput struct{ Body client.Fed }

func (s *Server) registerFeed() {
	op := operation("feed", "/facts", "Feed in what a switch does not know", fmt.Sprintf("A list of up to %d surveys, dispositions, trainings and forms, %d kB at most; each has the one part that names its kind. "+
		"What is good is stored, on the disk when the answer comes, also where others are not: the answer says for each, in their order, whether it is stored, was stored before, or why it is not. "+
		"Of one kind, two facts with one id are one, so that a list may be sent again. What may be in a fact is described with the subjects in.KIND of NATS. "+
		"Feeding is noted in the audit log.", api.MaxFed, maxBody>>10), api.Feed)
	op.Method, op.DefaultStatus = http.MethodPost, http.StatusOK
	op.MaxBodyBytes, op.BodyReadTimeout, op.SkipValidateBody = maxBody, readWithin, true
	op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
	huma.Register(s.api, op, s.feed)
	document := s.api.OpenAPI()
	most := api.MaxFed
	document.Paths[op.Path].Post.RequestBody.Content[jsonType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeArray, MaxItems: &most,
		Items: document.Components.Schemas.Schema(reflect.TypeFor[api.Fact](), true, "")}}
}

func (s *Server) feed(ctx context.Context, in *feedInput) (*feedOutput, error) {
	list, err := api.ReadFacts(in.RawBody)
	if err != nil {
		return nil, problem(err)
	}
	answers, err := viewOf(ctx).TakeFacts(ctx, list)
	if err != nil {
		return nil, problem(err)
	}
	return &feedOutput{client.Fed{Stamp: s.stamp(), Facts: answers}}, nil
}
