//go:build !race

package arievent

const raceEnabled = false
