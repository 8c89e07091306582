package asterisk

import (
	"os"
	"strings"
	"testing"

	"tallyd/connectors/asterisk/lab"
	"tallyd/metrics"
)

// section is one section of a file that people copy.
func section(t *testing.T, file, header string) string {
	t.Helper()
	b, err := os.ReadFile("../../configs/asterisk/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(b), header)
	if !ok {
		t.Fatalf("%s has no %s", file, header)
	}
	if i := strings.Index(text, "\n["); i >= 0 {
		text = text[:i]
	}
	return header + strings.ReplaceAll(text, "CHANGE-ME", "changed")
}

// TestConfigsOfTheRepository: with the users that configs/asterisk describes,
// who may read and change nothing, all is seen that is promised.
func TestConfigsOfTheRepository(t *testing.T) {
	for _, version := range lab.Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			opt := variants[version]
			opt.Sections = map[string]string{"ari.conf": section(t, "ari.conf", "[tallyd]"), "manager.conf": section(t, "manager.conf", "[tallyd]"),
				"queues.conf": section(t, "queues.conf", "[support](+)")}
			s := newStageWith(t, version, opt)
			l := attach(t, s.Asterisk, true, func(c *Config) {
				c.Username, c.Password = "tallyd", "changed"
				c.AMI.Username, c.AMI.Password = "tallyd", "changed"
			})
			l.await(t, "members are known", func() bool { return l.agent("PJSIP/1001") == metrics.Available && l.agent(lina) == metrics.Available })
			if err := s.manager.Do("QueuePause", "Queue", "linear", "Interface", lina, "Paused", "true", "Reason", "lunch"); err != nil {
				t.Fatal(err)
			}
			l.await(t, "paused", func() bool { return l.agent(lina) == metrics.PausedState })
			a := s.call("7000001", "6006")
			s.answered("7000001")
			l.await(t, "talking", func() bool { return l.agent(lars) == metrics.Talking })
			a.Hangup()
			l.await(t, "over", func() bool { return l.agent(lars) == metrics.Available })
			b := s.call("7000002", "6001")
			s.answered("7000002")
			b.Hangup()
			l.await(t, "over", func() bool { return l.queue("support").Talking == 0 && l.agent("PJSIP/1001") == metrics.Available })
			log := s.log()
			l.end(t)
			conserved(t, l.replayed)
			if got, _ := l.of(t, log, "7000001"); got.Outcome != metrics.Answered || got.Agent != lars || got.EndedBy != metrics.ByCaller {
				t.Errorf("%+v", got)
			}
			if got, _ := l.of(t, log, "7000002"); got.Outcome != metrics.Answered || got.EndedBy != metrics.ByCaller {
				t.Errorf("%+v", got)
			}
			if l.translator.Name(lina) != "Lina" {
				t.Errorf("Lina is named %q", l.translator.Name(lina))
			}
		})
	}
}
