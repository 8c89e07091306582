//go:build !race

package eventsocket

const raceEnabled = false
