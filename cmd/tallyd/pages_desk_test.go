package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
	"tallyd/connectors/web/client"
)

// TestPagesInBrowserAtDesk: cards, teams, calls and days of the simulated centre, as
// supervisors and agents look at them. It had calls last month, which is sealed, and has
// some this morning, whatever the hour is.
func TestPagesInBrowserAtDesk(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	browser(t)
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	before := month.AddDate(0, -1, 0)
	play := func(name string, from time.Time, speed float64) (line string, stop func()) {
		recording, snapshot, err := playback.Demo()
		if err != nil {
			t.Fatal(err)
		}
		l := listenAnywhere(t)
		return fmt.Sprintf("  - {name: %s, kind: freeswitch, address: %q, password: ClueCon}\n", name, l.Addr()),
			playOn(t, l, &playback.Server{Recording: recording, Snapshot: snapshot, Speed: speed, Loop: true, ShiftTo: from})
	}
	// Etc/GMT+5 is five hours behind UTC: there it is between nine and ten in the morning.
	behind := (now.Hour() - 9 + 24) % 24
	if behind > 12 {
		behind -= 24
	}
	inbound, err := os.ReadFile("../../configs/schemes/inbound-service.yaml") // with seasons and gates
	if err != nil {
		t.Fatal(err)
	}
	site := fmt.Sprintf("time_zone: Etc/GMT%+d\nroster_file: %s\nscheme_files: [%s, %s]\n", behind, keep(t, "roster.yaml", demoRoster), keep(t, "scheme.yaml", demoScheme), keep(t, "inbound.yaml", inbound))
	past, end := play("past", before.AddDate(0, 0, 9), 10)
	current, _ := play("now", now, 1)
	s := newPagesSite(t, site+"switches:\n"+past+current)
	s.start()
	boss := s.token("boss", "--role", "supervisor", "--team", "north")
	span := url.Values{"agent": {"1002@default"}, "from": {before.Format(time.RFC3339)}, "to": {month.Format(time.RFC3339)}}
	eventually(t, s.errs.String, func() bool { return outcomesOf(t, s.url, boss, span)["answered"] >= 3 })
	s.stop()
	end()
	// From now on there is the present one alone.
	config, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	listen := config[len(site+"switches:\n"+past+current):]
	if err := os.WriteFile(s.config, append([]byte(site+"switches:\n"+current), listen...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	day := func(at time.Time) string { return at.Format(time.DateOnly) }
	code, _, errs := command(t, "score", "--seal", "--from", day(before), "--to", day(month), "--data", s.data)
	if code != exitDone {
		t.Fatal(errs)
	}
	eventually(t, s.errs.String, func() bool { // a quick browser would look before there is anything to see
		calls := outcomesOf(t, s.url, boss, nil)
		return calls["answered"] >= 2 && calls["abandoned"] >= 1
	})
	told := map[string]any{"url": s.url, "pictures": pictures(t), "agents": map[string]string{"me": "1002@default", "other": "1005@default"},
		"tokens": map[string]string{"wall": s.token("wall", "--role", "wallboard"), "boss": boss,
			"agent": s.token("bob", "--role", "agent", "--agent", "1002@default")}}
	for _, x := range [][2]string{{"supervisor.mjs", "clicks_to_lost"}, {"cards.mjs", "clicks_to_why"}} {
		begun := time.Now()
		figures := drive(t, x[0], told, func(string) {})
		t.Logf("%s: %s, after %s", x[1], figures[x[1]], time.Since(begun).Round(time.Second))
	}
}

// outcomesOf counts the calls that somebody may see, of today unless the question says
// otherwise.
func outcomesOf(t *testing.T, site, token string, question url.Values) map[string]int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site+"/api/v1/contacts?"+question.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var list client.Contacts
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil || list.ContactList == nil {
		t.Fatal(res.Status, err)
	}
	out := map[string]int{}
	for _, c := range list.Contacts {
		out[c.Outcome]++
	}
	return out
}
