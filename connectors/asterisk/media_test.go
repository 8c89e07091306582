package asterisk

import (
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/metrics"
)

func TestMediaOf(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        metrics.Media
	}{
		{"good, without reports of the other side", "ssrc=839218775;themssrc=1634885584;lp=0;rxjitter=0.001000;rxcount=280;txjitter=0.000000;txcount=279;rlp=0;rtt=0.000000;rxmes=88.1;txmes=88.1",
			metrics.Media{MOS: 440, Jitter: 1}},
		{"lost on the way here", "ssrc=1;themssrc=2;lp=250;rxjitter=0.012345;rxcount=750;txjitter=0.000000;txcount=999;rlp=0;rtt=0.000000", metrics.Media{MOS: 230, Loss: 2500, Jitter: 12}},
		{"lost on the way there", "lp=0;rxjitter=0.000000;rxcount=1000;txjitter=0.030000;txcount=1000;rlp=100;rtt=0.200000", metrics.Media{MOS: 318, Loss: 1000, Jitter: 30, RoundTrip: 200}},
		{"nothing came, and one packet is missed", "ssrc=918999065;themssrc=0;lp=1;rxjitter=0.000000;rxcount=0;txjitter=0.000000;txcount=242;rlp=0;rtt=0.000000", metrics.Media{}},
		{"a counter below zero", "lp=-2;rxcount=500;rxjitter=0.0;txcount=500;rlp=-1", metrics.Media{MOS: 440}},
		{"more lost than sent", "lp=0;rxcount=500;txcount=100;rlp=4000;rtt=0.1", metrics.Media{MOS: 437, RoundTrip: 100}},
		{"rubbish", "lp;=;;rxcount=NaN;rxjitter=1e300;txcount=x;\x00", metrics.Media{}},
		{"nothing", "", metrics.Media{}},
	} {
		if got := mediaOf([]byte(c.value)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestMediaLive: an agent's phone loses every fifth packet. Asterisk 22 says so when
// the call is hung up, as of its last report, and the contact has it; Asterisk 16 says
// nothing.
func TestMediaLive(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		l := attach(t, s.Asterisk, true)
		for _, c := range []struct {
			number string
			hum    func(*lab.Call)
		}{{"7000001", func(c *lab.Call) { c.Stutter(5) }}, {"7000002", (*lab.Call).Hum}} {
			a := s.call(c.number, "6006")
			agent := s.answered(c.number)
			a.Hum()
			c.hum(agent)
			time.Sleep(6500 * time.Millisecond) // the first report is after five seconds
			a.Hangup()
			l.await(t, "over", func() bool { return l.agent(lina) == metrics.Available && l.agent(lars) == metrics.Available })
		}
		log := s.log()
		l.end(t)
		l.adds(t)
		bad, _ := l.of(t, log, "7000001")
		good, _ := l.of(t, log, "7000002")
		if s.Version == "16" {
			if bad.Media != (metrics.Media{}) || good.Media != (metrics.Media{}) {
				t.Errorf("Asterisk 16 tells: %+v, %+v", bad.Media, good.Media)
			}
			return
		}
		if m := bad.Media; m.Loss < 1200 || m.Loss > 2500 || !m.Bad(310) {
			t.Errorf("one packet in five is lost: %+v", m)
		}
		if m := good.Media; m.MOS < 420 || m.Loss > 200 {
			t.Errorf("nothing is lost: %+v", m)
		}
	})
}
