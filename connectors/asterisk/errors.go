package asterisk

import "errors"

// What is wrong when a switch cannot be attached to. The daemon goes on trying,
// and with its other switches.
var (
	// ErrPassword: ARI refuses the user name or password (ari.conf).
	ErrPassword = errors.New("ARI refuses the user name or password")
	// ErrNotAsterisk: something else answers, or ARI is not enabled.
	ErrNotAsterisk = errors.New("what answers is not Asterisk's ARI, or ARI is not enabled (http.conf, ari.conf)")
	// ErrReplaced: another client took this one's application name.
	ErrReplaced = errors.New("another client took over the application name")
	// ErrRestarted: the switch was started anew while it was being attached to.
	ErrRestarted = errors.New("the switch was restarted while attaching")
	// ErrSilent: the connection stands, but not even pings are answered.
	ErrSilent = errors.New("nothing was received, not even answers to pings")
	// ErrManagerLogin: the manager interface refuses the user name or password.
	ErrManagerLogin = errors.New("the manager interface refuses the user name or password")
	// ErrNotManager: something else answers.
	ErrNotManager = errors.New("what answers is not Asterisk's manager interface")
)
