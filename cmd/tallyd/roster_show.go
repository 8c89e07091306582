package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/metrics/calendar"
	"tallyd/metrics/roster"
)

func rosterShowCommand(zone func() (*time.Location, error)) *cobra.Command {
	var at string
	var asJSON bool
	c := &cobra.Command{
		Use: "show FILE", Short: "print who is who on a date", Args: cobra.ExactArgs(1),
		Example: "  tallyd roster show roster.yaml\n  tallyd roster show roster.yaml --at 2026-10-15 --json",
		RunE: func(c *cobra.Command, args []string) error {
			z, err := zone()
			if err != nil {
				return err
			}
			r, err := config.LoadRoster(args[0], z)
			if err != nil {
				return err
			}
			moment, err := localTime(at, r.Zone())
			if err != nil {
				return usage("roster show: --at %v", err)
			}
			if at == "" {
				moment = time.Now().Truncate(time.Second)
			}
			list := rosterAt(r.Roster, moment.In(r.Zone()))
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetEscapeHTML(false)
				return e.Encode(list)
			}
			return list.print(c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&at, "at", "", "date, or date and time, local (default: now)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

// rosterJSON is who is who at a moment.
type rosterJSON struct {
	At     time.Time         `json:"at"`
	Zone   string            `json:"time_zone"`
	Agents []rosterAgentJSON `json:"agents"` // who is here, in the order of the file
	Away   []string          `json:"away"`   // who is not
	Teams  []rosterTeamJSON  `json:"teams"`
}

type rosterAgentJSON struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Team  string `json:"team"`
	Role  string `json:"role"`
	Shift string `json:"shift"`
	// Since and Until are the dates between which all this holds; "" for ever.
	Since  string              `json:"since"`
	Until  string              `json:"until"`
	Logins map[string][]string `json:"logins"`
	// Scheduled is when the agent is to work on the local day, without the breaks.
	Scheduled []periodJSON `json:"scheduled"`
	Paid      int64        `json:"paid_ms"`
}

type periodJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type rosterTeamJSON struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Lead    string   `json:"lead"`
	Parent  string   `json:"parent"`
	Members []string `json:"members"` // also of the teams that are part of it
}

// rosterAt tells who is who at a moment, in the moment's zone.
func rosterAt(r *roster.Roster, at time.Time) rosterJSON {
	out := rosterJSON{At: at, Zone: r.Zone().String(), Agents: []rosterAgentJSON{}, Away: []string{}, Teams: []rosterTeamJSON{}}
	day := calendar.Day.Begin(at)
	next := calendar.Day.Next(at)
	date := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return calendar.DateOf(t).String()
	}
	for _, a := range r.Agents() {
		s, here := a.At(at)
		if !here {
			out.Away = append(out.Away, a.ID)
			continue
		}
		j := rosterAgentJSON{ID: a.ID, Name: a.Name, Team: s.Team, Role: s.Role, Shift: s.Shift, Since: date(s.From), Until: date(s.To),
			Logins: s.Logins, Scheduled: []periodJSON{}, Paid: r.Paid(a.ID, day, next).Milliseconds()}
		for _, p := range r.Scheduled(a.ID, day, next) {
			j.Scheduled = append(j.Scheduled, periodJSON{p.From.In(r.Zone()), p.To.In(r.Zone())})
		}
		out.Agents = append(out.Agents, j)
	}
	for _, id := range r.Names(roster.ByTeam) {
		j := rosterTeamJSON{ID: id, Members: []string{}}
		if t, ok := r.Team(id); ok {
			j.Name, j.Lead, j.Parent = t.Name, t.Lead, t.Parent
		}
		for _, m := range r.Members(roster.ByTeam, id, at, at.Add(1)) {
			j.Members = append(j.Members, m.Agent)
		}
		out.Teams = append(out.Teams, j)
	}
	return out
}

func (l rosterJSON) print(out io.Writer) error {
	fmt.Fprintf(out, "%s: %d agents\n\n", l.At.Format("2006-01-02 15:04 MST"), len(l.Agents))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AGENT\tNAME\tTEAM\tROLE\tSHIFT\tTHAT DAY\tSINCE\tUNTIL\tLOGINS")
	for _, a := range l.Agents {
		var work, logins []string
		for _, p := range a.Scheduled {
			work = append(work, p.From.Format("15:04")+"–"+p.To.Format("15:04"))
		}
		for _, sw := range slices.Sorted(maps.Keys(a.Logins)) {
			for _, login := range a.Logins[sw] {
				logins = append(logins, sw+":"+login)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.Name, a.Team, a.Role, a.Shift, strings.Join(work, " "), a.Since, a.Until, strings.Join(logins, " "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(l.Away) > 0 {
		_, err := fmt.Fprintf(out, "\nnot here: %s\n", strings.Join(l.Away, ", "))
		return err
	}
	return nil
}
