package resident

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapping is where a file is mapped.
type mapping struct {
	from, to uintptr
	mode     string // rwxs, as /proc writes it
	path     string
	resident int64 // bytes; these are known from smaps only
	own      int64 // of them, pages that this process has changed for itself
}

// Files is how many bytes of mapped files are resident; it takes microseconds.
func Files() (int64, error) {
	b, err := readAll("/proc/self/statm", make([]byte, 0, 128))
	if err != nil {
		return 0, err
	}
	var size, resident, files int64 // pages
	if _, err := fmt.Sscan(string(b), &size, &resident, &files); err != nil {
		return 0, fmt.Errorf("/proc/self/statm: %q: %w", b, err)
	}
	return files * int64(os.Getpagesize()), nil
}

// Of is how many bytes of some files are resident. It walks all pages, which
// takes milliseconds.
func Of(chosen func(path string) bool) (n int64, err error) {
	err = each("/proc/self/smaps", func(m *mapping) error {
		if chosen(m.path) {
			n += m.resident
		}
		return nil
	})
	return n, err
}

// Release gives back what is resident of some files. Kernels before 5.4 cannot.
func Release(chosen func(path string) bool) error {
	return each("/proc/self/maps", func(m *mapping) error {
		if !chosen(m.path) {
			return nil
		}
		// The file may be unmapped meanwhile and something else take its place. The
		// system then writes that to the swap, if there is one: contents survive,
		// which those of MADV_DONTNEED would not.
		return advise(m, unix.MADV_PAGEOUT)
	})
}

// Program gives back what is resident of the program itself, most of which only
// its start needed. The pages stay in the system's cache; those that are in use are
// back at once. After the first time it takes microseconds.
func Program() error {
	parts, err := programParts()
	for i := range parts {
		err = errors.Join(err, advise(&parts[i], unix.MADV_DONTNEED))
	}
	return err
}

// programParts are where the program itself lies as its file has it: that does not
// change while it runs.
var programParts = sync.OnceValues(func() (parts []mapping, err error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	err = each("/proc/self/smaps", func(m *mapping) error {
		// What may be written, or was changed when the program was loaded, is not in
		// the file as it is here.
		if m.path == program && !strings.Contains(m.mode, "w") && m.own == 0 {
			parts = append(parts, *m)
		}
		return nil
	})
	return parts, err
})

func advise(m *mapping, advice uintptr) error {
	_, _, e := unix.RawSyscall(unix.SYS_MADVISE, m.from, m.to-m.from, advice)
	switch e {
	case 0, unix.ENOMEM: // unmapped meanwhile
		return nil
	case unix.EINVAL:
		return errors.ErrUnsupported
	}
	return fmt.Errorf("memory of %q cannot be given back: %w", m.path, e)
}

// readAll reads a file of /proc into b. It, and advise, ask the system without telling
// Go's scheduler: these calls take microseconds and wait for nothing, but while a
// compaction has all processors, each of them could cost its goroutine the processor
// for ten milliseconds. In that time the compaction touches megabytes.
func readAll(file string, b []byte) ([]byte, error) {
	name, err := unix.BytePtrFromString(file)
	if err != nil {
		return nil, err
	}
	at := unix.AT_FDCWD
	fd, _, e := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(name)), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if e != 0 {
		return nil, fmt.Errorf("%s: %w", file, e)
	}
	for e == 0 {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		room := b[len(b):cap(b)]
		var n uintptr
		if n, _, e = unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&room[0])), uintptr(len(room))); e == unix.EINTR {
			e = 0
			continue
		}
		if e != 0 || n == 0 {
			break
		}
		b = b[:len(b)+int(n)]
	}
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	if e != 0 {
		return nil, fmt.Errorf("%s: %w", file, e)
	}
	return b, nil
}

// lists is room for a list of files; several goroutines may read at once.
var lists = sync.Pool{New: func() any { b := make([]byte, 0, 128<<10); return &b }}

// each calls f with every mapped file of a list, maps or smaps.
func each(list string, f func(*mapping) error) error {
	room := lists.Get().(*[]byte)
	defer lists.Put(room)
	text, err := readAll(list, (*room)[:0])
	if err != nil {
		return err
	}
	*room = text
	var m *mapping
	for len(text) > 0 {
		// 7f0a1c000000-7f0a1c800000 rw-s 00000000 fe:00 4711    /var/lib/tallyd/db/000001.sst
		// Rss:                 4 kB
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		first, rest, _ := bytes.Cut(line, []byte{' '})
		if n := len(first); n > 0 && first[n-1] == ':' {
			if err := m.more(first[:n-1], rest); err != nil {
				return fmt.Errorf("%s: %q: %w", list, line, err)
			}
			continue
		}
		if m != nil {
			if err := f(m); err != nil {
				return err
			}
			m = nil
		}
		at := bytes.IndexByte(line, '/')
		if at < 0 {
			continue // of no file
		}
		m = &mapping{path: string(line[at:])}
		from, to, _ := strings.Cut(string(first), "-")
		if m.from, err = address(from); err == nil {
			m.to, err = address(to)
		}
		if err != nil || len(rest) < 4 {
			return fmt.Errorf("%s: %q is no mapping", list, line)
		}
		m.mode = string(rest[:4])
	}
	if m == nil {
		return nil
	}
	return f(m)
}

func address(hex string) (uintptr, error) {
	v, err := strconv.ParseUint(hex, 16, 64)
	return uintptr(v), err
}

// more takes what smaps tells of a mapping.
func (m *mapping) more(key, value []byte) error {
	if m == nil {
		return nil
	}
	var to *int64
	switch string(key) {
	case "Rss":
		to = &m.resident
	case "Anonymous":
		to = &m.own
	default:
		return nil
	}
	if _, err := fmt.Sscan(string(value), to); err != nil {
		return err
	}
	*to <<= 10 // of kB
	return nil
}
