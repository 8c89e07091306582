//go:build race

package eventsocket

// raceEnabled: the race detector allocates and slows by a factor of its own, so
// tests of both have nothing to measure.
const raceEnabled = true
