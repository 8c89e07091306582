// Package freeswitch attaches to a FreeSWITCH: it reads the event socket, says
// in metrics.Event what mod_callcenter and the channels report, and asks for a
// snapshot of the present after every connect.
//
// It knows FreeSWITCH's words and nothing of what they are worth: which facts
// make an answered call is the tracker's to decide. It controls nothing: the
// only commands it sends are auth, filter, event and api calls that read.
package freeswitch
