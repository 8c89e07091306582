package journal

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
)

// disk is a file system in memory that remembers what is safe and what is not,
// fails on demand, and can lose power.
type disk struct {
	mu    sync.Mutex
	files map[string]*inode
	safe  map[string]*inode // the folder as it would be found after a power cut
	// room is how many bytes can still be written; fail makes everything fail.
	room int
	fail error
	full func()        // if not nil: called, once, by who finds no room
	hang chan struct{} // a write waits for it
}

type inode struct {
	b      []byte
	synced int
}

func newDisk() *disk {
	return &disk{files: map[string]*inode{}, safe: map[string]*inode{}, room: 1 << 30}
}

var errNoSpace = errors.New("no space left on device")

func (d *disk) Create(name string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return nil, d.fail
	}
	if d.files[name] != nil {
		return nil, fs.ErrExist
	}
	n := &inode{}
	d.files[name] = n
	return &handle{d, n}, nil
}

func (d *disk) Open(name string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.files[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(bytes.Clone(n.b))), nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	delete(d.files, name)
	return nil
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		if filepath.Dir(name) == dir {
			out = append(out, filepath.Base(name))
		}
	}
	return out, nil
}

func (d *disk) SyncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	d.safe = maps.Clone(d.files)
	return nil
}

// handle is an open file.
type handle struct {
	d *disk
	n *inode
}

func (h *handle) Write(b []byte) (int, error) {
	if h.d.hang != nil {
		<-h.d.hang
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.d.fail != nil {
		return 0, h.d.fail
	}
	n := min(len(b), h.d.room)
	h.d.room -= n
	h.n.b = append(h.n.b, b[:n]...)
	if n < len(b) {
		if f := h.d.full; f != nil {
			h.d.full = nil
			f()
		}
		return n, errNoSpace
	}
	return n, nil
}

func (h *handle) Sync() error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.d.fail != nil {
		return h.d.fail
	}
	h.n.synced = len(h.n.b)
	return nil
}

func (h *handle) Close() error { return nil }

// left is all that was written. The lock is held.
func (d *disk) left() *disk {
	out := newDisk()
	for name, n := range d.files {
		out.files[name] = &inode{bytes.Clone(n.b), len(n.b)}
	}
	out.safe = maps.Clone(out.files)
	return out
}

// cut is what is found after a power cut: of each file what was synced, and of
// the rest as much as keep says, of which garbage may have hit the last bytes.
func (d *disk) cut(keep func(unsynced int) int, everyName bool, garbage byte) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.safe
	if everyName {
		names = d.files
	}
	out := newDisk()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		n := names[name]
		kept := keep(len(n.b) - n.synced)
		b := bytes.Clone(n.b[:n.synced+kept])
		if garbage != 0 && kept > 0 {
			b[len(b)-1] ^= garbage
		}
		out.files[name] = &inode{b, len(b)}
	}
	out.safe = maps.Clone(out.files)
	return out
}
