package callrecords

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// cdrRow is one part of a call: from when its channel had one other party, or
// none, to when it had another.
type cdrRow struct {
	line        int
	caller      string
	channel     string
	rung        string // dstchannel: the party that was called; "" for nobody
	app, data   string
	start, end  time.Time // as if in UTC
	answered    bool      // by rung; a row without anybody rung says so of the channel
	id          string    // "" where the record has no unique ids
	disposition string
}

// call is what the parts of one call have in common.
func (r *cdrRow) call() string {
	if r.id != "" {
		return r.id
	}
	return r.channel
}

var dispositions = []string{"ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", "NOANSWER"}

var errNoCDR = errors.New("is no call detail record: …,start,answer,end,duration,billsec,disposition,…")

// parseCDR reads a row of cdr_csv, with or without its optional columns, or of
// cdr_custom as its sample has it. Around the stamps both are alike, and the
// stamps tell where they are.
func parseCDR(line int, f []string) (*cdrRow, error) {
	s := 0
	for ; s < len(f); s++ {
		if _, ok := parseStamp(f[s]); ok {
			break
		}
	}
	if s < 8 || s+6 >= len(f) || !slices.Contains(dispositions, f[s+5]) {
		return nil, fmt.Errorf("%.60q %w", f, errNoCDR)
	}
	r := &cdrRow{line: line, channel: f[s-4], rung: f[s-3], app: f[s-2], data: f[s-1], disposition: f[s+5], answered: f[s+5] == "ANSWERED"}
	r.caller = f[1] // after the account code in cdr_csv, after the caller's id in cdr_custom
	r.start, _ = parseStamp(f[s])
	seconds, err := strconv.ParseFloat(f[s+3], 64)
	if err != nil || seconds < 0 || seconds > 1e8 {
		return nil, fmt.Errorf("duration %q: %.60q %w", f[s+3], f, errNoCDR)
	}
	end, ok := parseStamp(f[s+2])
	if !ok {
		return nil, fmt.Errorf("end %q: %.60q %w", f[s+2], f, errNoCDR)
	}
	// Where the clock was put back in between, the stamps are not the duration
	// apart.
	r.end = r.start.Add(time.Duration(seconds * float64(time.Second)))
	if off := end.Sub(r.end).Round(quarter); off == 0 {
		r.end = end
	}
	r.id = cdrID(f[s+6:])
	return r, nil
}

// cdrID is the unique id among what follows the disposition. With newcdrcolumns
// a linked id stands there too, the last but one: it may be another channel's.
func cdrID(rest []string) string {
	for i, x := range rest {
		if _, ok := began(x); !ok {
			continue
		}
		if i == len(rest)-2 && i >= 2 {
			if _, err := strconv.Atoi(rest[i+1]); err == nil {
				return ""
			}
		}
		return x
	}
	return ""
}
