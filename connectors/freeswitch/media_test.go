package freeswitch

import (
	"bytes"
	"strings"
	"testing"

	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// hangup is a leg's end with headers of its variables.
func hangup(at metrics.Millis, leg string, headers ...string) []byte {
	h := []string{"Event-Name", "CHANNEL_HANGUP_COMPLETE", "Unique-ID", leg}
	for i := 0; i < len(headers); i += 2 {
		h = append(h, "variable_"+headers[i], headers[i+1])
	}
	return plainEvent(at, h...)
}

// TestLegMedia: a contact has the worse of what FreeSWITCH says of both legs, which
// come after the queue has told of the end.
func TestLegMedia(t *testing.T) {
	rated := func(packets, mos string) []string {
		return []string{"rtp_audio_in_packet_count", packets, "rtp_audio_in_mos", mos}
	}
	for _, c := range []struct {
		name          string
		caller, agent []string
		want          uint16
	}{
		{"both good", rated("1200", "4.50"), rated("300", "4.41"), 441},
		{"the caller is not heard well", rated("1200", "2.35"), rated("300", "4.41"), 235},
		{"the agent is not", rated("1200", "4.50"), rated("300", "1.00"), 100},
		{"4.50 of nothing", rated("0", "4.50"), rated("49", "1.20"), 0},
		{"no audio at all", nil, nil, 0},
		{"rubbish", rated("1e3", "4.50"), rated("300", "4,50"), 0},
		{"beyond the scale", rated("300", "9.99"), rated("300", "0.10"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := feed(t, bytes.NewReader(bytes.Join([][]byte{call(someDay, "v1"), hangup(someDay+9010, "av1", c.agent...), hangup(someDay+9020, "cv1", c.caller...)}, nil)))
			if err != nil || r.translator.Counts.Malformed != 0 {
				t.Fatal(err, r.translator.Counts)
			}
			got := r.sealed[0].Contacts
			if len(got) != 1 || got[0].Media != (metrics.Media{MOS: c.want}) {
				t.Errorf("%+v, want a mean opinion score of %d", got, c.want)
			}
		})
	}
}

// TestLegMediaOfRecordings: the recordings' phones sent nothing, of which FreeSWITCH
// says 4.5 all the same.
func TestLegMediaOfRecordings(t *testing.T) {
	r := shelf{}.tape(t, "runA")
	said := 0
	for _, e := range r.events {
		if e.kind == channelHangup && strings.HasPrefix(e.get(eventsocket.KeyVarRTPAudioInMOS), "4.5") {
			said++
		}
	}
	if said < 100 {
		t.Fatalf("only %d legs of the recording are rated", said)
	}
	for i := range r.contacts {
		if m := r.contacts[i].Media; m != (metrics.Media{}) {
			t.Errorf("%s: %+v", r.contacts[i].Visit, m)
		}
	}
}
