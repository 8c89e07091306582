// Package api is the one query service: what can be asked of the daemon, and
// what the answers look like. The bus, the web pages and the commands ask it and
// add nothing of their own, so that they can never disagree. What others tell of
// agents' work comes in here too, and is believed where it can be so.
//
// It knows the trackers of all switches, the store behind them, and how the
// three places where a count can be at any moment (an open window, on its way to
// the store, in the store) make one figure in which nothing is missing and
// nothing is counted twice. Several switches are one site: rows of one name are
// added up.
//
// It must not know how a question comes in or an answer goes out (no subjects,
// no HTTP), which switch an event came from, or what a figure is worth.
package api
