// Package records holds what a switch wrote down itself, its own records,
// against what was counted, visit by visit. It knows what a record can tell of a
// visit, and no format: a reader of one (queue_log, CDR, CEL, JSON CDR, the
// lists of mod_callcenter) gives it visits, and the reasons why its record is
// known to differ.
package records
