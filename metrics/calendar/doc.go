// Package calendar knows local time: when a day, an hour, a week, a month or a
// shift begins and ends in a time zone, as exact moments, also where the clock
// jumps over midnight, goes back by half an hour, or a whole day is left out.
//
// One rule decides everything: a local time is the first moment at which the
// zone's clock shows it or a later one. A time that the clock jumps over is the
// moment of the jump; of a time that the clock shows twice it is the first. So
// a day lasts from the first moment of its date to the first of the next one,
// 23 or 25 hours if need be, and periods follow one another without a hole and
// without an overlap.
//
// It knows no agents, no figures and no clock; zones come in with the moments.
package calendar
