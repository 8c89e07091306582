package api

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"tallyd/metrics"
)

// TestFactPages: page by page comes what comes at once.
func TestFactPages(t *testing.T) {
	l, _, _ := feedLab(t, "fs1")
	for i := range 23 {
		at := labStart + metrics.Millis(i/3)*1000
		l.took("training", fmt.Sprintf(`{"id":"%d","at":%q,"agent":%q,"training":{"course":"c1","passed":true}}`, i, written(at), []string{"ann", "bob"}[i%2]))
	}
	for _, agent := range []string{"", "ann"} {
		all, err := l.service.Facts(t.Context(), FactQuery{Agent: agent})
		if want := map[string]int{"": 23, "ann": 12}[agent]; err != nil || len(all.Facts) != want || all.Next != nil {
			t.Fatalf("%d facts of %q, error %v", len(all.Facts), agent, err)
		}
		for _, limit := range []int{1, 5, 12, 23} {
			var got []Fact
			q := FactQuery{Agent: agent, Limit: limit}
			for {
				page, err := l.service.Facts(t.Context(), q)
				if err != nil || len(page.Facts) > limit {
					t.Fatalf("%d facts, error %v", len(page.Facts), err)
				}
				got = append(got, page.Facts...)
				if q.After = page.Next; q.After == nil {
					break
				}
			}
			if !reflect.DeepEqual(got, all.Facts) {
				t.Errorf("in pages of %d: %+v, want %+v", limit, got, all.Facts)
			}
		}
	}
	for want, q := range map[string]FactQuery{
		`kind "mail" is none of survey, disposition, training, form`:          {Kind: "mail"},
		`kind "" is none of survey, disposition, training, form`:              {After: &FactPlace{}},
		`limit -1 is not between 0 and 10000`:                                 {Limit: -1},
		`the span from 2026-10-02T00:00:00Z to 2026-10-01T01:02:05Z is empty`: {From: time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := l.service.Facts(t.Context(), q); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}
