// Package callrecords reads what FreeSWITCH writes down of calls itself, and
// puts together the stays in queues that it tells of: the JSON documents of
// mod_json_cdr, the lines of mod_cdr_csv where their template names the
// variables of mod_callcenter, and the lists that callcenter_config prints.
//
// A record of a call is one channel's, written when it is over. The caller's has
// the variables of the last stay only; those before it are seen by the records
// of the agents' channels, and by the log of applications.
package callrecords
