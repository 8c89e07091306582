package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// again is the service as a restart would have it: with nothing but the file.
func (l *lab) again(file string, hooked bool) {
	c := l.service.cfg
	c.AlertsFile, c.Webhook = file, nil
	if hooked {
		c.Webhook = func() *WebhookHealth { return &WebhookHealth{} }
	}
	l.service = New(c)
}

// kept writes down what is raised.
func (l *lab) kept() {
	l.t.Helper()
	if err := l.service.KeepAlerts(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) restored() {
	l.t.Helper()
	if err := l.service.RestoreAlerts(); err != nil {
		l.t.Fatal(err)
	}
}

// TestAlertsOutlive: what is raised before a restart is raised after it, under its id, and
// its end is told. By a rule that was changed meanwhile it is over.
func TestAlertsOutlive(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	file := filepath.Join(t.TempDir(), AlertsFile)
	one, two := raising("one", "queue", "waiting > 0"), raising("two", "queue", "waiting > 0")
	l.again(file, false)
	l.restored() // of nothing
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+one+two))
	v := fs.join("support")
	l.step()
	l.kept()
	before, _ := l.service.AlertsNow()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}

	l.pass(1000)
	l.again(file, false)
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+one+raising("two", "queue", "waiting > 5")))
	l.restored()
	now, next := l.service.AlertsNow()
	list, _ := l.service.AlertChanges(0)
	if len(now.Active) != 1 || now.Active[0].ID != before.Active[0].ID || now.Active[0].Raised != before.Active[0].Raised || len(now.Cleared) != 1 || now.Cleared[0].ID != before.Active[1].ID {
		t.Fatalf("%+v", now)
	}
	if len(list) != 2 || !list[0].Again || list[0].Event != "raised" || list[1].Again || list[1].Event != "cleared" || list[1].Rule != "two" {
		t.Errorf("%+v", list)
	}
	if l.step() != "one support" {
		t.Error("it is not raised any more")
	}
	fs.abandon(v)
	l.step()
	over, next := l.service.AlertChanges(next)
	if len(over) != 1 || over[0].ID != before.Active[0].ID || over[0].Event != "cleared" || over[0].Again {
		t.Errorf("%+v", over)
	}
	l.pass(1000)
	fs.join("support")
	l.step()
	if anew, _ := l.service.AlertChanges(next); len(anew) != 1 || anew[0].ID == before.Active[0].ID || anew[0].ID == before.Active[1].ID {
		t.Errorf("%+v", anew)
	}
	// What cleared outlives it, too.
	l.kept()
	l.again(file, false)
	l.restored()
	if now, _ := l.service.AlertsNow(); len(now.Cleared) != 3 { // one has no rule now
		t.Errorf("%+v", now)
	}
}

// TestAlertsUntold: what the webhook had not told when the daemon ended is told by the next
// run, and nothing else is.
func TestAlertsUntold(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	file := filepath.Join(t.TempDir(), AlertsFile)
	rules := rulesOf(t, "alerts:\n"+raising("one", "queue", "waiting > 0"))
	l.again(file, true)
	l.service.SetAlerts(rules)
	for _, q := range []string{"a", "b", "c"} {
		fs.join(q)
		l.step()
	}
	l.service.AlertsTold(1)
	l.kept()
	for range 2 { // as often as it is started in vain
		l.again(file, true)
		l.service.SetAlerts(rules)
		l.restored()
		l.kept()
		var again, untold []string
		list, _ := l.service.AlertChanges(0)
		for _, m := range list {
			if m.Again {
				again = append(again, m.Subject)
			} else {
				untold = append(untold, m.Subject)
			}
		}
		if strings.Join(again, " ") != "a" || strings.Join(untold, " ") != "b c" {
			t.Errorf("told before is %q, to be told %q", again, untold)
		}
	}
	l.service.AlertsTold(3)
	l.kept()
	l.again(file, true)
	l.service.SetAlerts(rules)
	l.restored()
	if list, _ := l.service.AlertChanges(0); len(list) != 3 || !list[0].Again || !list[1].Again || !list[2].Again {
		t.Errorf("%+v", list)
	}
}

// TestAlertsFile: a file that cannot be read is told of by its name, and one who is
// forgotten while no daemon runs is in it no more.
func TestAlertsFile(t *testing.T) {
	l := newLab(t, "fs1")
	file := filepath.Join(t.TempDir(), AlertsFile)
	for text, want := range map[string]string{"{": "unexpected end", `{"v": 2}`: "has version 2, and this program knows 1"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l.again(file, false)
		if err := l.service.RestoreAlerts(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	l.again(file, true)
	l.service.SetAlerts(rulesOf(t, "alerts:\n"+raising("p", "agent", "in_state >= 0")))
	l.switches[0].ready("ann")
	l.switches[0].ready("bob")
	l.step()
	l.kept()
	l.again(file, true)
	if err := l.service.alerts.forget("ann"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(b), "ann") || strings.Count(string(b), "bob") != 2 {
		t.Errorf("%s, %v", b, err)
	}
	l.again(filepath.Join(t.TempDir(), "none", AlertsFile), false)
	l.service.AlertsTold(1)
	if err := l.service.KeepAlerts(); err == nil || l.service.KeepAlerts() == nil {
		t.Error("what cannot be written is not told of, or not tried again")
	}
}
