package document

import (
	"fmt"
	"strings"
	"time"
)

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Days reads the list of days of the week at a path: mon, or a range such as fri-mon.
func (d *Decoder) Days(at string, list []string) (days [7]bool) {
	for i, s := range list {
		in := fmt.Sprintf("%s.%d", at, i)
		first, last, span := strings.Cut(s, "-")
		from, ok := weekday(first)
		to, also := from, true
		if span {
			to, also = weekday(last)
		}
		if !ok || !also {
			if !d.Faulty(in) {
				d.Fault(in, "day %q is none of mon, tue, wed, thu, fri, sat, sun, nor a range such as mon-fri", s)
			}
			continue
		}
		for w := from; ; w = (w + 1) % 7 {
			if days[w] {
				d.Fault(in, "day %q is given twice", dayNames[w])
			}
			days[w] = true
			if w == to {
				break
			}
		}
	}
	return days
}

func weekday(s string) (time.Weekday, bool) {
	for i, n := range dayNames {
		if strings.EqualFold(strings.TrimSpace(s), n) {
			return time.Weekday(i), true
		}
	}
	return 0, false
}
