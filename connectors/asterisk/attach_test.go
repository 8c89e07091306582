package asterisk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/metrics"
)

// TestRefused: what is wrong is said in one clause, and the daemon goes on
// trying. The real Asterisk refuses; what cannot be made of a real one is faked.
func TestRefused(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	answer := func(body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		t.Cleanup(s.Close)
		return s.URL + "/ari"
	}
	for _, c := range []struct {
		name, ari string
		want      error
		says      string
	}{
		{"nobody listens", "http://" + closed.Addr().String() + "/ari", nil, "connection refused"},
		{"silent", "http://" + silent.Addr().String() + "/ari", nil, "did not answer within 500ms"},
		{"another web server", answer("<html>welcome</html>"), ErrNotAsterisk, "not Asterisk's ARI"},
		{"another program's JSON", answer(`{"status":"ok"}`), ErrNotAsterisk, "not Asterisk's ARI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			turnedAway(t, Config{ARI: c.ari}, c.want, c.says)
		})
	}
}

// whyNot is what a connector that cannot attach says.
func whyNot(t *testing.T, cfg Config) string {
	t.Helper()
	cfg.Name, cfg.CommandTimeout, cfg.RetryMin, cfg.RetryMax = "ast1", 500*time.Millisecond, 10*time.Millisecond, 50*time.Millisecond
	r := newReplayed()
	c := New(cfg, r.names, r.tracker)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if h := c.Health(); h.Error != "" && h.Error != "not connected yet" {
			if h.Connected || h.Since.IsZero() {
				t.Errorf("%+v", h)
			}
			return h.Error
		}
	}
	t.Fatal("it says nothing")
	return ""
}

func turnedAway(t *testing.T, cfg Config, want error, says string) {
	t.Helper()
	got := whyNot(t, cfg)
	if !strings.Contains(got, says) || want != nil && !strings.HasPrefix(got, want.Error()) || strings.Contains(got, "\n") {
		t.Errorf("it says %q, want %q", got, says)
	}
}

// TestPasswords: wrong ones, at ARI and at the manager interface.
func TestPasswords(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		turnedAway(t, Config{ARI: s.ARI(), Username: lab.ARIUser, Password: "wrong"}, ErrPassword, "")
		turnedAway(t, Config{ARI: s.ARI() + "x", Username: lab.ARIUser, Password: lab.ARIPassword}, ErrNotAsterisk, "invalid character")
		wrong := func(c *Config) { c.AMI.Password = "wrong" }
		l := attach(t, s.Asterisk, true, wrong)
		l.await(t, "told", func() bool {
			return strings.Contains(fmt.Sprint(l.connector.Health().Missing), ErrManagerLogin.Error())
		})
		http := func(c *Config) { c.AMI.Address = fmt.Sprintf("127.0.0.1:%d", s.HTTP) }
		m := attach(t, s.Asterisk, true, http, func(c *Config) { c.CommandTimeout = 700 * time.Millisecond })
		m.await(t, "told", func() bool { return strings.Contains(fmt.Sprint(m.connector.Health().Missing), ErrNotManager.Error()) })
	})
}

// TestMidCall: the daemon is started while calls are up. What it finds is
// counted from then on, and nothing is counted that it did not see begin.
func TestMidCall(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		// Only Frank, behind Local/…/n, and Grace, behind one that is optimised away.
		for _, p := range []string{"PJSIP/1001", "PJSIP/1002", "PJSIP/1003"} {
			must(s.manager.Do("QueuePause", "Queue", "support", "Interface", p, "Paused", "true", "Reason", "lunch"))
		}
		a := s.call("7000001", "6001")
		s.answered("7000001").Hum()
		b := s.call("7000002", "6001")
		s.answered("7000002").Hum()
		a.Hum()
		b.Hum()
		c := s.call("7000003", "6006")
		s.answered("7000003")
		d := s.call("7000004", "6006")
		s.answered("7000004")
		e := s.call("7000005", "6006")
		f := s.call("7000006", "1001") // a call of Alice's that is no queue's
		time.Sleep(time.Second)

		both, alone := attach(t, s.Asterisk, true), attach(t, s.Asterisk, false)
		const frank, grace = "Local/1006@agents/n", "Local/1007@agents"
		for _, l := range []*attached{both, alone} {
			l.await(t, "what is up is known", func() bool {
				return l.agent(frank) == metrics.Talking && l.agent(grace) == metrics.Talking && l.agent(lina) == metrics.Talking && l.agent(lars) == metrics.Talking &&
					l.queue("linear").Waiting == 1 && l.agent("PJSIP/1001") == metrics.OnOtherCall && l.agent("PJSIP/1002") == metrics.PausedState
			})
		}
		for _, l := range []*attached{both, alone} {
			l.await(t, "the snapshot is closed", l.settled.Load)
			if l.agent(frank) != metrics.Talking || l.agent(grace) != metrics.Talking || l.agent("PJSIP/1001") != metrics.OnOtherCall || l.queue("linear").Talking != 2 {
				t.Errorf("Frank is %v, Grace %v, Alice %v", l.agent(frank), l.agent(grace), l.agent("PJSIP/1001"))
			}
		}
		f.Hangup()
		c.Hangup()
		s.answered("7000005")
		a.Hangup()
		s.answered("7000002").Hangup()
		d.Hangup()
		e.Hangup()
		for _, l := range []*attached{both, alone} {
			l.await(t, "over", func() bool {
				return l.agent(lina) == metrics.Available && l.agent(lars) == metrics.Available && l.agent(frank) == metrics.Available && l.agent(grace) == metrics.Available &&
					l.agent("PJSIP/1001") != metrics.OnOtherCall // she serves another queue too, unpaused, which ARI alone has not seen yet
			})
		}
		log := s.log()
		for i, l := range []*attached{both, alone} {
			l.end(t)
			l.adds(t)
			for number, want := range map[string]metrics.Contact{
				"7000001": {Agent: frank, EndedBy: metrics.ByCaller, Partial: true}, "7000002": {Agent: grace, EndedBy: metrics.ByAgent, Partial: true},
				"7000003": {Agent: lina, EndedBy: metrics.ByCaller, Partial: true}, "7000004": {Agent: lars, EndedBy: metrics.ByCaller, Partial: true},
				"7000005": {Agent: lina, EndedBy: metrics.ByCaller, Partial: true},
			} {
				got, v := l.of(t, log, number)
				if got.Outcome != metrics.Answered || got.Agent != want.Agent || got.EndedBy != want.EndedBy || got.Partial != want.Partial || got.Unseen {
					t.Errorf("%d, %s: %+v", i, number, got)
				}
				// The manager interface tells since when who waits waits.
				if off := int64(got.Wait())/1000 - v.Wait; number == "7000005" && l == both && (off > 1 || off < -1) {
					t.Errorf("%s waited %d ms, queue_log %d s", number, got.Wait(), v.Wait)
				}
			}
		}
	})
}

// TestChannelsListedTwice: a channel that was listed twice, as it was and as it is, is
// one.
func TestChannelsListedTwice(t *testing.T) {
	ari := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"a","dialplan":{"app_name":"Set"}},{"id":"b","dialplan":{"app_name":"Dial"}},{"id":"a","dialplan":{"app_name":"Goto"}}]`)
	}))
	defer ari.Close()
	list, err := newREST(&Config{ARI: ari.URL, CommandTimeout: time.Second}).channels(t.Context())
	if err != nil || len(list) != 2 || list[0].id != "a" || list[0].app != "Goto" || list[1].id != "b" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestSnapshotHarmless: a channel goes from application to application as fast as it
// can, while snapshots are asked for. To have CHANNEL(appname) evaluated then crashed
// Asterisk within a second.
func TestSnapshotHarmless(t *testing.T) {
	for _, version := range lab.Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			opt := variants[version]
			opt.Sections = map[string]string{"extensions.conf": "[from-trunk](+)\nexten => 6099,1,Answer()\n same => n(again),Set(x=1)\n same => n,Goto(again)\n"}
			s := newStageWith(t, version, opt)
			s.call("7000001", "6099")
			r := newREST(&Config{ARI: s.ARI(), Username: lab.ARIUser, Password: lab.ARIPassword, CommandTimeout: 10 * time.Second})
			seen := map[string]bool{}
			for begun, n := time.Now(), 0; n < 500 || !seen["Set"] && time.Since(begun) < 10*time.Second; n++ {
				channels, err := r.channels(s.ctx)
				if err != nil || len(channels) != 1 {
					t.Fatalf("%+v, %v", channels, err)
				}
				seen[channels[0].app] = true
			}
			if !seen["Set"] {
				t.Errorf("the channel ran %v", seen)
			}
		})
	}
}
