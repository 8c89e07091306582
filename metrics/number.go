package metrics

import (
	"bytes"
	"strings"
)

// Numbers says how callers' numbers are written where the switches stand, so
// that one caller is one caller however a trunk presents them. The zero value
// knows of no country: it unites what differs in punctuation only.
//
// The rules are few and do not change: a hash cannot be formed anew, so that a
// numbering plan's next edition must not make strangers of known callers.
type Numbers struct {
	// Country is the code of the switches' country, such as "86"; "" for unknown.
	Country string
	// Area is the area code, without the trunk prefix, that numbers of seven or
	// eight digits are of; "" where nobody calls so.
	Area string
	// International is what is dialled before a country code, such as "00".
	International string
	// Trunk is what is dialled before a national number, such as "0"; "" where
	// nothing is.
	Trunk string
	// Digits is how many digits a national number has at most, without the trunk
	// prefix.
	Digits int
}

// internalDigits is the length up to which a number is an extension or a short
// code, which belongs to no country.
const internalDigits = 6

// localDigits is the length up to which a longer number lacks its area code.
const localDigits = 8

// Normalise gives a caller's number one form: "+" and the country code for a
// public number, the digits as they are for an internal one, the user's name in
// lower case for a SIP user that is no number. A caller who is not told is blank.
//
//   - sip:, sips: and tel: go, and so does what follows an @ or a semicolon.
//   - Spaces and - . / ( ) go.
//   - anonymous, restricted, … (see nobody), a number of zeros alone and nothing at
//     all are blank.
//   - +, or International before more than an internal number, begins a country
//     code. After the own one a 0 is dropped where that is the trunk prefix.
//   - Up to six digits stay as they are.
//   - Where Country is known: a trunk prefix is dropped (one that is not 0 only from
//     more than Digits digits: 8 and 1 begin national numbers too). What then has
//     more than Digits digits and begins with the country code has it already. Seven
//     or eight digits without a trunk prefix are of Area. Country goes before the rest.
func (n *Numbers) Normalise(c Caller) Caller {
	user := userPart(c.b[:c.n])
	digits, plus, ok := digitsOf(user)
	if !ok {
		return nameOfUser(user)
	}
	d := digits.b[:digits.n]
	if len(bytes.TrimLeft(d, "0")) == 0 || plus && spelled(d) {
		return Caller{}
	}
	if plus {
		return n.public(d)
	}
	if len(d) <= internalDigits {
		return digits
	}
	if rest, found := after(d, n.International); found && len(rest) > internalDigits {
		return n.public(rest)
	}
	if n.Country == "" {
		return digits
	}
	if rest, found := after(d, n.Trunk); found && (n.Trunk[0] == '0' || len(d) > n.Digits) {
		return n.national("", rest)
	}
	if _, found := after(d, n.Country); found && len(d) > n.Digits {
		return n.public(d)
	}
	if len(d) <= localDigits {
		return n.national(n.Area, d)
	}
	return n.national("", d)
}

// public is the form of a number that begins with a country code.
func (n *Numbers) public(d []byte) Caller {
	if rest, found := after(d, n.Country); found {
		return n.national("", rest)
	}
	return joined("", "", d)
}

// national is the form of a number of the own country. None begins with a 0 where
// that is the trunk prefix: +44 (0)20 … is +44 20 ….
func (n *Numbers) national(area string, d []byte) Caller {
	if n.Trunk == "0" && area == "" {
		d = bytes.TrimLeft(d, "0")
	}
	return joined(n.Country, area, d)
}

func after(d []byte, prefix string) ([]byte, bool) {
	if prefix == "" || len(d) < len(prefix) || string(d[:len(prefix)]) != prefix {
		return d, false
	}
	return d[len(prefix):], true
}

func joined(country, area string, d []byte) (c Caller) {
	n := copy(c.b[:], "+")
	n += copy(c.b[n:], country)
	n += copy(c.b[n:], area)
	n += copy(c.b[n:], d)
	c.n = uint8(n)
	return c
}

// userPart is what names the caller in a SIP or tel URI, or in what is none.
func userPart(b []byte) []byte {
	b = bytes.Trim(b, " \t\"<>")
	for _, scheme := range [...]string{"sip:", "sips:", "tel:"} {
		if len(b) >= len(scheme) && strings.EqualFold(string(b[:len(scheme)]), scheme) {
			b = b[len(scheme):]
			break
		}
	}
	if i := bytes.IndexAny(b, "@;"); i >= 0 {
		b = b[:i]
	}
	return bytes.Trim(b, " \t\"<>")
}

// digitsOf takes the digits out of a number; ok is false where there is more to
// it than a number.
func digitsOf(b []byte) (digits Caller, plus, ok bool) {
	for i, ch := range b {
		switch {
		case ch >= '0' && ch <= '9':
			digits.b[digits.n] = ch // never more of them than b has bytes
			digits.n++
		case ch == '+' && i == 0:
			plus = true
		case ch == ' ', ch == '-', ch == '.', ch == '/', ch == '(', ch == ')':
		default:
			return digits, plus, false
		}
	}
	return digits, plus, true
}

// nobody are the words that stand for a caller who is not told, letters alone. A
// switch that has no number to show may show its own name.
var nobody = [...]string{"anonymous", "unknown", "restricted", "unavailable", "private", "withheld", "blocked", "hidden",
	"idunavailable", "notavailable", "nonumber", "unknownnumber", "unknowncaller", "privatenumber",
	"none", "null", "undefined", "asterisk", "freeswitch"}

// onKeys are such words as carriers send them in place of a number: anonymous,
// restricted, blocked, unknown and unavailable, on a telephone's keys.
var onKeys = [...]string{"266696687", "7378742833", "2562533", "8656696", "86282452253"}

func spelled(d []byte) bool {
	for _, w := range onKeys {
		if string(d) == w {
			return true
		}
	}
	return false
}

// nameOfUser is a SIP user that is no number; blank for nobody.
func nameOfUser(b []byte) (c Caller) {
	var letters Caller
	for _, ch := range b {
		if ch >= 'A' && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		c.b[c.n] = ch
		c.n++
		if ch >= 'a' && ch <= 'z' {
			letters.b[letters.n] = ch
			letters.n++
		}
	}
	if bytes.ContainsAny(c.b[:c.n], "0123456789") {
		return c // unknown1 is somebody
	}
	for _, w := range nobody {
		if string(letters.b[:letters.n]) == w {
			return Caller{}
		}
	}
	return c
}
