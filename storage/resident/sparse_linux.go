package resident

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Where a page of a mapped file is touched, the system maps fifteen more beside it that
// are in its cache, and counts all of them. It does not so in memory that a user's
// handler of faults watches for writes: pages are then mapped one by one. Nothing is
// ever asked of that handler, for nothing is protected.

// The interface of userfaultfd(2), of which the library has the number alone.
const (
	uffdAPI        = 0xc018aa3f // UFFDIO_API
	uffdRegister   = 0xc020aa00 // UFFDIO_REGISTER
	uffdVersion    = 0xaa
	uffdWriteAsync = 1 << 15 // UFFD_FEATURE_WP_ASYNC: any memory may be watched for writes
	uffdWrites     = 1 << 1  // UFFDIO_REGISTER_MODE_WP
	uffdUserOnly   = 1       // UFFD_USER_MODE_ONLY: what who is not root may ask for
)

type uffdAPIArgs struct{ api, features, ioctls uint64 }

type uffdRegisterArgs struct{ start, length, mode, ioctls uint64 }

// Sparse has the pages of the program mapped one by one, as long as this process lives.
// Kernels before 6.7 cannot, and some containers may not: the error wraps
// errors.ErrUnsupported then.
func Sparse() error {
	parts, err := programParts()
	if err != nil {
		return err
	}
	fd, _, e := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|uffdUserOnly, 0, 0)
	if e != 0 {
		return cannot("watched", e)
	}
	api := uffdAPIArgs{api: uffdVersion, features: uffdWriteAsync}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, uffdAPI, uintptr(unsafe.Pointer(&api))); e != 0 {
		return errors.Join(cannot("watched", e), unix.Close(int(fd)))
	}
	for _, m := range parts {
		r := uffdRegisterArgs{start: uint64(m.from), length: uint64(m.to - m.from), mode: uffdWrites}
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, uffdRegister, uintptr(unsafe.Pointer(&r))); e != 0 {
			return errors.Join(cannot("mapped page by page", e), unix.Close(int(fd)))
		}
	}
	return nil // the descriptor stays open: closing it would end the watch
}

func cannot(what string, e unix.Errno) error {
	switch e {
	case unix.ENOSYS, unix.EINVAL, unix.EPERM, unix.EACCES, unix.ENOTTY:
		return fmt.Errorf("the program's memory cannot be %s (%w): %w", what, e, errors.ErrUnsupported)
	}
	return fmt.Errorf("the program's memory cannot be %s: %w", what, e)
}
