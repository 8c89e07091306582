package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

const (
	// boardWidth is that of a board that is printed once.
	boardWidth = 120
	// boardOld is after how long without a sign of life what is shown is old.
	boardOld = 15 * time.Second
)

// board is what is so.
type board struct {
	site    *api.SiteState
	queues  map[string]api.QueueState
	agents  map[string]api.AgentState
	figures map[string]api.Figures // by q and the queue, or a and the agent
	last    time.Time              // of anything that came
	skew    time.Duration          // of the daemon's clock from ours
	lost    error                  // why nothing comes
	byName  bool
	top     int // the first agent shown
}

func newBoard() *board {
	return &board{queues: map[string]api.QueueState{}, agents: map[string]api.AgentState{}, figures: map[string]api.Figures{}}
}

// take takes an event, or that there are no more.
func (b *board) take(m any, now time.Time) {
	if l, ok := m.(lost); ok {
		b.lost = l.err
		return
	}
	if b.lost != nil {
		// What comes is everything anew: who is gone by then must not stay.
		fresh := newBoard()
		fresh.byName, fresh.top = b.byName, b.top
		*b = *fresh
	}
	b.last = now
	switch m := m.(type) {
	case api.SiteState:
		b.site = &m
		b.set(m.At, now)
	case api.QueueState:
		b.queues[m.Queue] = m
		b.set(m.At, now)
	case api.AgentState:
		b.agents[m.Agent] = m
		b.set(m.At, now)
	case api.Figures:
		if m.Queue != "" {
			b.figures["q"+m.Queue] = m
		} else {
			b.figures["a"+m.Agent] = m
		}
	case client.Alive:
		b.set(m.At, now)
	}
}

// set notes how far the daemon's clock is from ours.
func (b *board) set(at api.Moment, now time.Time) { b.skew = metrics.Millis(at).Time().Sub(now) }

func (b *board) scroll(by int) { b.top = max(0, min(b.top+by, len(b.agents)-1)) }

// The looks of things, by what they say.
var (
	titleStyle = lipgloss.NewStyle().Bold(true)
	headStyle  = lipgloss.NewStyle().Faint(true)
	badStyle   = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("9"))
	stateStyle = map[string]lipgloss.Style{
		"available": lipgloss.NewStyle().Foreground(lipgloss.Color("10")), "ringing": lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("11")),
		"talking": lipgloss.NewStyle().Foreground(lipgloss.Color("12")), "holding": lipgloss.NewStyle().Foreground(lipgloss.Color("13")),
		"paused": lipgloss.NewStyle().Foreground(lipgloss.Color("3")), "offline": headStyle, "unknown": headStyle,
	}
)

// column is one of a table.
type column struct {
	title string
	width int
	left  bool
}

// cell is a text in its column; style is given back its width by ansi's rules.
func (c column) cell(text string, style lipgloss.Style) string {
	text = ansi.Truncate(text, c.width, "…")
	pad := strings.Repeat(" ", max(0, c.width-ansi.StringWidth(text)))
	if c.left {
		return style.Render(text) + pad
	}
	return pad + style.Render(text)
}

// render draws the board; height 0 is as high as it takes.
func (b *board) render(width, height int, now time.Time) string {
	width = cmp.Or(width, 80)
	there := now.Add(b.skew)
	lines := b.head(there, now)
	lines = append(lines, "")
	lines = append(lines, b.queueLines(width, there)...)
	lines = append(lines, "")
	agents := b.agentLines(width, there)
	room := len(agents)
	if height > 0 {
		room = max(1, height-len(lines)-2)
	}
	first := min(b.top, max(0, len(agents)-1-(room-1)))
	shown := agents[:1] // its head
	if rest := agents[1:]; len(rest) > 0 {
		shown = append(slices.Clone(shown), rest[first:min(len(rest), first+room-1)]...)
	}
	lines = append(lines, shown...)
	if hidden := len(agents) - len(shown); hidden > 0 {
		lines = append(lines, headStyle.Render(fmt.Sprintf("%d more: ↑ ↓", hidden)))
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], width, "…")
	}
	return strings.Join(lines, "\n") + "\n"
}

// head says how the site fares, and what is wrong.
func (b *board) head(there, now time.Time) []string {
	if b.site == nil {
		lines := []string{titleStyle.Render("tallyd")}
		if b.lost != nil {
			lines = append(lines, badStyle.Render("the daemon cannot be reached: "+printable(b.lost.Error())))
		}
		return lines
	}
	s := b.site
	states := []string{}
	for _, name := range stateOrder {
		if n := s.Agents[name]; n > 0 {
			states = append(states, stateStyle[name].Render(fmt.Sprintf("%d %s", n, title(name))))
		}
	}
	lines := []string{titleStyle.Render("tallyd "+printable(s.Site)) + "  " + there.Format("15:04:05") +
		fmt.Sprintf("  waiting %d%s  talking %d  ", s.Waiting, longest(s.Oldest, there), s.Talking) + strings.Join(states, "  ")}
	if b.lost != nil {
		lines = append(lines, badStyle.Render("old: the daemon cannot be reached since "+b.last.Format("15:04:05")+": "+printable(b.lost.Error())))
	} else if now.Sub(b.last) > boardOld {
		lines = append(lines, badStyle.Render("old: nothing came since "+b.last.Format("15:04:05")))
	}
	for _, sw := range s.Switches {
		switch {
		case !sw.Connected:
			lines = append(lines, badStyle.Render("switch "+printable(sw.Name)+" is not seen since "+metrics.Millis(sw.Since).Time().Local().Format("15:04:05")+": "+printable(sw.Error)))
		case !sw.Observed:
			lines = append(lines, badStyle.Render("switch "+printable(sw.Name)+" is not fully seen yet"))
		}
	}
	return lines
}

func longest(oldest api.Moment, there time.Time) string {
	if oldest == 0 {
		return ""
	}
	return " (" + clock(there.Sub(metrics.Millis(oldest).Time())) + ")"
}

// clock is a duration as clocks show it.
func clock(d time.Duration) string {
	s := int(max(0, d).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func (b *board) queueLines(width int, there time.Time) []string {
	name := max(12, min(30, width-78))
	cols := []column{{"QUEUE", name, true}, {"WAITING", 8, false}, {"LONGEST", 8, false}, {"TALKING", 8, false}, {"OFFERED", 8, false}, {"ANSWERED", 9, false},
		{"ABANDONED", 10, false}, {"SL", 8, false}, {"ASA", 8, false}, {"AHT", 8, false}}
	lines := []string{row(cols, nil, headStyle)}
	for _, n := range sortedNames(b.queues) {
		q := b.queues[n]
		f := b.figures["q"+n]
		wait := ""
		style := lipgloss.NewStyle()
		if q.Oldest != 0 {
			wait = clock(there.Sub(metrics.Millis(q.Oldest).Time()))
			style = style.Bold(true).Foreground(lipgloss.Color("11"))
		}
		if !q.Observed {
			style = headStyle
		}
		lines = append(lines, row(cols, []string{printable(n), fmt.Sprint(q.Waiting), wait, fmt.Sprint(q.Talking), b.figure(f, "offered"), b.figure(f, "answered"),
			b.figure(f, "abandoned"), b.figure(f, "sl.offered"), b.figure(f, "asa"), b.figure(f, "aht")}, style))
	}
	return lines
}

func (b *board) agentLines(width int, there time.Time) []string {
	name := max(12, min(30, width-70))
	cols := []column{{"AGENT", name, true}, {"", 1, true}, {"STATE", 13, true}, {"FOR", 8, false}, {"", 1, true}, {"QUEUE OR REASON", 20, true}, {"ANSWERED", 9, false}, {"AHT", 8, false}, {"OCCUPANCY", 10, false}}
	lines := []string{row(cols, nil, headStyle)}
	list := slices.Collect(maps.Values(b.agents))
	slices.SortFunc(list, func(x, y api.AgentState) int {
		if b.byName {
			return cmp.Compare(x.Agent, y.Agent)
		}
		return cmp.Or(cmp.Compare(urgency(x.State), urgency(y.State)), cmp.Compare(x.Since, y.Since), cmp.Compare(x.Agent, y.Agent))
	})
	for _, a := range list {
		f := b.figures["a"+a.Agent]
		since := ""
		if a.Since != 0 && a.State != "unknown" {
			since = clock(there.Sub(metrics.Millis(a.Since).Time()))
		}
		style := stateStyle[a.State]
		if !a.Observed {
			style = headStyle
		}
		lines = append(lines, row(cols, []string{printable(a.Agent), "", title(a.State), since, "", printable(cmp.Or(a.Reason, a.Queue)), b.figure(f, "answered"), b.figure(f, "aht"), b.figure(f, "occupancy")}, style))
	}
	return lines
}

// stateOrder has those first that somebody may have to do something about.
var stateOrder = []string{"ringing", "holding", "talking", "wrapping_up", "available", "paused", "on_other_call", "unknown", "offline"}

func urgency(state string) int { return slices.Index(stateOrder, state) }

// row is a line of a table; no texts: its head.
func row(cols []column, texts []string, style lipgloss.Style) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		text := c.title
		if texts != nil {
			text = texts[i]
		}
		out[i] = c.cell(text, style)
	}
	return strings.Join(out, "")
}

// figure is a figure as people read it, – where there is no data.
func (b *board) figure(f api.Figures, id string) string {
	v := f.KPIs[id]
	k, known := metrics.FindKPI(id)
	if v == nil || !known {
		return "–"
	}
	return printed(k.Unit, *v)
}

func title(state string) string { return strings.ReplaceAll(state, "_", " ") }

func sortedNames[M any](m map[string]M) []string { return slices.Sorted(maps.Keys(m)) }
