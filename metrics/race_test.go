//go:build race

package metrics

// raceEnabled: the race detector allocates, and slows by a factor of its own,
// so tests of allocations and ratios have nothing to measure. They run without
// it too (make unraced).
const raceEnabled = true
