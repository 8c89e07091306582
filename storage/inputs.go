package storage

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// What a cycle's scores were made of is kept with them, line by line as it was: so
// they can be formed again at any time, whatever was told of later.

// Inputs are lines that scores were made of. The zero value has none.
type Inputs struct {
	parts [][]byte // compressed, each some whole lines
	lines []byte   // that are not yet
	w     *flate.Writer
}

// inputsInPart is how many bytes of lines are about 3 kB when they are compressed.
const inputsInPart = 24 << 10

// Add adds a line, without its end. It holds JSON.
func (in *Inputs) Add(line []byte) error {
	if len(in.lines) > 0 && len(in.lines)+len(line) >= inputsInPart {
		if err := in.pack(); err != nil {
			return err
		}
	}
	in.lines = append(append(in.lines, line...), '\n')
	return nil
}

func (in *Inputs) pack() error {
	if len(in.lines) == 0 {
		return nil
	}
	var b bytes.Buffer
	if in.w == nil {
		w, err := flate.NewWriter(nil, flate.DefaultCompression)
		if err != nil {
			return err
		}
		in.w = w
	}
	in.w.Reset(&b)
	_, err := in.w.Write(in.lines)
	if err := errors.Join(err, in.w.Close()); err != nil {
		return err
	}
	in.parts, in.lines = append(in.parts, b.Bytes()), in.lines[:0]
	return nil
}

func unpacked(b []byte) ([]byte, error) { return io.ReadAll(flate.NewReader(bytes.NewReader(b))) }

func inputsOf(cycle string, revision uint32) []byte {
	return appendNumber(appendText([]byte{inputKey}, cycle), int64(revision))
}

func (in *Inputs) records(cycle string, revision uint32) ([]change, error) {
	if err := in.pack(); err != nil {
		return nil, err
	}
	list := make([]change, len(in.parts))
	for i, b := range in.parts {
		list[i] = change{binary.BigEndian.AppendUint32(inputsOf(cycle, revision), uint32(i)), b}
	}
	return list, nil
}

// Inputs reads the lines that a revision was made of, many at a time. There are none of
// what was sealed by a program that did not keep them.
func (v *Snapshot) Inputs(ctx context.Context, cycle string, revision uint32) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := v.store.whole(appendText([]byte{inputKey}, cycle), int64(revision), int64(revision)+1, nil); err != nil {
			yield(nil, err)
			return
		}
		err := scan(v.txn, inputsOf(cycle, revision), func(r *record) error {
			lines, err := inputLines(r)
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && !yield(lines, nil) {
				return errStop
			}
			return err
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(nil, err)
		}
	}
}

func inputLines(r *record) (lines []byte, err error) {
	err = r.Value(func(b []byte) error {
		if lines, err = unpacked(b); err != nil {
			return fmt.Errorf("inputs %q: %w", r.Key(), err)
		}
		return nil
	})
	return lines, err
}

// forgetInputs has the inputs carry an agent's other name, as the rollups do: what
// everybody else's scores rest on stays.
func (s *Store) forgetInputs(ctx context.Context, f *Forgetting) error {
	from, to := namedInJSON(f.Agent), namedInJSON(f.Name)
	return s.steps(ctx, f, []byte{inputKey}, func(r *record) ([]change, error) {
		lines, err := inputLines(r)
		if err != nil {
			return nil, err
		}
		changed := lines
		for i := range from {
			changed = bytes.ReplaceAll(changed, from[i], to[i])
		}
		if bytes.Equal(changed, lines) {
			return nil, nil
		}
		in := Inputs{lines: changed}
		if err := in.pack(); err != nil {
			return nil, err
		}
		return []change{{r.KeyCopy(), in.parts[0]}}, nil
	})
}

// namedInJSON is how a line names an agent: whom it is about, or who rated somebody.
// Inside a text of JSON there are no bare quotes, so that nothing else looks like it.
func namedInJSON(agent string) [2][]byte {
	name, _ := json.Marshal(agent) // a text can be written
	return [2][]byte{append([]byte(`"agent":`), name...), append([]byte(`"rater":`), name...)}
}
