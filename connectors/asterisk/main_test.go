package asterisk

import (
	"testing"

	"go.uber.org/goleak"
)

// The lab's SIP phones may still send something when they are closed, and their library
// opens a connection once more for it, which nobody closes.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/emiago/sipgo/sip.(*TransportUDP).readListenerConnection"))
}
