package callrecords

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"tallyd/connectors/source/records"
)

// ErrNoJSONCDR: what was read is something else.
var ErrNoJSONCDR = records.Foreign(`this is no JSON CDR: {"core-uuid":…,"variables":{…}}`)

// JSON gathers JSON call detail records, of one file or of many.
type JSON struct {
	legs   legs
	faults []records.Fault
	good   int
}

// maxDocument bounds one document; they have some 10 kB.
const maxDocument = 4 << 20

// Read reads one file: a document, several one after another, or a tar of such
// files. name is told with what is found in it, "" where there is no other file.
// What is none is a fault.
func (j *JSON) Read(name string, in io.Reader) error {
	b := bufio.NewReaderSize(in, 64<<10)
	if head, _ := b.Peek(512); len(head) == 512 && bytes.Equal(head[257:262], []byte("ustar")) {
		return j.readTar(tar.NewReader(b))
	}
	return j.readDocuments(name, b)
}

func (j *JSON) readTar(t *tar.Reader) error {
	for {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tar.ErrHeader):
			j.fault("", 0, "the tar is cut off")
			return nil
		case err != nil:
			return err
		case h.Typeflag == tar.TypeReg:
			if err := j.readDocuments(h.Name, bufio.NewReaderSize(t, 64<<10)); err != nil {
				return err
			}
		}
	}
}

func (j *JSON) readDocuments(name string, b *bufio.Reader) error {
	s := documents{in: b, line: 1}
	for {
		doc, line, err := s.next()
		if len(doc) > 0 {
			j.take(name, line, doc)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			j.fault(name, s.line, "the file is cut off here")
			return nil
		case errors.Is(err, errGarbage):
			j.fault(name, line, fmt.Sprintf("%.40q is no document", s.garbage))
		case errors.Is(err, errTooLong):
			j.fault(name, line, fmt.Sprintf("a document is longer than %d bytes", maxDocument))
		case err != nil:
			return err
		}
		if j.good == 0 && len(j.faults) >= 20 || len(j.faults) > 1000 {
			return ErrNoJSONCDR
		}
	}
}

func (j *JSON) fault(name string, line int, text string) {
	j.faults = append(j.faults, records.Fault{File: name, Line: line, Text: text})
}

// document is what is read of one.
type document struct {
	Core      text            `json:"core-uuid"`
	Variables map[string]text `json:"variables"`
	Log       struct {
		Applications []struct {
			Name  text `json:"app_name"`
			Data  text `json:"app_data"`
			Stamp text `json:"app_stamp"`
		} `json:"applications"`
	} `json:"app_log"`
	Flow flow `json:"callflow"`
}

// text is a value that should be a string; of a list it is the first.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	var list []json.RawMessage
	switch {
	case json.Unmarshal(b, &s) == nil:
		*t = text(s)
	case json.Unmarshal(b, &list) == nil && len(list) > 0:
		return t.UnmarshalJSON(list[0])
	case len(b) > 0 && b[0] != '{' && b[0] != '[':
		*t = text(b) // a number
	}
	return nil
}

// flow is the number of the caller as the call began with: of the last profile,
// as the latest is the first. One alone may stand without a list.
type flow struct{ number text }

func (f *flow) UnmarshalJSON(b []byte) error {
	type part struct {
		Profile struct {
			Number text `json:"caller_id_number"`
		} `json:"caller_profile"`
	}
	var one part
	var list []part
	if err := json.Unmarshal(b, &list); err == nil && len(list) > 0 {
		one = list[len(list)-1]
	} else if err != nil {
		_ = json.Unmarshal(b, &one) // it is of use only where there are no ids
	}
	f.number = one.Profile.Number
	return nil
}

func (j *JSON) take(name string, line int, b []byte) {
	var d document
	if err := json.Unmarshal(b, &d); err != nil || d.Variables["uuid"] == "" {
		why := "it has no uuid"
		if err != nil {
			why = err.Error()
		}
		j.fault(name, line, fmt.Sprintf("%.40q… is no JSON CDR: %s", b, why))
		return
	}
	j.good++
	// encode-values has mod_json_cdr encode every value as in a URL.
	get := func(key string) string { return string(d.Variables[key]) }
	decode := func(s string) string { return s }
	if stamp := get("start_stamp"); strings.Contains(stamp, "%20") || strings.Contains(stamp, "%3A") || strings.Contains(stamp, "%3a") {
		decode = func(s string) string {
			if plain, err := url.PathUnescape(s); err == nil {
				return plain
			}
			return s
		}
		get = func(key string) string { return decode(string(d.Variables[key])) }
	}
	l := legOf(get)
	if l.side == "" && len(d.Log.Applications) == 0 {
		return // of no queue
	}
	l.file, l.line, l.number, l.history = name, line, decode(string(d.Flow.number)), true
	if name != "" && line == 1 {
		l.line = 0
	}
	var apps []application
	for _, a := range d.Log.Applications {
		apps = append(apps, application{moment(string(a.Stamp)), string(a.Name), decode(string(a.Data))})
	}
	l.entries = entriesOf(apps)
	j.legs.add(l)
}

// legOf reads a channel's variables.
func legOf(get func(string) string) *leg {
	return &leg{
		uuid: get("uuid"), start: moment(get("start_uepoch")), answer: moment(get("answer_uepoch")), bridge: moment(get("bridge_uepoch")), end: moment(get("end_uepoch")),
		hangup: get("hangup_cause"), byWhom: get("sip_hangup_disposition"), transfers: parseTransfers(get("transfer_history")),
		side: get("cc_side"), queue: get("cc_queue"), agent: get("cc_agent"), member: get("cc_member_uuid"), session: get("cc_member_session_uuid"),
		agentLeg: get("cc_agent_uuid"), bridged: get("cc_agent_bridged"), cause: get("cc_cause"), cancelReason: get("cc_cancel_reason"),
		joined: seconds(get("cc_queue_joined_epoch")), picked: seconds(get("cc_queue_answered_epoch")), left: seconds(get("cc_queue_canceled_epoch")),
	}
}

// Record is what all that was read tells. The error is ErrNoJSONCDR where
// nothing of it was a record.
func (j *JSON) Record() (*records.Record, error) {
	rec := j.legs.record("JSON CDR", j.faults)
	if j.good == 0 {
		rec.Faults = rec.Faults[:min(len(rec.Faults), 5)]
		return rec, ErrNoJSONCDR
	}
	return rec, nil
}
