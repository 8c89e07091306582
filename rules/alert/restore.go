package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// restoredFor is how long what was raised before a restart stays without its subject:
// switches need a while to tell who is there.
const restoredFor = time.Minute

// Digest stands for all that a file says of a rule: one that is changed has another.
func (r *Rule) Digest() string {
	sum := sha256.Sum256([]byte(r.text))
	return hex.EncodeToString(sum[:16])
}

// Restore goes on with an alert that the rule with a digest had raised in an earlier run;
// false where there is no such rule, or no room. Only an engine that made no step yet is
// told.
func (e *Engine) Restore(now time.Time, digest string, a Alert) bool {
	for i := range e.set.Rules {
		r, tracks := &e.set.Rules[i], e.tracks[i]
		if r.Digest() != digest || !r.About(a.Subject) || tracks[a.Subject] != nil {
			continue
		}
		if e.tracked >= e.bounds.Tracked || e.active >= e.bounds.Active {
			return false
		}
		tracks[a.Subject] = &track{since: a.Since, raised: a.Raised, values: a.Values, until: now.Add(restoredFor)}
		e.tracked++
		e.active++
		return true
	}
	return false
}
