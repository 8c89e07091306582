package main

import (
	"fmt"
	"time"

	"tallyd/metrics"
)

// figure prints a KPI for people; "–" where there is no data.
func figure(k *metrics.KPI, r *metrics.Rollup, p metrics.Params) string {
	v, ok := k.Value(r, p)
	if !ok {
		return "–"
	}
	return printed(k.Unit, v)
}

// printed gives a figure its unit.
func printed(unit string, v float64) string {
	switch unit {
	case "ratio":
		return fmt.Sprintf("%.1f %%", 100*v)
	case "ms":
		return duration(int64(v))
	case "1":
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// duration prints milliseconds to the tenth of a second.
func duration(ms int64) string {
	if ms == 0 {
		return "0s"
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}
