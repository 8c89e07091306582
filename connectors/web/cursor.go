package web

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// cursor is where an answer ended, at a place in its list. It holds the span: one
// that ends now is the same for all answers.
type cursor[Place any] struct {
	From  time.Time `json:"f,omitzero"`
	To    time.Time `json:"t"`
	After *Place    `json:"a"`
}

func (c cursor[Place]) String() string {
	b, _ := json.Marshal(c) // of plain fields
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor[Place any](text string) (c cursor[Place], err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.After == nil {
		return c, fmt.Errorf("cursor %.40q is none of an answer's", text)
	}
	return c, nil
}
