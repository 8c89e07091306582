package callrecords

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"tallyd/connectors/source/records"
)

// ErrNoCSV: what was read is something else, or has nothing of queues.
var ErrNoCSV = records.Foreign("this is no CDR of FreeSWITCH that has anything of queues: mod_cdr_csv's own templates have not; " +
	"the one in configs/freeswitch/cdr_csv.conf.xml has, and so have JSON CDRs")

// Template is what stands in a row: variables, in the order of the template in
// configs/freeswitch/cdr_csv.conf.xml. The file itself does not say.
var Template = []string{"uuid", "bleg_uuid", "direction", "caller_id_name", "caller_id_number", "destination_number", "context",
	"start_uepoch", "answer_uepoch", "bridge_uepoch", "end_uepoch", "duration", "billsec", "hangup_cause", "sip_hangup_disposition",
	"cc_side", "cc_queue", "cc_agent", "cc_member_uuid", "cc_member_session_uuid", "cc_cause", "cc_cancel_reason",
	"cc_queue_joined_epoch", "cc_queue_answered_epoch", "cc_queue_terminated_epoch", "cc_queue_canceled_epoch", "cc_agent_uuid", "sip_call_id"}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// ReadCSV reads what mod_cdr_csv wrote with Template. Its moments have a zone.
// The error is the reader's own, or ErrNoCSV.
func ReadCSV(in io.Reader, _ *time.Location) (*records.Record, error) {
	l := &legs{}
	faults, err := records.Lines(in, func(n int, line string) error {
		// mod_cdr_csv leaves quotes inside values as they are, so that the borders
		// between values are all that can be told.
		line, quoted := strings.CutPrefix(line, `"`)
		row := strings.Split(strings.TrimSuffix(line, `"`), `","`)
		get := func(key string) string {
			if i := slices.Index(Template, key); i >= 0 && i < len(row) {
				return row[i]
			}
			return ""
		}
		side := get("cc_side")
		if !quoted || len(row) != len(Template) || !uuid.MatchString(row[0]) || moment(get("end_uepoch")) == 0 || side != "" && side != "agent" && side != "member" {
			return fmt.Errorf("%.60q is not uuid,bleg_uuid,direction,… as the template has it", row)
		}
		if side != "" {
			x := legOf(get)
			x.line, x.number = n, get("caller_id_number")
			l.add(x)
		}
		return nil
	})
	if errors.Is(err, records.ErrForeign) {
		err = ErrNoCSV
	}
	rec := l.record("CDR", faults)
	rec.CannotTell = append(rec.CannotTell, "stays before the last one of a call for which no phone rang, and times to less than a second")
	return rec, err
}
