package arievent

// ParseStamp reads a time stamp as Asterisk writes it, in any zone:
// 2026-11-23T21:54:22.238+0530. There is no colon in the zone, so RFC 3339
// does not fit; with a colon, or Z, it is read too. The result is milliseconds
// since 1970 UTC.
func ParseStamp(b []byte) (int64, bool) {
	if len(b) < len("2006-01-02T15:04:05Z") || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	bad := false
	number := func(at, n int) int64 {
		var v int64
		for _, c := range b[at : at+n] {
			if c < '0' || c > '9' {
				bad = true
				return 0
			}
			v = v*10 + int64(c-'0')
		}
		return v
	}
	year, month, day := number(0, 4), number(5, 2), number(8, 2)
	hour, minute, second := number(11, 2), number(14, 2), number(17, 2)
	if bad || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	ms := ((days(year, month, day)*24+hour)*60+minute)*60_000 + second*1000
	i := 19
	if b[i] == '.' {
		scale := int64(100)
		from := i + 1
		for i++; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
			ms += int64(b[i]-'0') * scale
			scale /= 10
		}
		if i == from {
			return 0, false
		}
	}
	switch {
	case i+1 == len(b) && b[i] == 'Z':
		return ms, true
	case i >= len(b) || b[i] != '+' && b[i] != '-':
		return 0, false
	}
	west := b[i] == '-'
	zone := b[i+1:]
	if len(zone) == 5 && zone[2] == ':' {
		zone = append([]byte{zone[0], zone[1]}, zone[3:]...)
	}
	if len(zone) != 4 {
		return 0, false
	}
	var v [4]int64
	for k, c := range zone {
		if c < '0' || c > '9' {
			return 0, false
		}
		v[k] = int64(c - '0')
	}
	offset := ((v[0]*10+v[1])*60 + v[2]*10 + v[3]) * 60_000
	if v[2] > 5 || offset > 15*3_600_000 {
		return 0, false
	}
	if west {
		return ms + offset, true
	}
	return ms - offset, true
}

// days counts the days from 1970-01-01 to a day of the Gregorian calendar.
// The year begins in March, so that the leap day is its last.
func days(y, m, d int64) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719_468
}
