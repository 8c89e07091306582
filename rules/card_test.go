package rules

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCardByHand: one agent alone is drawn towards nobody: points, weights by days,
// what is not rated, score and grade by hand.
func TestCardByHand(t *testing.T) {
	s := testScheme(t)
	a := NewAppraisal(s, Date{2026, 10, 31}, Date{2026, 11, 2})
	day := func(d int) *Fact {
		// 40 calls in 8 hours: 5 an hour. 300 s of talk and wrap-up each, 20 s held.
		return &Fact{At: time.Date(2026, 10, 31+d, 10, 0, 0, 0, s.Zone), Agent: "ann", Role: "agent", Counts: map[string]int64{
			"answered": 20, "logged_in_ms": 4 * 3_600_000, "talk_ms": 5_000_000, "wrapup_ms": 1_000_000, "hold_ms": 400_000, "handle_s2": 20 * 300 * 300}}
	}
	a.Add(day(0)) // weights 40, 20, 30, 10
	a.Add(day(1)) // Double Eleven: 60, 0, 30, 10
	for range 14 {
		a.Add(&Fact{At: day(1).At, Agent: "ann", Survey: &Survey{CSAT: new(5)}})
	}
	cards := a.Cards()
	if len(cards) != 1 {
		t.Fatal(cards)
	}
	c := cards[0]
	points := func(i int, want float64) {
		t.Helper()
		if r := c.Indicators[i]; !r.Rated || math.Abs(*r.Points-want) > 1e-9 {
			t.Errorf("%s: %+v, want %v points", r.ID, r, want)
		}
	}
	points(0, 40)  // 5 between floor 3 and target 8
	points(1, 100) // 300 s, at the band's end
	points(3, 80)  // 20 s between 10 s (100) and 60 s (0)
	if r := c.Indicators[2]; r.Rated || r.Why != "surveys: 14, at least 15 are needed" || *r.Raw != 1 || r.Contribution != nil {
		t.Errorf("%+v", r)
	}
	// Over two days: volume 100, aht 20, hold 20 of 140 that are rated.
	const want = 54.29 // (100 × 40 + 20 × 100 + 20 × 80) / 140
	if *c.Score != want || c.Grade != "B" || c.Days != 2 || c.Tier != 1 {
		t.Errorf("score %v, grade %s, %d days, tier %d; want %v", *c.Score, c.Grade, c.Days, c.Tier, want)
	}
	if w := c.Indicators[0].Weight; w != 0.5 {
		t.Errorf("volume's weight is %v", w)
	}
}

// TestNothingRated: who has nothing that is rated has no score, rather than 0.
func TestNothingRated(t *testing.T) {
	a := NewAppraisal(testScheme(t), Date{2026, 11, 1}, Date{2026, 12, 1})
	a.Add(worked("ann", "agent", 3, 9, 5))
	c := a.Cards()[0]
	if c.Score != nil || c.Grade != "" || c.Tier != 0 {
		t.Errorf("%+v", c)
	}
	for _, r := range c.Indicators {
		if r.Rated || r.Why == "" {
			t.Errorf("%+v", r)
		}
	}
}

// TestTiers: a new tier begins below the interval of the best one in the tier before.
func TestTiers(t *testing.T) {
	card := func(agent string, score, half float64) Card {
		return Card{Agent: agent, Score: &score, Interval: &[2]float64{score - half, score + half}}
	}
	cards := []Card{card("d", 70, 3), card("a", 90, 5), card("b", 84, 2), card("c", 80, 4), card("e", 69, 9), {Agent: "f"}}
	tier(cards)
	for i, want := range []int{3, 1, 1, 2, 3, 0} {
		if cards[i].Tier != want {
			t.Errorf("%s is in tier %d, want %d", cards[i].Agent, cards[i].Tier, want)
		}
	}
}

// TestCardsProperties: a score lies between the points, is the sum of its parts, is
// the same whatever the order of facts, and never NaN.
func TestCardsProperties(t *testing.T) {
	s := testScheme(t)
	rapid.Check(t, func(t *rapid.T) {
		var facts []*Fact
		for _, agent := range []string{"ann", "bob", "cid"}[:rapid.IntRange(1, 3).Draw(t, "agents")] {
			for d := range rapid.IntRange(0, 5).Draw(t, "days") {
				f := worked(agent, "agent", 1+d*5, 9, rapid.Int64Range(0, 60).Draw(t, "answered"))
				for _, name := range []string{"logged_in_ms", "talk_ms", "hold_ms", "wrapup_ms", "handle_s2"} {
					f.Counts[name] = rapid.Int64Range(0, 30_000_000).Draw(t, name)
				}
				facts = append(facts, f)
				for range rapid.IntRange(0, 9).Draw(t, "surveys") {
					facts = append(facts, &Fact{At: f.At, Agent: agent, Survey: &Survey{CSAT: new(rapid.IntRange(1, 5).Draw(t, "csat"))}})
				}
			}
		}
		form := func(list []*Fact) []Card {
			a := NewAppraisal(s, Date{2026, 11, 1}, Date{2026, 12, 1})
			for _, f := range list {
				a.Add(f)
			}
			return a.Cards()
		}
		cards := form(facts)
		first, err := json.Marshal(cards) // fails for NaN
		if err != nil {
			t.Fatal(err)
		}
		other, err := json.Marshal(form(rapid.Permutation(facts).Draw(t, "order")))
		if err != nil || string(other) != string(first) {
			t.Fatalf("in another order\n%s, want\n%s", other, first)
		}
		for _, c := range cards {
			sum := 0.0
			for _, r := range c.Indicators {
				if r.Contribution != nil {
					sum += *r.Contribution
				}
				if r.Interval != nil && !(r.Interval[0] <= *r.Shrunk && *r.Shrunk <= r.Interval[1]) {
					t.Fatalf("%+v", r)
				}
			}
			if c.Score != nil && (math.Abs(*c.Score-sum) > 1e-9 || *c.Score < 0 || *c.Score > 120+1e-9) {
				t.Fatalf("score %v of parts %v", *c.Score, sum)
			}
		}
	})
}
