// Package asterisk attaches to an Asterisk: it reads ARI's events, and the
// manager interface's where it is configured, says in metrics.Event what
// app_queue and the channels did, and asks for a snapshot of the present after
// every connect.
//
// app_queue sends nothing over ARI: no queue event has a JSON form. But what it
// does shows in the channels: in the dialplan application they run, the
// variables it sets, whom it dials and which bridges it makes. stay.go says how.
// ARI is the source of calls; the manager interface adds what ARI cannot show
// (reasons of pauses, members, names) and is never needed to count calls.
//
// The package knows Asterisk's words and nothing of what they are worth. It
// controls nothing: it subscribes, and reads.
package asterisk
