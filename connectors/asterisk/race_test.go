//go:build race

package asterisk

// raceEnabled: the race detector slows by a factor of its own, so ratios are not
// measured under it; they are without it (make unraced).
const raceEnabled = true
