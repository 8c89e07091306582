package rules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unit is what a figure counts in.
type Unit uint8

// The units.
const (
	Number  Unit = iota // of calls, or calls an hour
	Ratio               // 0 to 1, written 55% or 0.55
	Millis              // written 180s or 3m
	Percent             // of a form's points, 0 to 100
)

func (u Unit) String() string {
	return [...]string{"a number", "a share", "a time", "a number of points out of 100"}[u]
}

// example is how people write one.
func (u Unit) example() string { return [...]string{"8", "80%", "180s", "90"}[u] }

// Parse reads what people write of a unit.
func (u Unit) Parse(s string) (float64, error) {
	var v float64
	var err error
	switch {
	case u == Millis:
		var d time.Duration
		d, err = time.ParseDuration(s)
		v = float64(d.Milliseconds())
		if err == nil && d%time.Millisecond != 0 {
			err = errors.New("finer than a millisecond")
		}
	case strings.HasSuffix(s, "%") && (u == Ratio || u == Percent):
		if v, err = plain(strings.TrimSuffix(s, "%")); u == Ratio {
			v /= 100
		}
	default:
		v, err = plain(s)
	}
	if err != nil {
		return 0, fmt.Errorf("is not %s, such as %s", u, u.example())
	}
	return v, nil
}

// plain reads a decimal number without an exponent.
func plain(s string) (float64, error) {
	if s == "" || strings.Trim(s, "-0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	v, err := strconv.ParseFloat(s, 64)
	if err == nil && math.Abs(v) > 1e12 {
		err = strconv.ErrRange
	}
	return v, err
}

// Weight is a share of a score, in hundredths of a percent.
type Weight int

// fullWeight is what the weights of a role add up to.
const fullWeight Weight = 100_00

// UnmarshalText reads 15% or 12.5%.
func (w *Weight) UnmarshalText(b []byte) error {
	whole, ok := strings.CutSuffix(string(b), "%")
	whole, part, _ := strings.Cut(whole, ".")
	n, err := strconv.ParseUint(whole+(part + "00")[:2], 10, 16)
	if !ok || err != nil || len(part) > 2 || whole == "" {
		return errors.New("is not a weight, such as 15% or 12.5%")
	}
	if *w = Weight(n); *w > fullWeight {
		return errors.New("is more than 100%")
	}
	return nil
}

// share is the weight from 0 to 1.
func (w Weight) share() float64 { return float64(w) / float64(fullWeight) }

func (w Weight) String() string {
	s := strconv.Itoa(int(w / 100))
	if part := w % 100; part != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%02d", part), "0")
	}
	return s + "%"
}

// Date is a day of a scheme's calendar.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// UnmarshalText reads 2026-11-01.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return errors.New("is not a date, such as 2026-11-01")
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Before tells whether a day comes before another.
func (d Date) Before(o Date) bool {
	return d.Year*10000+int(d.Month)*100+d.Day < o.Year*10000+int(o.Month)*100+o.Day
}
