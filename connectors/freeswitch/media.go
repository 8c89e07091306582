package freeswitch

import (
	"tallyd/connectors/freeswitch/eventsocket"
	"tallyd/metrics"
)

// legMedia tells how the audio of a leg that was hung up went, as FreeSWITCH rates
// what it received: its R is the share of packets without a flaw, of which it takes
// those in a row to be worse. What went out it does not rate. Of next to nothing it
// says 4.5.
func (t *Translator) legMedia() {
	n, _ := t.in.Int(eventsocket.KeyVarRTPAudioInPackets)
	if n < metrics.LeastPackets {
		return
	}
	if mos := hundredths(t.in.Get(eventsocket.KeyVarRTPAudioInMOS)); mos >= 100 && mos <= 450 {
		t.out.Media.MOS = mos
		t.emit(metrics.LegMedia)
		t.out.Media = metrics.Media{}
	}
}

// hundredths reads a number with two decimals, 0 where it is none.
func hundredths(b []byte) uint16 {
	if len(b) != 4 || b[1] != '.' {
		return 0
	}
	var n uint16
	for _, i := range [...]int{0, 2, 3} {
		if b[i] < '0' || b[i] > '9' {
			return 0
		}
		n = 10*n + uint16(b[i]-'0')
	}
	return n
}
