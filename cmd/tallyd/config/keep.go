package config

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Retention says how long each kind of record is kept.
type Retention struct {
	// Contacts are the evidence: every caller's stay, callers masked.
	Contacts Age `yaml:"contacts"`
	// Rollups are the sums of quarter hours.
	Rollups Age `yaml:"rollups"`
}

// Age is a span of the calendar: 5y, 13mo, 90d, 1y6mo.
type Age struct{ Years, Months, Days int }

var ageForm = regexp.MustCompile(`^(?:(\d{1,4})y)?(?:(\d{1,4})mo)?(?:(\d{1,4})w)?(?:(\d{1,5})d)?$`)

// UnmarshalText reads an age of at least a day and at most a century.
func (a *Age) UnmarshalText(b []byte) error {
	m := ageForm.FindStringSubmatch(string(b))
	if m == nil || len(b) == 0 {
		return errors.New("is not an age, such as 90d, 13mo or 5y")
	}
	n := [5]int{}
	for i := range m {
		n[i], _ = strconv.Atoi(m[i]) // digits, or nothing
	}
	*a = Age{n[1], n[2], 7*n[3] + n[4]}
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if since := a.Before(now); since.After(now.AddDate(0, 0, -1)) || since.Before(now.AddDate(-100, 0, 0)) {
		return errors.New("must be between 1d and 100y")
	}
	return nil
}

func (a Age) String() string {
	var b strings.Builder
	for _, part := range []struct {
		n    int
		unit string
	}{{a.Years, "y"}, {a.Months, "mo"}, {a.Days, "d"}} {
		if part.n > 0 {
			b.WriteString(strconv.Itoa(part.n) + part.unit)
		}
	}
	return b.String()
}

// Before is the moment that is this age at another.
func (a Age) Before(t time.Time) time.Time { return t.AddDate(-a.Years, -a.Months, -a.Days) }

// Share is a part of a whole, 0 to 1: 80%.
type Share float64

// UnmarshalText reads a share as a percentage.
func (s *Share) UnmarshalText(b []byte) error {
	text, is := strings.CutSuffix(string(b), "%")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !is || !(n >= 0 && n <= 100) {
		return errors.New("is not a percentage, such as 80%")
	}
	*s = Share(n / 100)
	return nil
}

func (s Share) String() string { return strconv.FormatFloat(100*float64(s), 'g', -1, 64) + "%" }

// Size is a number of bytes: 10GB, 500MiB.
type Size int64

// leastBudget is what a store takes that has hardly any record.
const leastBudget Size = 200_000_000

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(b []byte) error {
	n, err := humanize.ParseBytes(string(b))
	if err != nil || n > 1<<62 {
		return errors.New("is not a size, such as 10GB or 500MiB")
	}
	*s = Size(n)
	return nil
}

func (s Size) String() string { return humanize.Bytes(uint64(s)) }
