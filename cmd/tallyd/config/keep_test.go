package config

import (
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	now := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]struct {
		text   string
		before time.Time
	}{
		"13mo":     {"13mo", time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)}, // February has no 31st
		"5y":       {"5y", time.Date(2021, 3, 31, 12, 0, 0, 0, time.UTC)},
		"90d":      {"90d", time.Date(2025, 12, 31, 12, 0, 0, 0, time.UTC)},
		"2w":       {"14d", time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)},
		"1y6mo10d": {"1y6mo10d", time.Date(2024, 9, 21, 12, 0, 0, 0, time.UTC)},
		"1d":       {"1d", time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)},
	} {
		var a Age
		if err := a.UnmarshalText([]byte(text)); err != nil || a.String() != want.text || !a.Before(now).Equal(want.before) {
			t.Errorf("%s is %s, begins %s, error %v", text, a, a.Before(now), err)
		}
	}
	for _, text := range []string{"", "13", "13 mo", "-1d", "5m", "1d1y", "0d", "101y", "99999999d", "1.5y"} {
		if err := new(Age).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for an age", text)
		}
	}
}
