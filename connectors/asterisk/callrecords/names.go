package callrecords

import (
	"regexp"
	"strconv"
	"strings"
)

// interfaceOf is the interface that a channel was made from, as far as its name
// tells: PJSIP/1001 of PJSIP/1001-00000007, Local/1006@agents of
// Local/1006@agents-00000002;1.
func interfaceOf(channel string) string {
	if i := strings.LastIndexByte(channel, '-'); i > 0 {
		return channel[:i]
	}
	return channel
}

// aliasOf is how the name of a member's channel begins: the interface without
// what comes after its second slash, as in Local/1006@agents/n.
func aliasOf(interf string) string {
	technology, rest, _ := strings.Cut(interf, "/")
	rest, _, _ = strings.Cut(rest, "/")
	return technology + "/" + rest
}

func isLocal(channel string) bool { return strings.HasPrefix(channel, "Local/") }

// uniqueID is what a channel's unique id looks like: a system name, if there is
// one, the second in which the channel began, and a number.
var uniqueID = regexp.MustCompile(`^(?:.*-)?(\d{9,11})\.\d+$`)

// began is the second of 1970 in which a channel began, by its unique id.
func began(id string) (int64, bool) {
	m := uniqueID.FindStringSubmatch(id)
	if m == nil {
		return 0, false
	}
	at, err := strconv.ParseInt(m[1], 10, 64)
	return at, err == nil
}

// queueOf is the queue's name in what the application Queue was called with.
func queueOf(arguments string) string {
	name, _, _ := strings.Cut(arguments, ",")
	return name
}
