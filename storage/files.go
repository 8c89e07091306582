package storage

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// unfinished matches the names of files that are being written.
const unfinished = "new-*"

// WriteFile writes a file that only its owner reads, whole or not at all, and so that
// it outlasts a crash.
func WriteFile(name string, content []byte) error {
	return writeWhole(name, func(out io.Writer) error {
		_, err := out.Write(content)
		return err
	})
}

// writeWhole is WriteFile of what write writes.
func writeWhole(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), unfinished) // 0600
	if err != nil {
		return err
	}
	err = write(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(name))
}

// removeUnfinished removes from a folder the files that a crash kept from getting
// their names.
func removeUnfinished(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, unfinished))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	return err
}

// syncFolder makes a folder's list of names outlast a crash.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
