// Package journal keeps what is not in the store yet: the state of one switch's
// observation (a checkpoint) and, in order, everything that changed it since (the
// records). Whoever is killed reads both back and goes on where it was.
//
// The one who counts appends to memory and never waits: a goroutine of the
// journal's own writes, and syncs every 40 ms, so that what was appended, and
// flushed, is on the disk within 100 ms. If the disk fails, counting goes on, the
// journal says so, and asks for a checkpoint until one can be written: from then
// on all is safe again.
//
// # Files
//
// A folder holds the segments of one switch, numbered, most often one. A segment
// is a header and frames:
//
//	header  "tallyjnl", version (1 byte), salt (32 random bytes)
//	frame   length of what follows the kind (4 bytes, big-endian), kind (1 byte),
//	        content, sealed by AES-256-GCM under a key that HKDF-SHA-256 derives
//	        from the data folder's key and the salt; the nonce is the frame's
//	        number, kind and length are authenticated with it
//
// for what is open includes callers' numbers, which must not lie about in plain
// text. The kinds, in their order:
//
//	c  the segment continues the one of this number up to this byte, or
//	S  a part of a checkpoint, 1 MB at most, and s the last one; then
//	r  records: each its length as a varint, and its bytes
//
// A checkpoint begins a segment, which has its name once that is safe on the disk
// (before, it ends in ".half"); then the segments before it are deleted. A crash
// can leave a frame cut off: reading ends before it.
package journal
