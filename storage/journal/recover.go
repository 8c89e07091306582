package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Recovered is what a journal held when it was opened.
type Recovered struct {
	// State is the latest checkpoint; nil where there is none.
	State []byte
	// Cut says why the last record is not the end of what was written, if it is
	// not: a crash in the middle of a write, or damage.
	Cut string

	segments []piece
	files    Files
	dir      string
	key      []byte
	end      *end // told to the writer
}

// piece is a segment, and where the one that continues it says it ends: a crash
// may have left half a frame after that.
type piece struct {
	number uint64
	end    int64 // 0 for the last one: at the end of the file
}

// end is where a journal was read to.
type end struct {
	number uint64
	at     int64
}

// Empty tells that there was nothing.
func (r *Recovered) Empty() bool { return r.State == nil && len(r.segments) == 0 }

// Records calls f with every record since the checkpoint, in order; the bytes are
// valid during the call. An error of f ends it. It must be called once before
// anything is appended.
func (r *Recovered) Records(f func(record []byte) error) error {
	for _, p := range r.segments {
		at, cut, err := r.segment(p, f)
		if err != nil {
			return err
		}
		*r.end = end{p.number, at}
		if cut != "" {
			r.Cut = fmt.Sprintf("%s, byte %d: %s", filepath.Join(r.dir, segmentName(p.number)), at, cut)
			return nil // what comes later rests on what is missing
		}
	}
	return nil
}

// segment reads one segment, and tells how far it went and why no further.
func (r *Recovered) segment(p piece, f func([]byte) error) (at int64, cut string, err error) {
	file, err := r.files.Open(filepath.Join(r.dir, segmentName(p.number)))
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	in, err := newReader(file, r.key)
	if err != nil {
		return 0, err.Error(), nil
	}
	for p.end == 0 || in.at < p.end {
		kind, content, err := in.next()
		switch {
		case err == io.EOF && p.end != 0:
			return in.at, errTorn.Error(), nil
		case err == io.EOF:
			return in.at, "", nil
		case err != nil:
			return in.at, err.Error(), nil
		case kind != records:
			continue
		}
		for len(content) > 0 {
			size, n := binary.Uvarint(content)
			if n <= 0 || size > uint64(len(content)-n) {
				return in.at, "a record is damaged", nil
			}
			if err := f(content[n : n+int(size)]); err != nil {
				return in.at, "", err
			}
			content = content[n+int(size):]
		}
	}
	return in.at, "", nil
}

// find looks for the newest checkpoint that is whole, and the segments that
// continue it.
func find(files Files, dir string, key []byte) (r *Recovered, last uint64, err error) {
	names, err := files.List(dir)
	if err != nil {
		return nil, 0, err
	}
	r = &Recovered{files: files, dir: dir, key: key, end: &end{}}
	var numbers []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
			last = max(last, n)
		} else if strings.HasSuffix(name, suffix+halfSuffix) {
			// A checkpoint that was never finished: what came before it is still there.
			if err := files.Remove(filepath.Join(dir, name)); err != nil {
				return nil, 0, err
			}
		}
	}
	slices.Sort(numbers)
	var follow []piece
	var why error
	after := end{} // where the segments that were looked at begin
	for _, n := range slices.Backward(numbers) {
		state, from, err := r.head(n)
		switch {
		case err == nil && after.number != 0 && after.number != n:
			continue // the checkpoint that it ended with was never finished, and it holds no record
		case err != nil:
			// A continuation that was never finished: nothing was written after it.
			// If it was finished once, what it rests on may be gone.
			why = errors.Join(fmt.Errorf("%s: %w", filepath.Join(dir, segmentName(n)), err), why)
		case from != nil:
			follow = append(follow, piece{n, after.at})
			after = *from
		default:
			follow = append(follow, piece{n, after.at})
			slices.Reverse(follow)
			r.State, r.segments = state, follow
			return r, last, nil
		}
	}
	if len(numbers) > 0 && why == nil {
		why = errors.New("its checkpoint is missing")
	}
	return r, last, why
}

// head reads how a segment begins: with a checkpoint, or where it continues
// another.
func (r *Recovered) head(n uint64) (state []byte, from *end, err error) {
	file, err := r.files.Open(filepath.Join(r.dir, segmentName(n)))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	in, err := newReader(file, r.key)
	if err != nil {
		return nil, nil, err
	}
	state = []byte{}
	for {
		kind, content, err := in.next()
		if err == io.EOF {
			err = errTorn
		}
		if err != nil {
			return nil, nil, err
		}
		switch kind {
		case continues:
			from := &end{}
			var n, m int
			var at uint64
			from.number, n = binary.Uvarint(content)
			at, m = binary.Uvarint(content[max(n, 0):])
			if from.at = int64(at); n <= 0 || m <= 0 || from.at <= 0 {
				return nil, nil, errBad
			}
			return nil, from, nil
		case statePiece, stateEnd:
			state = append(state, content...)
			if kind == stateEnd {
				return state, nil, nil
			}
		default:
			return nil, nil, errBad
		}
	}
}
