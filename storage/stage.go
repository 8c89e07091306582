package storage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A PutSealed past Badger's transaction limit (some 1,200 rollups) is stored in
// two steps that a crash cannot tear:
//
//  1. Every change is written into the file "staged", which has its name once all
//     of it is safe on the disk.
//  2. The changes are applied to their keys, in as many transactions as it takes,
//     the last of which notes the file's number as "applied"; the file goes.
//
// Until the file is there, nothing happened. Once it is, the interval is stored:
// Open, or the next write, does step 2 again from the start, which is harmless,
// for every change says what a key holds afterwards, not what is added to it, and
// no other write comes in between. While step 2 runs no snapshot is taken, so
// readers see none of it or all of it. A file that is there although its number is
// "applied" was deleted and came back with a power cut.
//
// The file is "tallystg", the number (8 bytes, big-endian), each change as the
// lengths of key and value as varints, the latter 0 for a deletion and else one
// more, key and value; and the SHA-256 of all that.

const (
	stagedFile  = "staged"
	stagedMagic = "tallystg"
)

// partBytes keeps a part well below the limit of 150 kB.
const partBytes = 64 << 10

// partKeys keeps a part well below the limit of some 1,600 keys.
const partKeys = 1024

func (s *Store) stagedName() string { return filepath.Join(s.cfg.Dir, stagedFile) }

func (s *Store) stage(changes []change) error {
	applied, _, err := s.number(metaApplied)
	if err != nil {
		return err
	}
	number := applied + 1
	err = writeWhole(s.stagedName(), func(out io.Writer) error { return writeStaged(out, number, changes) })
	if err != nil {
		// It may be there all the same; if it cannot be taken back, it counts.
		if gone := errors.Join(removeThere(s.stagedName()), syncFolder(s.cfg.Dir)); gone != nil {
			s.staged = true
			return stored(errors.Join(err, gone))
		}
		return err
	}
	return stored(s.apply(number, changes))
}

// apply does step 2.
func (s *Store) apply(number int64, changes []change) error {
	s.staged = true
	s.view.Lock()
	defer s.view.Unlock()
	if err := s.commitParts(changes); err != nil {
		return err
	}
	if err := s.setNumber(metaApplied, number); err != nil {
		return err
	}
	return s.unstage()
}

// unstage deletes the file.
func (s *Store) unstage() error {
	if err := errors.Join(removeThere(s.stagedName()), syncFolder(s.cfg.Dir)); err != nil {
		return fmt.Errorf("%q: %w", s.stagedName(), err)
	}
	s.staged = false
	return nil
}

func removeThere(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// commitParts applies changes in several transactions. Each is synced before
// the next: Badger syncs only its newest memtable, and the next may begin one.
func (s *Store) commitParts(changes []change) error {
	for len(changes) > 0 {
		n, size := 0, 0
		for n < len(changes) && n < partKeys && (n == 0 || size < partBytes) {
			size += len(changes[n].key) + len(changes[n].value)
			n++
		}
		if err := s.commit(changes[:n]); err != nil {
			return err
		}
		if err := s.db.Sync(); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// unpack finishes an oversized PutSealed that was interrupted, of an older program
// too.
func (s *Store) unpack(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.unpackKeys(); err != nil {
		return err
	}
	return s.unpackLocked()
}

func (s *Store) unpackLocked() error {
	number, changes, err := readStaged(s.stagedName())
	if errors.Is(err, fs.ErrNotExist) {
		s.staged = false
		return nil
	}
	if errors.Is(err, errStaged) {
		return s.stagedDamaged(err)
	}
	if err != nil {
		return err
	}
	applied, _, err := s.number(metaApplied)
	if err != nil {
		return err
	}
	if number <= applied {
		return s.unstage()
	}
	return s.apply(number, changes)
}

// interrupted tells whether there is something to unpack.
func (s *Store) interrupted() (bool, error) {
	if _, found, err := s.number(metaStaged); found || err != nil {
		return found, err
	}
	_, err := os.Stat(s.stagedName())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, err
}

// stagedDamaged sets aside a file whose bytes are not those that were written.
func (s *Store) stagedDamaged(why error) error {
	content, err := os.ReadFile(s.stagedName())
	if err != nil {
		return err
	}
	d := damage{File: stagedFile, What: []string{"one write shortly before the folder was last left"}}
	if err := d.keep(s.cfg.Dir, stagedFile, content); err != nil {
		return fmt.Errorf("file %q is damaged (%w), and cannot be set aside: %w", s.stagedName(), why, reason(err))
	}
	s.lostMu.Lock()
	s.damages = append(s.damages, d)
	s.lostMu.Unlock()
	return s.unstage()
}

// errStaged is wrapped by what is wrong with a file's bytes.
var errStaged = errors.New("it is not as it was written")

func writeStaged(to io.Writer, number int64, changes []change) error {
	sum := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(to, sum))
	head := binary.BigEndian.AppendUint64([]byte(stagedMagic), uint64(number))
	_, _ = out.Write(head) // it keeps an error for Flush
	for _, c := range changes {
		head = binary.AppendUvarint(head[:0], uint64(len(c.key)))
		size := 0
		if c.value != nil {
			size = 1 + len(c.value)
		}
		head = binary.AppendUvarint(head, uint64(size))
		_, _ = out.Write(head)
		_, _ = out.Write(c.key)
		_, _ = out.Write(c.value)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := to.Write(sum.Sum(nil))
	return err
}

func readStaged(name string) (number int64, changes []change, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, nil, err
	}
	const head = len(stagedMagic) + 8
	end := len(b) - sha256.Size
	if end < head || !bytes.HasPrefix(b, []byte(stagedMagic)) {
		return 0, nil, errStaged
	}
	if sum := sha256.Sum256(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return 0, nil, errStaged
	}
	number = int64(binary.BigEndian.Uint64(b[len(stagedMagic):]))
	for at := head; at < end; {
		var sizes [2]uint64
		for i := range sizes {
			n := 0
			if sizes[i], n = binary.Uvarint(b[at:end]); n <= 0 {
				return 0, nil, errStaged
			}
			at += n
		}
		value := max(sizes[1], 1) - 1
		if left := uint64(end - at); sizes[0] > left || value > left-sizes[0] {
			return 0, nil, errStaged
		}
		c := change{key: b[at : at+int(sizes[0])]}
		at += len(c.key)
		if sizes[1] > 0 {
			c.value = b[at : at+int(value)]
		}
		at += int(value)
		changes = append(changes, c)
	}
	return number, changes, nil
}
