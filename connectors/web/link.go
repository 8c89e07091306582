package web

import (
	"net/url"

	"github.com/danielgtaylor/huma/v2"
)

// link is the address of a question, for that of the next answer.
type link struct{ asked *url.URL }

// Resolve keeps the address.
func (l *link) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	l.asked = &u
	return nil
}

// next is the header that leads to the answer to the same question with another
// value.
func (l *link) next(key, value string) string {
	q := l.asked.Query()
	q.Set(key, value)
	return "<" + l.asked.Path + "?" + q.Encode() + `>; rel="next"`
}
