package journal

import (
	"io"
	"os"
)

// Files is the part of the file system that a journal uses; tests make it fail.
type Files interface {
	// Create makes a file that must not exist yet, for writing.
	Create(name string) (File, error)
	Open(name string) (io.ReadCloser, error)
	Remove(name string) error
	Rename(from, to string) error
	// List names what is in a folder, in order; the folder is made if need be.
	List(dir string) ([]string, error)
	// SyncDir makes what was created in a folder, or removed, safe on the disk.
	SyncDir(dir string) error
}

// File is a segment being written.
type File interface {
	io.WriteCloser
	// Sync makes what was written safe on the disk.
	Sync() error
}

// OS is the machine's file system.
var OS Files = osFiles{}

type osFiles struct{}

func (osFiles) Create(name string) (File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (osFiles) Open(name string) (io.ReadCloser, error) { return os.Open(name) }
func (osFiles) Remove(name string) error                { return os.Remove(name) }
func (osFiles) Rename(from, to string) error            { return os.Rename(from, to) }

func (osFiles) List(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (osFiles) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
