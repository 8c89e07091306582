package metrics

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// plans are as the configuration makes them of a country's code.
var plans = map[string]Numbers{
	"none": {International: "00", Digits: 11},
	"CN":   {Country: "86", Area: "10", International: "00", Trunk: "0", Digits: 11},
	"US":   {Country: "1", Area: "212", International: "011", Trunk: "1", Digits: 10},
	"GB":   {Country: "44", Area: "20", International: "00", Trunk: "0", Digits: 10},
	"DE":   {Country: "49", Area: "30", International: "00", Trunk: "0", Digits: 11},
	"IN":   {Country: "91", Area: "22", International: "00", Trunk: "0", Digits: 10},
	"FR":   {Country: "33", International: "00", Trunk: "0", Digits: 9},
	"IT":   {Country: "39", International: "00", Digits: 11},
	"RU":   {Country: "7", Area: "495", International: "810", Trunk: "8", Digits: 10},
	"DK":   {Country: "45", International: "00", Digits: 8},
	"BR":   {Country: "55", Area: "11", International: "00", Trunk: "0", Digits: 11},
	"JP":   {Country: "81", International: "010", Trunk: "0", Digits: 10},
	"AU":   {Country: "61", Area: "2", International: "0011", Trunk: "0", Digits: 9},
}

// TestNormalise: all that is on one line is one caller, as the first word says.
func TestNormalise(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
CN +8613912345678 | 13912345678 | 013912345678 | 8613912345678 | 008613912345678 | +86 139-1234-5678 | +86 (0)139 1234 5678 | sip:+8613912345678@10.0.0.1 | 13912345678@gw;user=phone
CN +861062345678 | 010-62345678 | (010) 6234 5678 | 62345678 | 0086 10 6234 5678 | 861062345678 | 1062345678
CN +8657187654321 | 0571-87654321 | 57187654321 | +8657187654321 | 8657187654321
CN +864008123123 | 400-812-3123 | 4008123123 | 04008123123
CN +442079460123 | 00442079460123 | +44 20 7946 0123
US +12125550123 | 2125550123 | 12125550123 | +1 (212) 555-0123 | 1-212-555-0123 | 212.555.0123 | 5550123 | 555-0123 | tel:+1-212-555-0123 | 01112125550123
US +18005550199 | 1-800-555-0199 | 8005550199
US +8613912345678 | 011 86 139 1234 5678 | +86 139 1234 5678
GB +442079460123 | 020 7946 0123 | (020) 7946 0123 | 79460123 | 442079460123 | +44 (0)20 7946 0123 | 0044 20 7946 0123
GB +447700900123 | 07700 900123 | 7700900123 | 447700900123 | +44 7700 900 123
GB +441632960001 | 01632 960001 | 0044-1632-960001
DE +493012345678 | 030/12345678 | 030 12345678 | 12345678 | +49 30 12345678 | +49 (0) 30 12345678 | 004930 12345678
DE +4915123456789 | 0151 23456789 | 4915123456789 | 15123456789 | +49 151 234 567 89
DE +494921123456 | 04921 123456 | 4921123456
IN +919876543210 | 9876543210 | 09876543210 | 919876543210 | +91-98765-43210 | 0091 98765 43210
IN +912223456789 | 022 2345 6789 | 23456789 | 912223456789
IN +919123456789 | 9123456789 | 09123456789
FR +33612345678 | 06 12 34 56 78 | 33612345678 | 0033612345678 | 612345678
IT +390612345678 | 06 12345678 | +39 06 12345678 | 0039 06 12345678
IT +393921234567 | 392 1234567 | +39 392 123 4567
RU +74951234567 | 8 (495) 123-45-67 | 4951234567 | 1234567 | 74951234567 | +7 495 1234567
RU +78121234567 | 8121234567 | 88121234567 | +78121234567
RU +4930123456 | 810 49 30 123456
DK +4512345678 | 12 34 56 78 | 4512345678 | 004512345678
BR +5555991234567 | 055 99123-4567 | 55991234567 | 5555991234567
BR +551134567890 | 3456-7890 | 011 3456 7890 | 551134567890
JP +819012345678 | 090-1234-5678 | 819012345678 | 010 81 90 1234 5678
AU +61412345678 | 0412 345 678 | 61412345678 | 0011 61 412 345 678
AU +61291234567 | 9123 4567 | 02 9123 4567
none +8613912345678 | +86 139 1234 5678 | 0086-139-1234-5678
none 13912345678 | 139-1234-5678 | sip:13912345678@host
none 5550123 | 555-0123
CN 1001 | 1001 | 1001@default | sip:1001@10.0.0.5:5060 | 10-01
CN 911 | 911
US 411 | 411
CN 000123 | 000123
CN alice | Alice | sip:alice@example.com | "alice" | SIPS:ALICE@h
CN unknown1 | unknown1 | sip:Unknown1@host
CN *98 | *98
CN - | anonymous | Anonymous | sip:anonymous@anonymous.invalid | <unknown> | Restricted | unavailable | Not available | ID unavailable | private | 0000000000 | 0 | + |  | - | Unknown Caller | asterisk | FreeSWITCH | +266696687 | +7378742833 | +2562533 | +8656696 | +86282452253 | sip:@host | null
none - | anonymous | 0000000000 | +266696687 |
none 266696687 | 266696687
`), "\n") {
		country, rest, _ := strings.Cut(line, " ")
		forms := strings.Split(rest, "|")
		want := strings.TrimSpace(forms[0])
		if want == "-" {
			want = ""
		}
		plan := plans[country]
		for _, f := range forms[1:] {
			f = strings.TrimSpace(f)
			if got := plan.Normalise(MakeCaller([]byte(f))).String(); got != want {
				t.Errorf("%s: %q is %q, want %q", country, f, got, want)
			}
		}
	}
}

// TestNormalisedIsNormal: any bytes come to a form that stays as it is, and what
// follows its country and area code are the last digits of what was given.
func TestNormalisedIsNormal(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`\+?[0-9 ()/.-]{0,31}`), rapid.StringMatching(`(sip:)?[a-zA-Z0-9+]{0,12}@h`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
	country := rapid.SampledFrom([]string{"none", "CN", "US", "GB", "DE", "IN", "FR", "IT", "RU", "DK", "BR", "JP", "AU"})
	digits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		s, plan := text.Draw(t, "number"), plans[country.Draw(t, "country")]
		once := plan.Normalise(MakeCaller([]byte(s)))
		if twice := plan.Normalise(once); twice != once {
			t.Fatalf("%q is %q, and that is %q", s, once, twice)
		}
		if got := once.String(); strings.HasPrefix(got, "+") && len(digits(got)) == len(got)-1 && len(got) < 24 {
			if tail := got[1+min(len(plan.Country)+len(plan.Area), len(got)-1):]; !strings.HasSuffix(digits(MakeCaller([]byte(s)).String()), tail) {
				t.Fatalf("%q became %q", s, got)
			}
		}
	})
}

// TestNormaliseAllocates nothing: it is on the way of every visit.
func TestNormaliseAllocates(t *testing.T) {
	plan := plans["CN"]
	for _, s := range []string{"010-6234 5678", "sip:+8613912345678@10.0.0.1", "sip:Alice@example.com", "Anonymous"} {
		c := MakeCaller([]byte(s))
		if n := testing.AllocsPerRun(100, func() { c.n = max(c.n, plan.Normalise(c).n) }); n != 0 {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}
