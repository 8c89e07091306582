// Package resident tells how much of the files that this process has mapped the
// system counts as its memory, and gives it back.
//
// Nothing is lost by giving back: the system reads a page again when it is
// needed, from its cache or from the file.
package resident
