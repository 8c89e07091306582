package storage

import (
	"context"
	"fmt"
)

// flushKey is a key that is written only to be dropped.
var flushKey = []byte{0, 'f', 'l', 'u', 's', 'h'}

// Compact rewrites the tables so that what was deleted or replaced no longer
// lies in any file, and gives its space back. It reads and writes all records
// once, while storing and reading go on; ctx is looked at before it begins.
func (s *Store) Compact(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.compacting.Lock()
	defer s.compacting.Unlock()
	traces, found, err := s.traces()
	if err != nil {
		return err
	}
	if err := s.flush(); err != nil {
		return fmt.Errorf("the log cannot be emptied into a table: %w", err)
	}
	if err := s.flatten(); err != nil {
		return fmt.Errorf("the tables cannot be rewritten: %w", err)
	}
	if !found {
		return nil
	}
	if err := s.clearable(); err != nil {
		return err
	}
	defer s.write.Unlock()
	if now, _, err := s.number(metaTraces); err != nil || now != traces {
		return err // somebody was forgotten meanwhile
	}
	return s.stepLocked([]change{{key: metadata(metaTraces)}})
}

// flatten lets Close wait, but not PutSealed.
func (s *Store) flatten() error {
	if err := s.reading(); err != nil {
		return err
	}
	defer s.readers.Done()
	return s.db.Flatten(1)
}

// Traces tells whether what was forgotten may still lie in the files: Compact
// ends that.
func (s *Store) Traces() (bool, error) {
	_, found, err := s.traces()
	return found, err
}

func (s *Store) traces() (number int64, found bool, err error) {
	if err := s.reading(); err != nil {
		return 0, false, err
	}
	defer s.readers.Done()
	return s.number(metaTraces)
}

// flush makes a table of what is in the log. Badger does that only to close, or
// to drop a prefix that is there.
func (s *Store) flush() error {
	if err := s.writable(); err != nil { // what is rewritten is there twice for a while
		return err
	}
	defer s.write.Unlock()
	if err := s.commit([]change{{flushKey, []byte{}}}); err != nil {
		return err
	}
	return s.db.DropPrefix(flushKey)
}
