package config

// Numbers says how callers' numbers are written where the switches stand, so that
// a caller who is presented now with, now without a country code is one caller.
type Numbers struct {
	Country             string `yaml:"country"`
	Area                string `yaml:"area"`
	InternationalPrefix string `yaml:"international_prefix"`
	TrunkPrefix         string `yaml:"trunk_prefix"`
	NationalDigits      int    `yaml:"national_digits"`
}

// numbersOf is what holds in a country where nothing else is said: 00, 0 and
// numbers of up to 11 digits in most; here are the larger ones that differ.
func numbersOf(country string) Numbers {
	n := Numbers{Country: country, InternationalPrefix: "00", TrunkPrefix: "0", NationalDigits: 11}
	switch country {
	case "1":
		n.InternationalPrefix, n.TrunkPrefix, n.NationalDigits = "011", "1", 10
	case "7":
		n.InternationalPrefix, n.TrunkPrefix, n.NationalDigits = "810", "8", 10
	case "39": // the 0 is a part of the number
		n.TrunkPrefix = ""
	case "36":
		n.TrunkPrefix, n.NationalDigits = "06", 9
	case "61":
		n.InternationalPrefix, n.NationalDigits = "0011", 9
	case "81":
		n.InternationalPrefix, n.NationalDigits = "010", 10
	case "82":
		n.InternationalPrefix, n.NationalDigits = "001", 10
	case "44", "90", "91", "92", "880":
		n.NationalDigits = 10
	case "27", "31", "32", "33", "34", "41", "48", "60", "66", "84", "351", "353", "380", "420", "966", "971":
		n.NationalDigits = 9
	case "45", "47", "65", "852":
		n.NationalDigits = 8
	}
	return n
}

func (d *decoder) checkNumbers(n *Numbers) {
	def := numbersOf(n.Country)
	if !d.Set("numbers.international_prefix") {
		n.InternationalPrefix = def.InternationalPrefix
	}
	if !d.Set("numbers.trunk_prefix") {
		n.TrunkPrefix = def.TrunkPrefix
	}
	if !d.Set("numbers.national_digits") {
		n.NationalDigits = def.NationalDigits
	}
	for _, x := range []struct {
		key, v, example string
		most            int
	}{{"country", n.Country, "86", 3}, {"area", n.Area, "10", 6}, {"international_prefix", n.InternationalPrefix, "00", 6}, {"trunk_prefix", n.TrunkPrefix, "0", 3}} {
		if !digits(x.v) || len(x.v) > x.most {
			d.Fault("numbers."+x.key, "%s %q is not up to %d digits, such as %q", x.key, x.v, x.most, x.example)
		} else if x.v != "" && x.v[0] == '0' && (x.key == "country" || x.key == "area") {
			d.Fault("numbers."+x.key, "%s %q begins with a 0: leave the prefix out, as in %q", x.key, x.v, x.example)
		}
	}
	if n.Country == "" && n.Area != "" {
		d.Fault("numbers.area", "area %q needs a country", n.Area)
	}
	if n.NationalDigits < 7 || n.NationalDigits > 14 {
		d.Fault("numbers.national_digits", "national_digits %d is not between 7 and 14", n.NationalDigits)
	}
}

func digits(s string) bool {
	for _, ch := range s {
		if ch < '0' || ch > '9' {
			return false
		}
	}
	return true
}
