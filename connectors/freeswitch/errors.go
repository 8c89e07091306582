package freeswitch

import (
	"errors"
	"fmt"
)

// What is wrong when a switch cannot be attached to. The daemon goes on trying,
// and with its other switches.
var (
	// ErrPassword: the switch refused the password.
	ErrPassword = errors.New("the event socket refuses the password")
	// ErrAccess: the switch's access list refuses this address.
	ErrAccess = errors.New("the event socket's access list (apply-inbound-acl) refuses this address")
	// ErrNotFreeSWITCH: something else answers.
	ErrNotFreeSWITCH = errors.New("what answers is not a FreeSWITCH event socket")
	// ErrNoCallcenter: mod_callcenter is not loaded; there are no queues to see.
	ErrNoCallcenter = errors.New("mod_callcenter is not loaded")
	// ErrSilent: the connection stands, but nothing comes, not even heartbeats.
	ErrSilent = errors.New("nothing was received, not even heartbeats")
	// ErrDisconnected: the switch said good-bye.
	ErrDisconnected = errors.New("the switch closed the connection")
)

// refused says what a command was answered.
func refused(command, reply string) error {
	return fmt.Errorf("%q was answered %q", command, reply)
}
