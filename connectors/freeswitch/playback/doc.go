// Package playback is a stand-in for FreeSWITCH: an event socket that plays a
// recorded one. The demo, tests and load runs attach to it as to the real
// switch.
//
// It knows the server's side of the event socket, the headers that tell channels
// and mod_callcenter's tables, and how to move a recording in time. It must not
// know what this project makes of the events: no metrics, no tracker; what it
// answers is what FreeSWITCH 1.10.12 would, judged by its recordings.
//
// There is one timeline for all connections. Who connects sees the present, who
// was away has missed what happened, and nothing is sent twice, just as with the
// switch. Answers to api commands come from a model that follows the recording
// whether or not anybody listens.
//
// What it does not do: filters are accepted and ignored, commands that would
// change something are refused, and a switch that is down accepts connections
// and closes them at once.
package playback
