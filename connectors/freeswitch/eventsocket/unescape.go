package eventsocket

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescapePercent appends s to dst with %XX replaced. It is not form decoding:
// + stands for itself. A malformed escape is kept as it stands and counted.
//
// The form itself loses something: FreeSWITCH leaves a percent sign alone that
// two upper-case hexadecimal digits follow, so a value that holds "%40" arrives
// as an @ (Refer-To of the attended transfers in runA). JSON keeps it.
func unescapePercent(dst, s []byte) (_ []byte, bad int) {
	for {
		i := bytes.IndexByte(s, '%')
		if i < 0 {
			return append(dst, s...), bad
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		if len(s) >= 3 {
			if hi, lo := fromHex(s[1]), fromHex(s[2]); hi >= 0 && lo >= 0 {
				dst = append(dst, byte(hi<<4|lo))
				s = s[3:]
				continue
			}
		}
		dst = append(dst, '%')
		s = s[1:]
		bad++
	}
}

// unescapeJSON appends the inside of a JSON string to dst with its escapes
// replaced. Bytes that are not UTF-8 are kept: a caller's name may hold any.
// A malformed escape is kept as it stands, half of a surrogate pair becomes
// U+FFFD; both are counted.
func unescapeJSON(dst, s []byte) (_ []byte, bad int) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...), bad
		}
		dst = append(dst, s[:i]...)
		s = s[i+1:]
		if len(s) == 0 {
			return append(dst, '\\'), bad + 1
		}
		c := s[0]
		s = s[1:]
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := fromHex4(s)
			if r < 0 {
				dst = append(dst, '\\', 'u')
				bad++
				break
			}
			s = s[4:]
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					pair = utf16.DecodeRune(r, fromHex4(s[2:]))
				}
				if pair == utf8.RuneError {
					bad++
				} else {
					s = s[6:]
				}
				r = pair
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, '\\', c)
			bad++
		}
	}
}

// fromHex4 reads four hexadecimal digits, or returns -1.
func fromHex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	var r rune
	for _, c := range s[:4] {
		d := fromHex(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

func fromHex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
