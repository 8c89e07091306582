package callrecords

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// celRow is one step of a channel.
type celRow struct {
	line      int
	kind      string
	at        time.Time // as if in UTC, unless utc
	utc       bool
	channel   string
	app, data string
	id        string
	peer      string // who is in the bridge with it
	caller    string
	extra     celExtra
}

// celExtra is what some rows tell beside.
type celExtra struct {
	Source     string `json:"hangupsource"`
	Bridge     string `json:"bridge_id"`
	Transferee string `json:"transferee_channel_uniqueid"`
	Second     string `json:"channel2_uniqueid"`
}

// celKinds are the events that there are.
var celKinds = []string{"CHAN_START", "CHAN_END", "ANSWER", "HANGUP", "APP_START", "APP_END", "BRIDGE_ENTER", "BRIDGE_EXIT", "PARK_START", "PARK_END",
	"BLINDTRANSFER", "ATTENDEDTRANSFER", "PICKUP", "FORWARD", "LINKEDID_END", "LOCAL_OPTIMIZE", "LOCAL_OPTIMIZE_BEGIN", "USER_DEFINED", "USEREVENT",
	"STREAM_BEGIN", "STREAM_END", "DTMF"}

// celColumns is where things stand in a row. cel_custom.conf says it, and the
// file does not; but a row of CHAN_START shows it: the channel's name is the
// only one in it before the unique id, and application, data and the unique id
// come after it in this order, whatever stands between.
type celColumns struct {
	kind, at, caller, channel, id int
}

var channelName = regexp.MustCompile(`^[A-Za-z0-9]+/.+-[0-9a-f]+(;[12])?$`)

var errNoCEL = errors.New("is no channel event: eventtype,eventtime,…,channame,appname,appdata,…,uniqueid,linkedid,…")

// kindOf is the place of the event's name in a row, and when it was.
func kindOf(f []string) (kind int, at time.Time, utc, ok bool) {
	for kind = 0; kind+1 < len(f) && kind < 3; kind++ {
		if slices.Contains(celKinds, f[kind]) {
			at, utc, ok = celStamp(f[kind+1])
			return kind, at, utc, ok
		}
	}
	return 0, at, false, false
}

// celStamp reads what dateformat makes: seconds and microseconds since 1970 by
// default, or a date and a time, with a fraction or without.
func celStamp(s string) (at time.Time, utc, ok bool) {
	if at, ok := parseStamp(s); ok {
		return at, false, true
	}
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(whole) < 9 || len(whole) > 11 || len(fraction) > 9 {
		return time.Time{}, false, false
	}
	nanoseconds, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(seconds, nanoseconds).UTC(), true, err == nil && nanoseconds >= 0
}

// learn finds the columns in a row of CHAN_START.
func (c *celColumns) learn(f []string) {
	kind, _, _, ok := kindOf(f)
	if !ok || f[kind] != "CHAN_START" {
		return
	}
	id := kind + 2 // seconds since 1970 look like a unique id
	for ; id < len(f); id++ {
		if _, ok := began(f[id]); ok {
			break
		}
	}
	for channel := kind + 2; channel+3 <= id && id < len(f); channel++ {
		if channelName.MatchString(f[channel]) {
			*c = celColumns{kind: kind, at: kind + 1, caller: kind + 2, channel: channel, id: id}
			if channel-kind >= 9 {
				c.caller++ // the sample of cel_custom.conf has the name before the number
			}
		}
	}
}

// parse reads a row. Before the columns are known there is but its time.
func (c *celColumns) parse(line int, f []string) (*celRow, error) {
	kind, at, utc, ok := kindOf(f)
	if !ok {
		return nil, fmt.Errorf("%.60q %w", f, errNoCEL)
	}
	r := &celRow{line: line, kind: f[kind], at: at, utc: utc}
	if c.id == 0 {
		if c.learn(f); c.id == 0 {
			return r, nil
		}
	}
	if kind != c.kind || c.id+2 >= len(f) {
		return nil, fmt.Errorf("%.60q %w", f, errNoCEL)
	}
	r.channel, r.app, r.data, r.id, r.peer, r.caller = f[c.channel], f[c.channel+1], f[c.channel+2], f[c.id], f[c.id+2], f[c.caller]
	if last := f[len(f)-1]; strings.HasPrefix(last, "{") {
		_ = json.Unmarshal([]byte(last), &r.extra) // what it cannot tell is not compared
	}
	return r, nil
}
