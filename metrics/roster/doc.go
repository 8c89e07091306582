// Package roster knows who is who at any moment: which team and role an agent
// has, which shift they are to work, and which logins are theirs, each from a
// date on. A question about a span is answered with the moments at which
// something changes in it, so that both halves of a month in which somebody
// changes teams count for the right one.
//
// It knows no files, no figures and no clock: a roster is made of what somebody
// has read and checked, and does not change. All methods may be called by any
// goroutine, and of a nil roster, which knows nobody.
package roster
