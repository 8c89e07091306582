// Package callrecords reads the records of calls that Asterisk writes itself, the
// call detail records (CDR) and the channel event log (CEL), as comma-separated
// values, and puts together the stays in queues that they tell of.
//
// Neither knows of queues. A CDR is a part of a call: whole seconds, the last
// application, whom that rang and whether he answered; it has nothing of a stay
// in which no phone rang and after which the call went on. CEL has each step of
// a channel to the microsecond: when the application Queue began and ended, and
// when the caller entered a bridge.
package callrecords
