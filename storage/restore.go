package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// Restore makes a store of a backup, in a folder that does not exist yet or is
// empty, and returns the files that were beside it. The backup is proved whole
// before anything is written.
func Restore(ctx context.Context, file, dir string, log *slog.Logger) (info *BackupInfo, files map[string][]byte, err error) {
	if info, err = proveBackup(ctx, file); err != nil {
		return nil, nil, err
	}
	if there, err := os.ReadDir(dir); len(there) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("folder %q is not empty", dir)
	}
	s, err := Open(ctx, Config{Dir: dir, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	files, err = s.fill(ctx, file, info)
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, nil, err
	}
	if err := restoreNotes(dir, files); err != nil {
		return nil, nil, fmt.Errorf("folder %q: %w", dir, err)
	}
	return info, files, nil
}

// fill stores what a backup has.
func (s *Store) fill(ctx context.Context, file string, info *BackupInfo) (files map[string][]byte, err error) {
	files = map[string][]byte{}
	var part []change
	size := 0
	flush := func() error {
		if err := s.writable(); err != nil {
			return err
		}
		defer s.write.Unlock()
		err := s.commit(part) // Close syncs: until then the folder is nobody's
		part, size = part[:0], 0
		return err
	}
	err = readBackup(ctx, file, info, func(key, value []byte) error {
		if key[0] == fileMark {
			files[string(key[1:])] = bytes.Clone(value)
			return nil
		}
		part = append(part, change{bytes.Clone(key), append([]byte{}, value...)})
		if size += len(key) + len(value); size < partBytes && len(part) < partKeys {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return nil, err
	}
	return files, s.holds(ctx, info.Counts)
}

// holds is an error where the store does not have so many records.
func (s *Store) holds(ctx context.Context, want Counts) error {
	got := Counts{Files: want.Files}
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if key := keyAt(it.Item().Key()); !ofFolder(key) {
				got.add(key)
			}
		}
		return nil
	})
	if err == nil && got != want {
		err = fmt.Errorf("restored are %+v, the backup has %+v", got, want)
	}
	return err
}

// restoreNotes writes the notes of what was lost before the backup.
func restoreNotes(dir string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		note, is := strings.CutPrefix(name, damagedFolder+"/")
		if !is || note != filepath.Base(note) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(dir, damagedFolder), 0o700); err != nil {
			return err
		}
		if err := WriteFile(filepath.Join(dir, damagedFolder, note), files[name]); err != nil {
			return err
		}
		delete(files, name)
	}
	return nil
}
