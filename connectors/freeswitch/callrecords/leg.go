package callrecords

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tallyd/metrics"
)

// leg is what a record tells of one channel.
type leg struct {
	file string
	line int

	uuid, number         string
	start, answer        metrics.Millis
	bridge, end          metrics.Millis // bridge: the latest
	hangup, byWhom       string         // cause; recv_bye where the party itself hung up
	transfers            []transfer
	history              bool   // the record would have them
	side                 string // of mod_callcenter: agent or member
	queue, agent         string
	member, session      string // the stay; the caller's channel
	agentLeg             string // who answered
	bridged              string // of the agent's channel: true, false, or nothing
	cause, cancelReason  string
	joined, picked, left metrics.Millis // whole seconds; left: cancelled
	entries              []entry
}

// entry is one run of the application callcenter.
type entry struct {
	at    metrics.Millis
	queue string
	next  metrics.Millis // when the next application began; 0: none did
}

// transfer is one way in which a channel was moved.
type transfer struct {
	at  metrics.Millis // whole seconds
	how string         // bl_xfer, att_xfer, uuid_br
}

// parseTransfers reads transfer_history: seconds:uuid:how:where, one or several
// as ARRAY::first|:second.
func parseTransfers(s string) (out []transfer) {
	for _, x := range strings.Split(strings.TrimPrefix(s, "ARRAY::"), "|:") {
		if f := strings.SplitN(x, ":", 4); len(f) == 4 {
			out = append(out, transfer{seconds(f[0]), f[2]})
		}
	}
	return out
}

// moment reads microseconds since 1970; "0" and "" are none.
func moment(microseconds string) metrics.Millis { return number(microseconds) / 1000 }

// seconds reads seconds since 1970.
func seconds(s string) metrics.Millis {
	if len(s) > 12 {
		return 0
	}
	return number(s) * 1000
}

// latestMoment is far in the future: what is after it is no time.
const latestMoment = 1 << 55

func number(s string) metrics.Millis {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > latestMoment {
		return 0
	}
	return metrics.Millis(n)
}

// entries puts the log of applications in order and takes what callcenter was
// run for.
func entriesOf(apps []application) (out []entry) {
	slices.SortStableFunc(apps, func(a, b application) int { return cmp.Compare(a.at, b.at) })
	for i, a := range apps {
		if a.name != "callcenter" {
			continue
		}
		e := entry{at: a.at, queue: strings.Trim(a.data, "'\"")} // a name with a space in it is quoted
		if i+1 < len(apps) {
			e.next = apps[i+1].at
		}
		out = append(out, e)
	}
	return out
}

type application struct {
	at         metrics.Millis
	name, data string
}
