// Package arievent decodes the events of an Asterisk's ARI: one JSON object
// each, about 530 bytes, of which a call centre's counters need a few fields.
//
// It is strict about JSON's framing and lenient about content: fields it does
// not know are passed over, and an event of a kind that nobody asked for is not
// read to its end. Nothing is allocated: every field is a slice of the event's
// own bytes, or of the Event's scratch space where it had escapes. It knows
// ARI's words and nothing of what they mean.
package arievent
