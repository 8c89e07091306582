package storage

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"tallyd/metrics"
)

// Contacts lie in the order in which they ended, with other kinds between them, so
// that they can only be read forward. The latest first are read a stretch of time at
// a time, from the end.
const (
	firstStretch = metrics.Millis(15 * 60 * 1000)
	// longStretch bounds what is held at once of the list of all contacts, or of a
	// queue's. Of an agent or a caller there are not so many.
	longStretch   = metrics.Millis(time.Hour / time.Millisecond)
	sparseStretch = metrics.Millis(32 * 24 * time.Hour / time.Millisecond)
	fewFound      = 200
)

// newest reads the chosen contacts, the latest first.
func (v *Snapshot) newest(ctx context.Context, q ContactQuery) iter.Seq2[metrics.Contact, error] {
	return func(yield func(metrics.Contact, error) bool) {
		if q.To == 0 {
			yield(metrics.Contact{}, errors.New("the latest first are read from an end on, and there is none"))
			return
		}
		from, to := max(q.From, v.contactsFrom), q.To
		if q.After != nil {
			to = min(to, q.After.Ended+1)
		}
		longest := longStretch
		if q.Agent != "" || q.Caller != (callerID{}) {
			longest = sparseStretch
		}
		part, left := q, q.Limit
		part.Limit = 0
		for length := firstStretch; from < to; to = part.From {
			part.From, part.To = max(from, to-length), to
			var found []metrics.Contact
			for c, err := range v.oldest(ctx, part) {
				if err != nil {
					yield(c, err)
					return
				}
				found = append(found, c)
			}
			for i := range slices.Backward(found) {
				if !yield(found[i], nil) {
					return
				}
				if left--; left == 0 {
					return
				}
			}
			if len(found) < fewFound {
				length = min(2*length, longest)
			} else {
				length = max(length/2, 1000)
			}
		}
	}
}
