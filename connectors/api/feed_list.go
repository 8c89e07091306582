package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tallyd/metrics"
)

// MaxFed is how many facts a list may have that is fed in at once.
const MaxFed = 1000

// feedWithin bounds the time that a list takes: what is left of it then is answered as
// not stored, and whoever sent it still hears of the rest.
const feedWithin = 45 * time.Second

// FactAnswer is what became of a fact of a list.
type FactAnswer struct {
	ID     string `json:"id,omitempty" doc:"the fact's; none where it could not be read"`
	Stored bool   `json:"stored" doc:"it is on the disk"`
	// Duplicate: it was stored before.
	Duplicate bool   `json:"duplicate,omitempty" doc:"it was stored before, as it is"`
	Error     string `json:"error,omitempty" doc:"why it is not stored"`
	Retry     bool   `json:"retry,omitempty" doc:"it may be stored if it is sent again"`
}

// ReadFacts takes a list of messages apart, whatever they say.
func ReadFacts(body []byte) (messages []json.RawMessage, err error) {
	if body = bytes.TrimLeft(body, " \t\r\n"); !bytes.HasPrefix(body, []byte("[")) {
		return nil, &BadQuestion{errors.New("facts are a JSON list")}
	}
	if err := json.Unmarshal(body, &messages); err != nil {
		return nil, &BadQuestion{fmt.Errorf("the list is not JSON: %w", err)}
	}
	if len(messages) > MaxFed {
		return nil, &BadQuestion{fmt.Errorf("the list has %d facts, %d are the most", len(messages), MaxFed)}
	}
	return messages, nil
}

// TakeFacts stores a list of facts, each of the kind whose part it has, and answers to
// each in their order: a bad one keeps no other from being stored.
func (v *View) TakeFacts(ctx context.Context, messages []json.RawMessage) ([]FactAnswer, error) {
	if err := v.May(Feed); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, feedWithin)
	defer cancel()
	out, about := make([]FactAnswer, len(messages)), map[string]bool{}
	for i, m := range messages {
		if ctx.Err() != nil {
			out[i] = FactAnswer{ID: fedID(m), Error: "the time was up before it was its turn", Retry: true}
			continue
		}
		taken, err := v.service.TakeFact(ctx, "", "", m)
		if err != nil {
			out[i] = notTaken(m, err)
			continue
		}
		out[i] = FactAnswer{ID: taken.ID, Stored: true, Duplicate: taken.Duplicate}
		about[taken.Agent] = true
	}
	if len(about) > 0 {
		v.audit(Feed, slices.Sorted(maps.Keys(about)), time.Time{}, time.Time{})
	}
	return out, nil
}

// notTaken answers a fact that is not stored. What is not the fact's fault may be over
// the next time.
func notTaken(message []byte, err error) FactAnswer {
	var refused *Refused
	return FactAnswer{ID: fedID(message), Error: err.Error(), Retry: !errors.As(err, &refused) || refused.Later}
}

// fedID is the id of a message that may be anything, "" for none that a fact can have.
func fedID(message []byte) string {
	var m struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(message, &m) != nil || metrics.CheckFactID(m.ID) != nil {
		return ""
	}
	return m.ID
}
