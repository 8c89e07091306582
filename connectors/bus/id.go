package bus

import "fmt"

// escape begins an escaped byte. NATS gives it no meaning, and browsers undo it
// with decodeURIComponent.
const escape = '%'

const hexDigits = "0123456789ABCDEF"

// plain tells whether a byte stands for itself. What NATS reads in a subject
// ('.', '*', '>', white space) does not, nor does anything that is not ASCII.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '@' || c == '-' || c == '_'
}

// EncodeID writes any name, valid UTF-8 or not, as one token of a subject:
// letters, digits, '@', '-' and '_' as they are, any other byte as %XX, and the
// empty name as a lone %. "1001@default" stays as it is.
func EncodeID(name string) string {
	if name == "" {
		return string(escape)
	}
	n := 0
	for i := 0; i < len(name); i++ {
		if !plain(name[i]) {
			n++
		}
	}
	if n == 0 {
		return name
	}
	b := make([]byte, 0, len(name)+2*n)
	for i := 0; i < len(name); i++ {
		if c := name[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, escape, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// DecodeID undoes EncodeID. It refuses what EncodeID does not write, so that a
// name has one subject only.
func DecodeID(id string) (string, error) {
	if id == string(escape) {
		return "", nil
	}
	b := make([]byte, 0, len(id))
	for i := 0; i < len(id); i++ {
		c := id[i]
		if c == escape && i+2 < len(id) {
			hi, lo := digit(id[i+1]), digit(id[i+2])
			if c = byte(hi<<4 | lo); hi >= 0 && lo >= 0 && !plain(c) {
				b = append(b, c)
				i += 2
				continue
			}
			c = escape
		}
		if !plain(c) {
			return "", fmt.Errorf("id %q is not a name's: character %d is %q", id, i+1, c)
		}
		b = append(b, c)
	}
	if len(b) == 0 {
		return "", fmt.Errorf("id %q is not a name's", id)
	}
	return string(b), nil
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
