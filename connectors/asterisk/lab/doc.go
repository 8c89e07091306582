// Package lab runs a real Asterisk for tests: it installs one from Debian's
// packages into a folder, starts it on loopback with a call centre's
// configuration, and plays a call centre against it with SIP phones of its own.
// What the switch's own logs and the phones say of it afterwards is the oracle
// of the tests; nothing here reads ARI's events for that.
//
// It needs root (chroot), and apt's packages on the first run. It talks to
// loopback only.
package lab
