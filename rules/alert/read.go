package alert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"tallyd/rules/document"
	"tallyd/rules/expression"
)

const (
	maxFile  = 1 << 20 // bytes
	maxRules = 100
	maxOnly  = 1000 // names of a rule
	maxQuiet = 20   // of a rule
	maxOwner = 100  // bytes
	maxWords = 500  // bytes of a because
	// maxHold bounds how long a condition may have to hold.
	maxHold = 24 * time.Hour
)

// reader makes rules of what people wrote, and notes everything that is wrong.
type reader struct {
	*document.Decoder
	zone *time.Location
}

// Read reads a file of alerts. zone is whose hours are quiet where the file names no
// time zone. Where there are faults, the set is not to be used.
func Read(name string, text []byte, zone *time.Location) (*Set, document.Faults) {
	if len(text) > maxFile {
		return nil, document.Faults{{File: name, What: fmt.Sprintf("the file has %d bytes, %d are the most", len(text), maxFile)}}
	}
	r := &reader{document.NewDecoder(name), cmp.Or(zone, time.UTC)}
	var f file
	r.Decode(text, &f)
	out := &Set{}
	if len(r.Faults) > 0 && len(r.Places) == 0 {
		return out, r.Faults
	}
	r.timeZone(f.TimeZone)
	if !r.Set("alerts") {
		r.Fault("alerts", "alerts are missing")
	}
	if len(f.Alerts) > maxRules {
		r.Fault("alerts", "there are %d alerts, %d are the most", len(f.Alerts), maxRules)
		return out, r.Faults.InOrder()
	}
	seen := map[string]bool{}
	for i := range f.Alerts {
		x, at := &f.Alerts[i], fmt.Sprintf("alerts.%d", i)
		if r.needed(at+".id", x.ID) {
			switch {
			case !identifier(x.ID):
				r.Fault(at+".id", "id %q is none: a letter, then letters, digits and _, 64 at most", x.ID)
			case seen[x.ID]:
				r.Fault(at+".id", "id %q is there twice", x.ID)
			}
			seen[x.ID] = true
		}
		out.Rules = append(out.Rules, r.rule(at, x))
	}
	return out, r.Faults.InOrder()
}

func (r *reader) timeZone(name string) {
	if !r.Set("time_zone") {
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		r.Fault("time_zone", "time_zone %q is not a time zone's name, such as Asia/Shanghai", name)
		return
	}
	r.zone = zone
}

func (r *reader) needed(path, value string) bool {
	if value == "" && !r.Faulty(path) {
		r.Fault(path, "%s is missing", document.Label(path))
	}
	return value != ""
}

func (r *reader) rule(at string, x *ruleFile) Rule {
	out := Rule{ID: x.ID, Of: Kind(x.Of), Hold: x.Hold, ClearHold: x.ClearHold, Owner: x.Owner, Severity: cmp.Or(x.Severity, Warning), Because: x.Because, zone: r.zone}
	out.text = fmt.Sprintf("%+v %s", *x, r.zone)
	r.duration(at+".hold", x.Hold)
	r.duration(at+".clear_hold", x.ClearHold)
	if !slices.Contains([]string{Info, Warning, Critical}, out.Severity) {
		r.Fault(at+".severity", "severity %q is none of info, warning, critical", out.Severity)
	}
	r.words(at+".owner", x.Owner, maxOwner)
	r.words(at+".because", x.Because, maxWords)
	r.only(at+".only", x, &out)
	r.quiet(at+".quiet", x.Quiet, &out)
	if !r.needed(at+".of", x.Of) {
		return out
	}
	if !slices.Contains([]Kind{Queue, Agent, Site}, out.Of) {
		r.Fault(at+".of", "of %q is none of queue, agent, site", x.Of)
		return out
	}
	if r.needed(at+".when", x.When) {
		out.When = r.condition(at+".when", x.When, out.Of)
	}
	texts := []string{x.When}
	if r.Set(at + ".clear") {
		if r.needed(at+".clear", x.Clear) {
			out.Clear = r.condition(at+".clear", x.Clear, out.Of)
		}
		texts = append(texts, x.Clear)
	}
	if len(r.Faults) == 0 {
		out.Names = named(Variables(out.Of), texts...)
	}
	return out
}

// condition compiles an expression.
func (r *reader) condition(at, text string, of Kind) *expression.Expression {
	e, faults := expression.Condition(text, Variables(of))
	for _, f := range faults {
		what := strings.ReplaceAll(f.Error(), " (in container '')", "")
		if strings.Contains(what, "undeclared reference") {
			what += "; known here are " + known(of)
		}
		r.Fault(at, "%s %s", document.Label(at), what)
	}
	return e
}

// known says which names expressions of a kind know.
func known(of Kind) string {
	var names []string
	for _, v := range present(of) {
		names = append(names, v.Name)
	}
	whose := "a queue's or an agent's"
	switch of {
	case Queue:
		whose = "a queue's"
	case Agent:
		whose = "an agent's"
	}
	return strings.Join(names, ", ") + " and " + whose + " figures but fcr and repeat_rate (tallyd metrics)"
}

func (r *reader) duration(at string, d time.Duration) {
	if (d < 0 || d > maxHold) && !r.Faulty(at) {
		r.Fault(at, "%s %s is not between 0 and 24h", document.Label(at), d)
	}
}

// words checks what is written for people.
func (r *reader) words(at, text string, most int) {
	switch {
	case !r.needed(at, text):
	case len(text) > most:
		r.Fault(at, "%s has %d bytes, %d are the most", document.Label(at), len(text), most)
	case strings.ContainsFunc(text, unicode.IsControl):
		r.Fault(at, "%s %q has a control character", document.Label(at), text)
	}
}

func (r *reader) only(at string, x *ruleFile, out *Rule) {
	if !r.Set(at) {
		return
	}
	switch {
	case x.Of == string(Site):
		r.Fault(at, "there is but one site: only is for queues and agents")
	case len(x.Only) == 0 && !r.Faulty(at):
		r.Fault(at, "only names nobody: leave it out for all")
	case len(x.Only) > maxOnly:
		r.Fault(at, "only has %d names, %d are the most", len(x.Only), maxOnly)
		return
	}
	out.only = map[string]bool{}
	for i, name := range x.Only {
		in := fmt.Sprintf("%s.%d", at, i)
		switch {
		case name == "" && !r.Faulty(in):
			r.Fault(in, "a name is empty")
		case out.only[name]:
			r.Fault(in, "name %q is there twice", name)
		}
		out.only[name] = true
	}
}

// identifier tells whether a text is an id: a letter, then letters, digits and _.
func identifier(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' && i > 0
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
