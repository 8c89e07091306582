package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash"
	"maps"
	"slices"

	"tallyd/metrics"
)

// Scores are the cards of a period with what they were made of. The same scheme and
// facts give the same bytes on every machine: what is added up are whole numbers, and
// what is not is added in a stated order, each step rounded by itself.
type Scores struct {
	Scheme SchemeID   `json:"scheme"`
	Period SpanOfDays `json:"period"`
	// Facts is the SHA-256 of what was added up of the facts, whatever their order.
	Facts string `json:"facts_sha256"`
	Cards []Card `json:"cards"`
	// SHA256 is that of this document as one line of JSON without it.
	SHA256 string `json:"sha256,omitempty"`
}

// SchemeID says which scheme it was.
type SchemeID struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

func (s *Scheme) id() SchemeID { return SchemeID{s.Name, s.Version, s.SHA256} }

// SpanOfDays is from a day to another, exclusive.
type SpanOfDays struct {
	From Date `json:"from"`
	To   Date `json:"to"`
}

// Scores forms all cards.
func (a *Appraisal) Scores() (*Scores, error) {
	s := a.scheme
	out := &Scores{Scheme: s.id(), Period: SpanOfDays{a.from, a.to}, Facts: a.sum(), Cards: a.Cards()}
	if out.Cards == nil {
		out.Cards = []Card{}
	}
	b, err := out.Line()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	out.SHA256 = hex.EncodeToString(sum[:])
	return out, nil
}

// Line is the document as one line of JSON, without an end of line.
func (s *Scores) Line() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(s)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Intact tells whether a document is what it was when its sum was formed.
func (s *Scores) Intact() bool {
	without := *s
	without.SHA256 = ""
	b, err := without.Line()
	sum := sha256.Sum256(b)
	return err == nil && hex.EncodeToString(sum[:]) == s.SHA256
}

// MarshalText writes 2026-11-01.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// summing writes what an appraisal gathered, in order, into a hash.
type summing struct {
	hash.Hash
	b []byte
}

func (s *summing) numbers(n ...int64) {
	s.b = s.b[:0]
	for _, v := range n {
		s.b = binary.AppendVarint(s.b, v)
	}
	s.Write(s.b)
}

// sparse writes those that are not 0, each with its place: so numbers that are added
// at the end, and that nothing was counted in, change no sum.
func (s *summing) sparse(n []int64) {
	s.b = s.b[:0]
	for i, v := range n {
		if v != 0 {
			s.b = binary.AppendVarint(binary.AppendVarint(s.b, int64(i)), v)
		}
	}
	s.b = binary.AppendVarint(s.b, -1)
	s.Write(s.b)
}

func (s *summing) text(t string) {
	s.numbers(int64(len(t)))
	s.Write([]byte(t))
}

// sum is the SHA-256 of what was gathered.
func (a *Appraisal) sum() string {
	h := &summing{Hash: sha256.New()}
	queues := make([]string, len(a.queues))
	for name, i := range a.queues {
		queues[i] = name
	}
	for _, name := range sorted(a.workers) {
		w := a.workers[name]
		h.text(name)
		for i := range w.days {
			if d := &w.days[i]; d.role != "" || d.team != "" {
				h.numbers(int64(i), int64(len(d.teams)))
				h.text(d.role)
				h.text(d.team)
				for _, t := range d.teams {
					h.text(t)
				}
			}
		}
		for _, role := range sorted(w.roles) {
			h.text(role)
			h.work(w.roles[role], queues)
		}
		keys := slices.SortedFunc(maps.Keys(w.loose), looseDay.compare)
		for _, k := range keys {
			h.numbers(int64(k.day))
			h.text(k.role)
			h.text(k.team)
			h.work(w.loose[k], queues)
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(a.teams), teamDay.compare) {
		h.text(at.team)
		h.numbers(int64(at.day))
		for _, name := range sorted(a.teams[at].members) {
			h.text(name)
		}
		h.sums(&a.teams[at].sums)
	}
	for _, at := range slices.SortedFunc(maps.Keys(a.calls), queueDay.compare) {
		h.calls(at, a.calls[at])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// calls writes what a queue's callers came to.
func (s *summing) calls(at queueDay, r *metrics.Rollup) {
	s.text(at.queue)
	s.numbers(int64(at.day))
	s.sparse(r.Values[:])
	for _, h := range r.Histograms {
		s.numbers(int64(len(h)))
		for _, n := range h {
			s.numbers(int64(n))
		}
	}
}

func (s *summing) work(w *work, queues []string) {
	for _, b := range w.days {
		s.numbers(int64(b))
	}
	s.sums(&w.sums)
	cells := slices.SortedFunc(maps.Keys(w.cells), func(a, b stratum) int { return a.compare(b, queues) })
	s.numbers(int64(len(cells)))
	for _, at := range cells {
		s.text(queues[at.queue])
		s.numbers(int64(at.part))
		s.numbers(w.cells[at]...)
	}
}

func (s *summing) sums(x *Sums) {
	s.sparse(x.Counts[:])
	s.numbers(int64(len(x.Forms)))
	for _, id := range sorted(x.Forms) {
		f := x.Forms[id]
		s.text(id)
		s.numbers(f.Forms, f.Percent, f.Squared, f.Critical)
	}
}
