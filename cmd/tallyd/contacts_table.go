package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// contactsTable prints for people, 100 columns wide: a heading for each day, then a
// line for each contact. It is printed as it comes, and so the widths are fixed.
type contactsTable struct {
	out            io.Writer
	zone           *time.Location
	site           string
	from, to       time.Time
	columns        []tableColumn
	calls, details bool
	limit          int

	begun bool
	day   string
	n     int
}

type tableColumn struct {
	title string
	width int // negative: to the right
	cell  func(*api.Contact) string
}

var visitTable = []tableColumn{
	{"QUEUE", 16, func(c *api.Contact) string { return c.Queue }},
	{"STEP", 4, steps},
	{"CALLER", 14, func(c *api.Contact) string { return c.Caller }},
	{"AGENT", 15, func(c *api.Contact) string { return c.Agent }},
	{"WAIT", -6, func(c *api.Contact) string { return minutes(c.Wait) }},
	{"TALK", -6, func(c *api.Contact) string { return talked(c) }},
	{"OUTCOME", 13, func(c *api.Contact) string { return c.Outcome }},
	{"ENDED BY", 9, enders},
}

var callTable = []tableColumn{
	{"AGENT", 20, func(c *api.Contact) string { return c.Agent }},
	{"WAY", 3, func(c *api.Contact) string { return c.Direction }},
	{"NUMBER", 16, func(c *api.Contact) string { return c.Caller }},
	{"WAIT", -6, func(c *api.Contact) string { return minutes(c.Wait) }},
	{"TALK", -6, func(c *api.Contact) string { return talked(c) }},
	{"HOLD", -6, func(c *api.Contact) string { return minutes(c.Hold) }},
	{"OUTCOME", 13, func(c *api.Contact) string { return c.Outcome }},
	{"ENDED BY", 9, enders},
}

// lostTable is of callers whom nobody answered, and what came of them.
var lostTable = []tableColumn{
	{"QUEUE", 16, func(c *api.Contact) string { return c.Queue }},
	{"STEP", 4, steps},
	{"CALLER", 14, func(c *api.Contact) string { return c.Caller }},
	{"WAIT", -6, func(c *api.Contact) string { return minutes(c.Wait) }},
	{"OUTCOME", 13, func(c *api.Contact) string { return c.Outcome }},
	{"CALL-BACK", 14, func(c *api.Contact) string { return backOf(c).State }},
	{"AFTER", -8, func(c *api.Contact) string { return after(c) }},
	{"BY", 9, func(c *api.Contact) string { return backOf(c).Agent }},
}

// backOf is what came of a lost caller; nothing where it is not told.
func backOf(c *api.Contact) api.CallBack {
	if c.CallBack == nil {
		return api.CallBack{}
	}
	return *c.CallBack
}

// after is how long after the caller was lost the call began that CALL-BACK tells of.
func after(c *api.Contact) string {
	if at := backOf(c).At; at != 0 {
		return minutes(at - c.Ended)
	}
	return ""
}

func columnsOf(o contactsOptions) []tableColumn {
	switch {
	case o.kind != metrics.VisitContact.String():
		return callTable
	case o.callBack != "":
		return lostTable
	}
	return visitTable
}

// steps is which of how many visits of the call it is.
func steps(c *api.Contact) string {
	if len(c.Path) == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", c.Step, len(c.Path))
}

func talked(c *api.Contact) string {
	if c.Answered == 0 {
		return "–"
	}
	return minutes(c.Talk)
}

func enders(c *api.Contact) string { return strings.TrimSuffix(c.EndedBy, "_transfer") }

// minutes is m:ss, or h:mm:ss, to the nearest second.
func minutes(m metrics.Millis) string {
	s := (m + 500) / 1000
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func (x *contactsTable) local(m metrics.Millis) time.Time { return m.Time().In(x.zone) }

func (x *contactsTable) begin() error {
	x.begun = true
	const moment = "2006-01-02 15:04 MST"
	_, err := fmt.Fprintf(x.out, "site %s, %s to %s\n", printable(x.site), x.from.In(x.zone).Format(moment), x.to.In(x.zone).Format(moment))
	return err
}

func (x *contactsTable) write(c *api.Contact) error {
	var b strings.Builder
	if !x.begun {
		if err := x.begin(); err != nil {
			return err
		}
	}
	joined := x.local(c.Joined)
	if day := joined.Format("Monday 2006-01-02, MST"); day != x.day {
		x.day = day
		fmt.Fprintf(&b, "\n%s\nBEGAN   ", day)
		for _, col := range x.columns {
			b.WriteString(" " + fit(col.title, col.width))
		}
		b.WriteByte('\n')
	}
	b.WriteString(joined.Format("15:04:05"))
	for _, col := range x.columns {
		b.WriteString(" " + fit(printable(col.cell(c)), col.width))
	}
	b.WriteByte('\n')
	if x.details {
		x.detail(&b, c)
	}
	x.n++
	_, err := io.WriteString(x.out, trimmed(b.String()))
	return err
}

// trimmed takes the blanks off the ends of lines.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func (x *contactsTable) detail(b *strings.Builder, c *api.Contact) {
	line := func(format string, args ...any) { fmt.Fprintf(b, "         "+format+"\n", args...) }
	if len(c.Path) > 0 {
		line("went %s (%d of %d)", printable(strings.Join(c.Path, " > ")), c.Step, len(c.Path))
	}
	for _, a := range c.Attempts {
		long := "?"
		if a.Ended != 0 {
			long = minutes(a.Ended - a.Started)
		}
		line("%s rang %s for %s: %s", x.local(a.Started).Format("15:04:05"), printable(a.Agent), long, a.Result)
	}
	if c.Answered != 0 {
		how := "answered"
		if c.AnswerUnseen {
			how = "seen to be answered; that was out of sight"
		}
		line("%s %s", x.local(c.Answered).Format("15:04:05"), how)
	}
	for _, h := range c.HeldSpans {
		line("%s held for %s", x.local(h.From).Format("15:04:05"), minutes(h.To-h.From))
	}
	for _, m := range c.Consulted {
		line("%s turned to a colleague", x.local(m).Format("15:04:05"))
	}
	what := "ended"
	switch {
	case c.Unseen:
		what = "last seen; the end was out of sight"
	case c.Short:
		what = "ended; counted as a short abandon"
	}
	if c.Partial {
		what += "; the beginning was out of sight"
	}
	line("%s %s", x.local(c.Ended).Format("15:04:05"), what)
	line("%s of switch %s, call %s", printable(c.ID), printable(c.Switch), printable(c.Call))
}

func (x *contactsTable) end(complete api.Moment) error {
	if !x.begun {
		if err := x.begin(); err != nil {
			return err
		}
	}
	what := "visit"
	if x.calls {
		what = "call"
	}
	if x.n != 1 {
		what += "s"
	}
	if x.n == x.limit {
		what += ", as many as --limit allows" // and what ended later is not asked about
	}
	_, err := fmt.Fprintf(x.out, "\n%d %s", x.n, what)
	if err == nil && x.n != x.limit && metrics.Millis(complete) < metrics.MillisOf(x.to) {
		_, err = fmt.Fprintf(x.out, "; of what ended after %s some may not be concluded yet", x.local(metrics.Millis(complete)).Format("2006-01-02 15:04:05"))
	}
	if err == nil {
		_, err = fmt.Fprintln(x.out)
	}
	return err
}

// printable takes out of a name what would move a terminal's cursor, or worse.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// fit makes a text as wide as a column; a negative width sets it to the right.
func fit(s string, w int) string {
	right := w < 0
	w = max(w, -w)
	n := 0
	for i, r := range s {
		k := cells(r)
		if n+k > w || n+k == w && i+len(string(r)) < len(s) {
			s, n = s[:i]+"…", n+1
			break
		}
		n += k
	}
	pad := strings.Repeat(" ", max(0, w-n))
	if right {
		return pad + s
	}
	return s + pad
}

// cells is how many columns of a terminal a character takes.
func cells(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	if unicode.Is(unicode.Mn, r) {
		return 0
	}
	return 1
}
