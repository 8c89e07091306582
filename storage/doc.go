// Package storage knows what must not be forgotten: the rollups of closed
// intervals, the contact records that are their evidence, the facts that others
// tell, and how long each is kept. It keeps them in Badger, in one folder of one
// process.
//
// It must not know where a sealed interval came from, what a counter means, who
// may ask, or what time it is: intervals and moments come in with the records,
// and the limits of retention with the call.
//
// What holds whenever the process or the machine dies:
//
//   - What PutSealed or PutFact returned nil for is on the disk, whole.
//   - What they did not return for is there whole or not at all.
//   - No interval is ever read in part, be it half written or half deleted.
//   - What a damaged file held is an error to whoever asks for it, never a
//     smaller number; the rest stays readable, and storing goes on.
//   - On a full disk nothing is begun that could not be finished.
package storage
