//go:build race

package main

// raceEnabled: memory and time mean nothing under the race detector; make test
// runs what measures them without it.
const raceEnabled = true
