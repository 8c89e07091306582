//go:build !race

package api

// raceEnabled: under the race detector a year has fewer calls.
const raceEnabled = false
