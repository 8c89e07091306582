package playback

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// appendFrame wraps an event's text as the event socket does.
func appendFrame(dst []byte, format string, body []byte) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\nContent-Type: text/event-"...)
	dst = append(dst, format...)
	dst = append(dst, "\n\n"...)
	return append(dst, body...)
}

// plainHeaders calls fn with the headers of a plain event, values unescaped, and
// returns its body.
func plainHeaders(plain []byte, fn func(name, value string)) (body []byte) {
	for {
		line, rest, found := bytes.Cut(plain, []byte("\n"))
		if len(line) == 0 {
			return rest
		}
		name, value, _ := strings.Cut(string(line), ": ")
		fn(name, unescape(value))
		if !found {
			return nil
		}
		plain = rest
	}
}

// appendJSON appends a plain event in JSON form.
func appendJSON(dst, plain []byte) []byte {
	open := byte('{')
	member := func(name string) {
		dst = append(dst, open)
		open = ','
		dst = appendString(dst, name)
		dst = append(dst, ':')
	}
	body := plainHeaders(plain, func(name, value string) {
		member(name)
		list, ok := strings.CutPrefix(value, "ARRAY::")
		if !ok {
			dst = appendString(dst, value)
			return
		}
		sep := byte('[')
		for item := range strings.SplitSeq(list, "|:") {
			dst = append(dst, sep)
			dst = appendString(dst, item)
			sep = ','
		}
		dst = append(dst, ']')
	})
	if len(body) > 0 {
		member("_body")
		dst = appendString(dst, string(body))
	}
	if open == '{' {
		dst = append(dst, open)
	}
	return append(dst, '}')
}

// appendString appends a JSON string with the escapes that FreeSWITCH writes.
func appendString(dst []byte, s string) []byte {
	const short = "btn_fr" // 8 to 13; 11 has no letter
	dst = append(dst, '"')
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 8 && c <= 13 && c != 11:
			dst = append(dst, '\\', short[c-8])
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// plainFromJSON is the reverse of appendJSON.
func plainFromJSON(body []byte) ([]byte, error) {
	var plain []byte
	text := ""
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // a decoder inside an object returns a name here or fails
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		value, err := plainValue(v)
		if err != nil {
			return nil, fmt.Errorf("header %q %w", name, err)
		}
		if name == "_body" {
			text = value
			continue
		}
		plain = append(plain, name...)
		plain = append(plain, ": "...)
		plain = appendEscaped(plain, value)
		plain = append(plain, '\n')
	}
	plain = append(plain, '\n')
	return append(plain, text...), nil
}

func plainValue(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return "", errors.New("is a list of more than strings")
			}
			items[i] = s
		}
		return "ARRAY::" + strings.Join(items, "|:"), nil
	}
	return "", fmt.Errorf("is a %T", v)
}

// appendEscaped escapes what FreeSWITCH escapes in the values of plain events.
// It takes what looks like an escape for one and leaves it, so that a value which
// holds "%40" itself cannot be told from one with an @: the Refer-To of attended
// transfers in runA. JSON has no such trouble.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	isHex := func(c byte) bool { return strings.IndexByte(hex, c) >= 0 }
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			dst = append(dst, c)
		case c < ' ' || c > '~' || strings.IndexByte(" #%&+:;<=>?@[\\]^`{|}\"", c) >= 0:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unescape replaces %XX; anything else stands for itself.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(c))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
