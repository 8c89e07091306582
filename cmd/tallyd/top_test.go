package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
)

// TestBoard: what a board shows of the events that came.
func TestBoard(t *testing.T) {
	now := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) api.Moment { return api.MomentOf(now.Add(-d)) }
	header := api.Header{At: api.MomentOf(now)}
	ratio, offered := 0.75, 8.0
	b := newBoard()
	for _, m := range []any{
		api.SiteState{Header: api.Header{At: header.At, Site: "main"}, Waiting: 1, Oldest: ago(65 * time.Second), Talking: 1, Agents: map[string]int{"talking": 1, "paused": 1},
			Switches: []api.SwitchHealth{{Name: "fs1", Connected: true, Observed: true}, {Name: "ast1", Error: "connection refused", Since: ago(time.Minute)}}},
		api.QueueState{Header: header, Queue: "support", Waiting: 1, Oldest: ago(65 * time.Second), Talking: 1, Observed: true},
		api.AgentState{Header: header, Agent: "zoe", State: "talking", Queue: "support", Since: ago(3725 * time.Second), Observed: true},
		api.AgentState{Header: header, Agent: "ann\x1b[2J", State: "paused", Reason: "lunch", Since: ago(10 * time.Second), Observed: true},
		api.Figures{Header: header, Queue: "support", KPIs: map[string]*float64{"offered": &offered, "sl.offered": &ratio, "asa": nil}},
	} {
		b.take(m, now)
	}
	text := ansi.Strip(b.render(120, 0, now))
	for _, want := range []string{"waiting 1 (1:05)", "1 talking", "1 paused", "switch ast1 is not seen", "connection refused", "75.0 %", "1:02:05", "lunch"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(b.render(120, 0, now), "\x1b[2J") {
		t.Error("an agent's name clears the screen")
	}
	if strings.Index(text, "zoe") > strings.Index(text, "ann") {
		t.Errorf("who talks comes before who pauses:\n%s", text)
	}
	b.byName = true
	if text := ansi.Strip(b.render(120, 0, now)); strings.Index(text, "zoe") < strings.Index(text, "ann") {
		t.Errorf("by name:\n%s", text)
	}
	for line := range strings.Lines(b.render(60, 0, now)) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > 60 {
			t.Errorf("a line is %d wide: %q", w, line)
		}
	}
	if n := strings.Count(b.render(120, 8, now), "\n"); n > 8 {
		t.Errorf("%d lines in 8", n)
	}
	if text := ansi.Strip(b.render(120, 0, now.Add(20*time.Second))); !strings.Contains(text, "old: nothing came since 09:00:00") {
		t.Errorf("after silence:\n%s", text)
	}
	b.take(lost{errors.New("gone")}, now)
	if text := ansi.Strip(b.render(120, 0, now)); !strings.Contains(text, "old: the daemon cannot be reached since 09:00:00: gone") || !strings.Contains(text, "zoe") {
		t.Errorf("without the daemon:\n%s", text)
	}
	b.take(client.Alive{Header: header}, now)
	if text := ansi.Strip(b.render(120, 0, now)); strings.Contains(text, "zoe") || strings.Contains(text, "gone") {
		t.Errorf("when it is back:\n%s", text)
	}
}

// TestTop runs the command on a daemon, once and as a program.
func TestTop(t *testing.T) {
	data := t.TempDir()
	serveInBackground(t, "--demo", "--data", data)
	eventually(t, func() string { return "nobody is shown" }, func() bool {
		code, out, _ := command(t, "top", "--data", data)
		return code == exitDone && strings.Contains(out, "1001@default") && !strings.Contains(out, "\x1b")
	})
	code, out, errs := command(t, "top", "--json", "--data", data)
	var d topDocument
	if err := json.Unmarshal([]byte(out), &d); code != exitDone || err != nil || len(d.Agents) == 0 || d.Site == nil {
		t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
	}
	if code, _, errs := command(t, "top", "--data", t.TempDir()); code != exitCannot || !strings.Contains(errs, "no daemon is running") {
		t.Errorf("without a daemon: exit %d: %s", code, errs)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cfg, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	daemon, done, err := (&reach{data: data}).dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	keys, press := io.Pipe()
	var screenText bytes.Buffer
	p := tea.NewProgram(&screen{board: newBoard()}, tea.WithContext(ctx), tea.WithInput(keys), tea.WithOutput(&screenText), tea.WithWindowSize(100, 30), tea.WithoutSignals())
	following, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { follow(following, daemon, p.Send); close(ended) }()
	go func() {
		time.Sleep(2 * time.Second)
		_, _ = press.Write([]byte("q"))
	}()
	m, err := p.Run()
	stop()
	<-ended
	press.Close()
	if err != nil {
		t.Fatal(err)
	}
	if b := m.(*screen).board; b.site == nil || len(b.agents) == 0 || len(b.figures) == 0 {
		t.Errorf("the board has %+v", b)
	}
	if !strings.Contains(ansi.Strip(screenText.String()), "WAITING") {
		t.Errorf("the screen shows %q", screenText.String())
	}
}
