package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tallyd/metrics"
	"tallyd/rules"
	"tallyd/storage"
)

// Scores are formed by schemes from what is exported: sealed once a period is over,
// and meanwhile as they stand.

// Scheme is one that the site appraises by, and its file's content.
type Scheme struct {
	*rules.Scheme
	Text []byte
}

// ScoreQuery asks for the scores of a cycle that was sealed, or, where Cycle is "", as
// they stand.
type ScoreQuery struct {
	Cycle    string
	Revision *uint32 // nil: the latest
	// Scheme is the name of one that the site has; "": its first.
	Scheme string
	// From and To are the period, To exclusive; zero: that of the scheme which holds today.
	From, To rules.Date
	Agent    string // "": everybody
	Role     string // "": all
	// Recompute asks for sealed scores to be formed again from what they were made of.
	Recompute bool

	of map[string]bool
}

// ScoreList is an answer. It has no cards of whom the asker may not see.
type ScoreList struct {
	// Cycle names the scores of a scheme and period.
	Cycle string `json:"cycle"`
	// Sealed is nil for scores as they stand: these go on changing.
	Sealed *SealedNote `json:"sealed,omitempty"`
	// AsOf is when scores as they stand were formed.
	AsOf   Moment           `json:"as_of,omitzero"`
	Scheme rules.SchemeID   `json:"scheme"`
	Period rules.SpanOfDays `json:"period"`
	// Facts is the SHA-256 of what they were made of.
	Facts string       `json:"facts_sha256"`
	Cards []rules.Card `json:"cards"`
	// SHA256 is that of the document of all cards, as `tallyd score --json` writes it.
	SHA256 string `json:"sha256"`
	// Recomputed is what SHA256 comes to when they are formed again, from what they were
	// made of, by the same scheme; "" where nobody asked.
	Recomputed string `json:"recomputed_sha256,omitempty"`
}

// SealedNote tells of a sealing.
type SealedNote struct {
	Revision uint32 `json:"revision"` // from 0
	At       Moment `json:"at"`
	By       string `json:"by"`
}

// Cycle is one of whose scores there are.
type Cycle struct {
	Cycle  string           `json:"cycle"`
	Scheme rules.SchemeID   `json:"scheme"`
	Period rules.SpanOfDays `json:"period"`
	Cards  int              `json:"cards"`
	SealedNote

	sum string
}

// CycleName names the scores of a scheme and period: SCHEME-2026-10 for a month,
// SCHEME-2026-Q4 for a quarter.
func CycleName(scheme string, p rules.SpanOfDays) string {
	from, to := p.From, p.To
	month := func(n int) bool {
		return from.Day == 1 && to == rules.DateOf(time.Date(from.Year, from.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC), time.UTC)
	}
	switch {
	case month(1):
		return fmt.Sprintf("%s-%04d-%02d", scheme, from.Year, from.Month)
	case month(3) && (from.Month-1)%3 == 0:
		return fmt.Sprintf("%s-%04d-Q%d", scheme, from.Year, (from.Month-1)/3+1)
	}
	return fmt.Sprintf("%s-%s-%s", scheme, from, to)
}

// standing keeps the scores that were formed last, for a while.
type standing struct {
	mu     sync.Mutex
	key    string
	at     time.Time
	scores *rules.Scores
}

// standingFor is how old scores may be that are told as they stand.
const standingFor = time.Minute

// schemes are those that the site appraises by now.
func (s *Service) schemes() []Scheme {
	if s.cfg.Schemes == nil {
		return nil
	}
	return s.cfg.Schemes()
}

// scheme finds one by its name.
func (s *Service) scheme(name string) (*Scheme, error) {
	all := s.schemes()
	if len(all) == 0 {
		return nil, &BadQuestion{errors.New("the configuration names no schemes: scheme_files")}
	}
	i := slices.IndexFunc(all, func(x Scheme) bool { return name == "" || x.Name == name })
	if i < 0 {
		var names []string
		for _, x := range all {
			names = append(names, x.Name)
		}
		return nil, &BadQuestion{fmt.Errorf("scheme %q is none of %s", name, strings.Join(names, ", "))}
	}
	return &all[i], nil
}

// period is what a question is about.
func (q *ScoreQuery) period(s *rules.Scheme, now time.Time) (rules.SpanOfDays, error) {
	p := rules.SpanOfDays{From: q.From, To: q.To}
	if p.From == (rules.Date{}) && p.To == (rules.Date{}) {
		return s.PeriodOf(rules.DateOf(now, s.Zone)), nil
	}
	if d := p.To.Since(p.From); p.From == (rules.Date{}) || d <= 0 || d > rules.MostDays {
		return p, &BadQuestion{fmt.Errorf("the period from %s to %s is not one of 1 to %d days", p.From, p.To, rules.MostDays)}
	}
	return p, nil
}

// Scores answers.
func (s *Service) Scores(ctx context.Context, q ScoreQuery) (*ScoreList, error) {
	out, _, err := s.scores(ctx, q)
	return out, err
}

// scores answers, and tells by which scheme.
func (s *Service) scores(ctx context.Context, q ScoreQuery) (*ScoreList, *rules.Scheme, error) {
	if q.Cycle != "" {
		return s.sealedScores(ctx, q)
	}
	scheme, err := s.scheme(q.Scheme)
	if err != nil {
		return nil, nil, err
	}
	period, err := q.period(scheme.Scheme, s.Now())
	if err != nil {
		return nil, nil, err
	}
	scores, at, err := s.stand(ctx, scheme.Scheme, period)
	if err != nil {
		return nil, nil, err
	}
	out := &ScoreList{Cycle: CycleName(scheme.Name, period), AsOf: Moment(metrics.MillisOf(at)), Scheme: scores.Scheme, Period: period, Facts: scores.Facts, SHA256: scores.SHA256, Cards: []rules.Card{}}
	for i := range scores.Cards {
		if c := &scores.Cards[i]; q.wants(c.Agent, c.Role) {
			out.Cards = append(out.Cards, *c)
		}
	}
	return out, scheme.Scheme, nil
}

func (q *ScoreQuery) wants(agent, role string) bool {
	return (q.Agent == "" || agent == q.Agent) && (q.Role == "" || role == q.Role) && (q.of == nil || q.of[agent])
}

// stand is the scores of a period as they stand, and when they were formed.
func (s *Service) stand(ctx context.Context, scheme *rules.Scheme, p rules.SpanOfDays) (*rules.Scores, time.Time, error) {
	s.standing.mu.Lock()
	defer s.standing.mu.Unlock()
	key := scheme.SHA256 + p.From.String() + p.To.String()
	if now := s.Now(); s.standing.key == key && now.Sub(s.standing.at).Abs() < standingFor {
		return s.standing.scores, s.standing.at, nil
	}
	begun := s.Now() // what came while they were formed may be in them, or not
	scores, err := s.appraise(ctx, scheme, p, func(*rules.Fact) error { return nil })
	if err == nil {
		s.standing.key, s.standing.at, s.standing.scores = key, begun, scores
	}
	return scores, begun, err
}

// appraise forms scores from what is stored and under way, every line of which also
// gets it.
func (s *Service) appraise(ctx context.Context, scheme *rules.Scheme, p rules.SpanOfDays, also func(*rules.Fact) error) (*rules.Scores, error) {
	a := rules.NewAppraisal(scheme, p.From, p.To)
	q := ExportQuery{From: p.From.Midnight(scheme.Zone), To: p.To.Midnight(scheme.Zone), Limit: MaxExport, Calls: true}
	if now := s.Now(); q.To.After(now) {
		q.To = now
	}
	for q.From.Before(q.To) {
		list, err := s.Export(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range list.Lines {
			a.Add(&list.Lines[i])
			if err := also(&list.Lines[i]); err != nil {
				return nil, err
			}
		}
		if !list.More {
			break
		}
		q.From = metrics.Millis(list.To).Time()
	}
	return a.Scores()
}

// Seal stores the scores of a period that is over. Where the latest revision was made
// of the same, that one is the answer.
func (s *Service) Seal(ctx context.Context, q ScoreQuery, by string) (*ScoreList, error) {
	if s.cfg.Store == nil {
		return nil, &BadQuestion{errors.New("nothing is stored here")}
	}
	scheme, err := s.scheme(q.Scheme)
	if err != nil {
		return nil, err
	}
	if q.From == (rules.Date{}) {
		return nil, &BadQuestion{errors.New("which period? from and to are missing")}
	}
	p, err := q.period(scheme.Scheme, s.Now())
	if err != nil {
		return nil, err
	}
	if end := p.To.Midnight(scheme.Zone); s.Now().Before(end) {
		return nil, &BadQuestion{fmt.Errorf("the period from %s to %s is not over before %s", p.From, p.To, end.Format(time.RFC3339))}
	}
	made := &storage.Inputs{}
	scores, err := s.appraise(ctx, scheme.Scheme, p, func(f *rules.Fact) error {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		return made.Add(line)
	})
	if err != nil {
		return nil, err
	}
	if len(scores.Cards) == 0 {
		return nil, &BadQuestion{fmt.Errorf("nobody has a role of the scheme %s from %s to %s", scheme.Name, p.From, p.To)}
	}
	cycle := CycleName(scheme.Name, p)
	s.sealing.Lock() // of two who seal the same, the second finds what the first did
	defer s.sealing.Unlock()
	latest, err := s.latestSum(ctx, cycle)
	if err == nil && latest != scores.SHA256 {
		err = s.seal(ctx, scheme, cycle, scores, made, by)
	}
	if err != nil {
		return nil, err
	}
	return s.Scores(ctx, ScoreQuery{Cycle: cycle})
}

// latestSum is the sum of a cycle's latest revision, "" where it was not sealed.
func (s *Service) latestSum(ctx context.Context, cycle string) (string, error) {
	cycles, err := s.Cycles(ctx)
	sum := ""
	for i := range cycles {
		if cycles[i].Cycle == cycle {
			sum = cycles[i].sum
		}
	}
	return sum, err
}

func (s *Service) seal(ctx context.Context, scheme *Scheme, cycle string, scores *rules.Scores, made *storage.Inputs, by string) error {
	head := *scores
	head.Cards = []rules.Card{}
	b, err := json.Marshal(&head)
	if err != nil {
		return err
	}
	cards := make([]storage.SealedCard, len(scores.Cards))
	for i := range scores.Cards {
		c := &scores.Cards[i]
		body, err := json.Marshal(c)
		if err != nil {
			return err
		}
		cards[i] = storage.SealedCard{Agent: c.Agent, Role: c.Role, Body: body}
	}
	return s.cfg.Store.SealScores(ctx, &storage.Sealing{Cycle: cycle, At: metrics.MillisOf(s.Now()), By: by, Scheme: scheme.SHA256, Head: b}, scheme.Text, cards, made)
}

// sealing finds a revision of a cycle.
func (q *ScoreQuery) sealing(list []storage.Sealing) (*storage.Sealing, error) {
	if len(list) == 0 {
		return nil, &BadQuestion{fmt.Errorf("cycle %q was not sealed", q.Cycle)}
	}
	if q.Revision == nil {
		return &list[len(list)-1], nil
	}
	i := slices.IndexFunc(list, func(x storage.Sealing) bool { return x.Revision == *q.Revision })
	if i < 0 {
		return nil, &BadQuestion{fmt.Errorf("cycle %q has no revision %d: the latest is %d", q.Cycle, *q.Revision, list[len(list)-1].Revision)}
	}
	return &list[i], nil
}

func (s *Service) sealedScores(ctx context.Context, q ScoreQuery) (*ScoreList, *rules.Scheme, error) {
	v, x, out, err := s.sealed(ctx, &q)
	if err != nil {
		return nil, nil, err
	}
	defer v.Close()
	for c, err := range v.Cards(ctx, x.Cycle, x.Revision, q.Agent) {
		if err != nil {
			return nil, nil, err
		}
		if !q.wants(c.Agent, c.Role) {
			continue
		}
		card, err := readCard(&c)
		if err != nil {
			return nil, nil, err
		}
		out.Cards = append(out.Cards, *card)
	}
	scheme, err := schemeOf(ctx, v, x)
	if err != nil {
		return nil, nil, err
	}
	if q.Recompute {
		if out.Recomputed, err = s.again(ctx, v, x, scheme, out.Period); err != nil {
			return nil, nil, err
		}
	}
	order := func(role string) int {
		return slices.IndexFunc(scheme.Roles, func(r rules.Role) bool { return r.Name == role })
	}
	slices.SortStableFunc(out.Cards, func(a, b rules.Card) int {
		return cmp.Or(cmp.Compare(order(a.Role), order(b.Role)), cmp.Compare(a.Agent, b.Agent))
	})
	return out, scheme, nil
}

// again forms sealed scores from what they were made of, and tells their sum.
func (s *Service) again(ctx context.Context, v *storage.Snapshot, x *storage.Sealing, scheme *rules.Scheme, p rules.SpanOfDays) (string, error) {
	a, kept := rules.NewAppraisal(scheme, p.From, p.To), false
	for lines, err := range v.Inputs(ctx, x.Cycle, x.Revision) {
		if err != nil {
			return "", err
		}
		kept = true
		bad, err := rules.ReadFacts(bytes.NewReader(lines), func(f *rules.Fact) error { a.Add(f); return nil })
		if err != nil {
			return "", err
		}
		if len(bad) > 0 {
			return "", fmt.Errorf("what cycle %s was made of: %s", x.Cycle, bad[0])
		}
	}
	var scores *rules.Scores
	var err error
	if kept {
		scores, err = a.Scores()
	} else { // it was sealed by a program that kept only what it came to
		scores, err = s.appraise(ctx, scheme, p, func(*rules.Fact) error { return nil })
	}
	if err != nil {
		return "", err
	}
	return scores.SHA256, nil
}

// listOf is a sealing without its cards.
func listOf(x *storage.Sealing) (*ScoreList, error) {
	var head rules.Scores
	if err := json.Unmarshal(x.Head, &head); err != nil {
		return nil, fmt.Errorf("cycle %s: %w", x.Cycle, err)
	}
	return &ScoreList{Cycle: x.Cycle, Sealed: &SealedNote{x.Revision, Moment(x.At), x.By}, Scheme: head.Scheme, Period: head.Period, Facts: head.Facts, SHA256: head.SHA256, Cards: []rules.Card{}}, nil
}

func readCard(c *storage.SealedCard) (*rules.Card, error) {
	out := &rules.Card{}
	if err := json.Unmarshal(c.Body, out); err != nil {
		return nil, fmt.Errorf("card of %s: %w", c.Agent, err)
	}
	return out, nil
}

// Cycles lists what was sealed, every revision of it.
func (s *Service) Cycles(ctx context.Context) ([]Cycle, error) {
	out := []Cycle{}
	if s.cfg.Store == nil {
		return out, nil
	}
	v, err := s.cfg.Store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	list, err := v.Sealings(ctx, "")
	for i := range list {
		x, err := listOf(&list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, Cycle{x.Cycle, x.Scheme, x.Period, list[i].Cards, *x.Sealed, x.SHA256})
	}
	return out, err
}
