// Package admin is how commands on the same machine reach into the running
// daemon: to forget somebody, and to back up. It serves HTTP on a socket in the
// data folder that only the folder's owner and root may open, so that nothing of
// it goes over a network, and no credentials of the bus, which a site may share,
// are enough.
//
// It must not know how anything is stored.
package admin
