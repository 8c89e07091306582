package resident

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

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
	b, err := os.ReadFile("/proc/self/statm")
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
	_, _, e := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, advice)
	switch e {
	case 0, unix.ENOMEM: // unmapped meanwhile
		return nil
	case unix.EINVAL:
		return errors.ErrUnsupported
	}
	return fmt.Errorf("memory of %q cannot be given back: %w", m.path, e)
}

// each calls f with every mapped file of a list, maps or smaps.
func each(list string, f func(*mapping) error) error {
	in, err := os.Open(list)
	if err != nil {
		return err
	}
	defer in.Close()
	var m *mapping
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		// 7f0a1c000000-7f0a1c800000 rw-s 00000000 fe:00 4711    /var/lib/tallyd/db/000001.sst
		// Rss:                 4 kB
		line := lines.Text()
		first, rest, _ := strings.Cut(line, " ")
		if key, isMore := strings.CutSuffix(first, ":"); isMore {
			if err := m.more(key, rest); err != nil {
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
		at := strings.IndexByte(line, '/')
		if at < 0 {
			continue // of no file
		}
		m = &mapping{path: line[at:]}
		if _, err := fmt.Sscanf(line, "%x-%x %s", &m.from, &m.to, &m.mode); err != nil {
			return fmt.Errorf("%s: %q: %w", list, line, err)
		}
	}
	if err := lines.Err(); err != nil || m == nil {
		return err
	}
	return f(m)
}

// more takes what smaps tells of a mapping.
func (m *mapping) more(key, value string) error {
	if m == nil {
		return nil
	}
	var to *int64
	switch key {
	case "Rss":
		to = &m.resident
	case "Anonymous":
		to = &m.own
	default:
		return nil
	}
	if _, err := fmt.Sscan(value, to); err != nil {
		return err
	}
	*to <<= 10 // of kB
	return nil
}
