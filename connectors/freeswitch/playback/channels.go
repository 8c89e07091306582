package playback

import (
	"slices"
	"strconv"
	"strings"
	"time"

	es "tallyd/connectors/freeswitch/eventsocket"
)

// channelColumns are those of `show channels` in FreeSWITCH 1.10.12.
var channelColumns = strings.Split("uuid|direction|created|created_epoch|name|state|cid_name|cid_num|ip_addr|dest|application|application_data|dialplan|context|"+
	"read_codec|read_rate|read_bit_rate|write_codec|write_rate|write_bit_rate|secure|hostname|presence_id|presence_data|accountcode|callstate|"+
	"callee_name|callee_num|callee_direction|call_uuid|sent_callee_name|sent_callee_num|"+
	"initial_cid_name|initial_cid_num|initial_ip_addr|initial_dest|initial_dialplan|initial_context", "|")

// channels are the live ones, oldest first.
type channels struct {
	rows  []map[string]string // by column; a missing cell is empty
	calls []bridge
}

type bridge struct{ a, b string }

func (c *channels) find(uuid string) map[string]string {
	for _, row := range c.rows {
		if row["uuid"] == uuid {
			return row
		}
	}
	return nil
}

// apply follows a channel event. One that is heard of in mid-call existed
// before the recording.
func (c *channels) apply(name string, e *es.Event) {
	uuid := string(e.Get(es.KeyUniqueID))
	if uuid == "" {
		return
	}
	if name == "CHANNEL_DESTROY" || name == "CHANNEL_HANGUP_COMPLETE" {
		c.drop(uuid)
		return
	}
	row := c.find(uuid)
	if row == nil {
		if name == "CHANNEL_HANGUP" || string(e.Get(es.KeyChannelCallState)) == "HANGUP" {
			return
		}
		row = newChannel(uuid, e)
		c.rows = append(c.rows, row)
	}
	update(row, e)
	switch name {
	case "CHANNEL_BRIDGE":
		c.bridge(string(e.Get(es.KeyBridgeAUniqueID)), string(e.Get(es.KeyBridgeBUniqueID)), row["call_uuid"])
	case "CHANNEL_UNBRIDGE":
		c.unbridge(uuid)
	}
}

func newChannel(uuid string, e *es.Event) map[string]string {
	created, ok := e.Int(es.KeyCallerChannelCreatedTime)
	if !ok {
		created, _ = e.Micros()
	}
	row := map[string]string{
		"uuid":          uuid,
		"call_uuid":     uuid,
		"direction":     string(e.Get(es.KeyCallDirection)),
		"created":       time.UnixMicro(created).UTC().Format(localLayout),
		"created_epoch": strconv.FormatInt(created/1_000_000, 10),
		"hostname":      string(e.Get(es.KeyFreeSWITCHHostname)),
	}
	update(row, e)
	for _, column := range []string{"cid_name", "cid_num", "ip_addr", "dest", "dialplan", "context"} {
		row["initial_"+column] = row[column]
	}
	return row
}

// columnOf says which column a header fills; an event without the header leaves
// the cell as it was.
var columnOf = map[string]string{
	"Channel-Name":                      "name",
	"Channel-State":                     "state",
	"Channel-Call-State":                "callstate",
	"Channel-Call-UUID":                 "call_uuid",
	"Channel-Presence-ID":               "presence_id",
	"Caller-Caller-ID-Name":             "cid_name",
	"Caller-Caller-ID-Number":           "cid_num",
	"Caller-Callee-ID-Name":             "callee_name",
	"Caller-Callee-ID-Number":           "callee_num",
	"Caller-Destination-Number":         "dest",
	"Caller-Network-Addr":               "ip_addr",
	"Caller-Dialplan":                   "dialplan",
	"Caller-Context":                    "context",
	"Channel-Read-Codec-Name":           "read_codec",
	"Channel-Read-Codec-Rate":           "read_rate",
	"Channel-Read-Codec-Bit-Rate":       "read_bit_rate",
	"Channel-Write-Codec-Name":          "write_codec",
	"Channel-Write-Codec-Rate":          "write_rate",
	"Channel-Write-Codec-Bit-Rate":      "write_bit_rate",
	"variable_accountcode":              "accountcode",
	"variable_current_application":      "application",
	"variable_current_application_data": "application_data",
}

func update(row map[string]string, e *es.Event) {
	first := make(map[string]bool, len(columnOf))
	for name, value := range e.All() {
		if column, ok := columnOf[string(name)]; ok && !first[column] {
			first[column] = true
			row[column] = string(value)
		}
	}
}

func (c *channels) bridge(a, b, call string) {
	if a == "" || b == "" {
		return
	}
	c.unbridge(a)
	c.calls = append(c.calls, bridge{a, b})
	for _, uuid := range []string{a, b} {
		if row := c.find(uuid); row != nil {
			row["call_uuid"] = call
		}
	}
}

func (c *channels) unbridge(uuid string) {
	c.calls = slices.DeleteFunc(c.calls, func(b bridge) bool { return b.a == uuid || b.b == uuid })
}

func (c *channels) drop(uuid string) {
	c.unbridge(uuid)
	c.rows = slices.DeleteFunc(c.rows, func(row map[string]string) bool { return row["uuid"] == uuid })
}

// json is the answer to `show channels as json`.
func (c *channels) json() []byte {
	if len(c.rows) == 0 {
		return []byte("{\"row_count\": 0}\n")
	}
	b := append([]byte(`{"row_count":`), strconv.Itoa(len(c.rows))...)
	b = append(b, `,"rows":[`...)
	for i, row := range c.rows {
		if i > 0 {
			b = append(b, ',')
		}
		open := byte('{')
		for _, column := range channelColumns {
			b = append(b, open)
			open = ','
			b = appendString(b, column)
			b = append(b, ':')
			b = appendString(b, row[column])
		}
		b = append(b, '}')
	}
	return append(b, "]}"...)
}

// list is the answer to `show channels`.
func (c *channels) list() string {
	var b strings.Builder
	if len(c.rows) > 0 {
		b.WriteString(strings.Join(channelColumns, ",") + "\n")
	}
	for _, row := range c.rows {
		for i, column := range channelColumns {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(row[column])
		}
		b.WriteByte('\n')
	}
	return b.String() + "\n" + strconv.Itoa(len(c.rows)) + " total.\n"
}
