// Package metrics knows what happened in a call centre and how much of it:
// the facts that switches report (Event), the state machines that make calls
// and agents out of them (Tracker), the counters they end in (Cells), the
// fifteen-minute sums that are kept (Rollup), the evidence for each of them
// (Contact), the formulas that turn sums into figures (Catalogue), and what others
// tell of people's work that no switch knows (Fact).
//
// It must not know which switch an event came from, do any I/O, read any clock
// or range over a map into anything that is written: the same events in the
// same order give the same bytes. Times and identifiers come in with the
// events.
package metrics
