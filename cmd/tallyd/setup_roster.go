package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/metrics/roster"
)

// oldRoster is put behind the name of a roster that was replaced.
const oldRoster = "~"

// tryRoster reads a roster, and compares it with the one in force.
func (d *daemon) tryRoster(text string) (*api.RosterTrial, error) {
	out, _, err := d.readRoster(text)
	return out, err
}

// writeRoster puts a roster into the file that the configuration names, and into force.
func (d *daemon) writeRoster(text, over string) (*api.RosterTrial, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	out, old, err := d.readRoster(text)
	switch {
	case err != nil || len(out.Faults) > 0:
		return out, err
	case out.File == "":
		return nil, &api.BadQuestion{Err: errors.New("the configuration names no roster_file")}
	case out.Over != over:
		return nil, fmt.Errorf("%s: %w: try it again", out.File, api.ErrChanged)
	}
	if out.Roster != "" {
		text = out.Roster
	}
	file, err := filepath.EvalSymlinks(out.File)
	if err == nil {
		err = replaceFile(file, file+oldRoster, old)
	}
	if err == nil {
		err = replaceFile(file, file, []byte(text))
	}
	if err != nil {
		return nil, &api.BadQuestion{Err: fmt.Errorf("the roster cannot be written: %w", err)}
	}
	out.Over = standsFor([]byte(text))
	out.Written = d.reloadRoster()
	select {
	case d.written <- struct{}{}: // the switches are told whose each login is
	default:
	}
	return out, nil
}

// readRoster reads a roster, and what is in the configured file now.
func (d *daemon) readRoster(text string) (out *api.RosterTrial, old []byte, err error) {
	out = &api.RosterTrial{Faults: []api.RosterFault{}, File: d.cfg.RosterFile}
	if out.File != "" {
		if old, err = os.ReadFile(out.File); err != nil {
			return nil, nil, &api.BadQuestion{Err: err}
		}
		out.Over = standsFor(old)
	}
	r, made, err := readEither(text, d.cfg.TimeZone, out.File, old)
	var faults config.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			what := f.What
			if f.File == out.File && out.File != "" { // of what is there already
				what = f.Error()
				f.Line, f.Col = 0, 0
			}
			out.Faults = append(out.Faults, api.RosterFault{Line: f.Line, Column: f.Col, What: what})
		}
	case err != nil:
		out.Faults = append(out.Faults, api.RosterFault{What: err.Error()})
	default:
		out.Roster, out.Agents, out.Teams = made, len(r.Agents()), len(r.Names(roster.ByTeam))
		out.Added, out.Changed, out.Removed = changes(d.who(), r.Roster)
	}
	return out, old, nil
}

// standsFor is what stands for a file's content.
func standsFor(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}

// changes counts who is in the one roster alone, in both but otherwise, and in the other
// alone.
func changes(old, now *roster.Roster) (added, changed, removed int) {
	was := map[string]roster.Agent{}
	for _, a := range old.Agents() {
		was[a.ID] = a
	}
	for _, a := range now.Agents() {
		switch before, there := was[a.ID]; {
		case !there:
			added++
		case !reflect.DeepEqual(before, a):
			changed++
		}
		delete(was, a.ID)
	}
	return added, changed, len(was)
}

// readEither reads a roster, or puts a table, whose first line has a column id, into the
// one that there is.
func readEither(text, zone, intoFile string, into []byte) (r *config.Roster, made string, err error) {
	z, err := time.LoadLocation(zone)
	if err != nil {
		return nil, "", err
	}
	first, _, _ := strings.Cut(text, "\n")
	if !strings.ContainsAny(first, ",;\t") || strings.Contains(first, ":") && !strings.Contains(first, "login:") {
		r, err = config.ReadRoster("roster.yaml", []byte(text), z)
		return r, "", err
	}
	imported, err := config.ImportRoster("roster.csv", []byte(text), intoFile, into)
	if err != nil {
		return nil, "", err
	}
	r, err = config.ReadRoster("roster.csv", imported.YAML, z)
	return r, string(imported.YAML), err
}
