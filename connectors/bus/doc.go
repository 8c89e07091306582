// Package bus publishes what the query service knows over NATS: the present
// state of every agent and queue as it changes, the day's figures, a heartbeat,
// and, on request, each of these again. It takes what others tell of agents' work,
// and acknowledges what is stored. It brings its own server (loopback, authenticated)
// unless it is given another one's address. The subjects and messages are described
// in docs/subjects.md.
//
// It knows subjects, credentials and pace. It must not know what a figure means
// or where it comes from: everything published is an answer of package api. It
// never waits for a subscriber, and nothing else ever waits for it: trackers are
// read, not called back, and each message is a full state, so that what could
// not be sent is made up for by the next one.
package bus
