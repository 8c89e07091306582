package storage

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// BackupInfo is what a backup says of itself, and is.
type BackupInfo struct {
	Head
	Counts
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// ErrNoBackup is wrapped where a file is not a whole backup that this program
// can read.
var ErrNoBackup = errors.New("it cannot be restored")

// VerifyBackup reads a backup through.
func VerifyBackup(ctx context.Context, file string) (*BackupInfo, error) {
	info, err := proveBackup(ctx, file)
	if err != nil {
		return nil, err
	}
	return info, readBackup(ctx, file, info, func(_, _ []byte) error { return nil })
}

// proveBackup reads a file through and holds it against the checksum that it
// ends with.
func proveBackup(ctx context.Context, file string) (*BackupInfo, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("file %q cannot be read: %w", file, reason(err))
	}
	defer f.Close()
	not := func(format string, args ...any) error {
		return fmt.Errorf("file %q %s: %w", file, fmt.Sprintf(format, args...), ErrNoBackup)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	info := &BackupInfo{Bytes: st.Size()}
	head := make([]byte, min(st.Size(), 4096))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("file %q cannot be read: %w", file, reason(err))
	}
	first, rest, _ := bytes.Cut(head, []byte("\n"))
	version, is := strings.CutPrefix(string(first), backupMagic)
	if !is {
		return nil, not("is not a backup of tallyd")
	}
	if n, err := strconv.Atoi(version); err != nil || n < 1 {
		return nil, not("is damaged at its beginning")
	} else if n > backupFormat {
		return nil, not("is a backup of format %d, this program reads up to %d", n, backupFormat)
	}
	tail := make([]byte, sumLine)
	if st.Size() < int64(len(first)+1+sumLine) {
		return nil, not("is cut off")
	}
	if _, err := f.ReadAt(tail, st.Size()-int64(sumLine)); err != nil {
		return nil, fmt.Errorf("file %q cannot be read: %w", file, reason(err))
	}
	sum, is := strings.CutPrefix(strings.TrimSuffix(string(tail), "\n"), sumPrefix)
	if !is || len(sum) != 2*sha256.Size {
		return nil, not("is cut off: it does not end with its checksum")
	}
	h := sha256.New()
	if _, err := io.Copy(h, &contextReader{ctx, io.NewSectionReader(f, 0, st.Size()-int64(sumLine))}); err != nil {
		return nil, fmt.Errorf("file %q cannot be read: %w", file, reason(err))
	}
	if info.SHA256 = hex.EncodeToString(h.Sum(nil)); info.SHA256 != sum {
		return nil, not("is damaged: its SHA-256 is %s, it ends with %s", info.SHA256, sum)
	}
	line, _, whole := bytes.Cut(rest, []byte("\n"))
	if err := json.Unmarshal(line, &info.Head); !whole || err != nil {
		return nil, not("does not say what it is of")
	}
	if info.StoreFormat > formatNumber {
		return nil, not("is of a store of format %d, this program reads up to %d", info.StoreFormat, formatNumber)
	}
	return info, nil
}

// contextReader stops with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// Bounds of what a backup may hold: a record beyond them is none of ours.
const (
	maxKey   = 65_000
	maxValue = 16 << 20
)

// readBackup calls f with every file and record of a backup that was proved,
// counts them into info, and holds them against what the backup says. Key and
// value are only valid during the call.
func readBackup(ctx context.Context, file string, info *BackupInfo, f func(key, value []byte) error) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("file %q cannot be read: %w", file, reason(err))
	}
	defer in.Close()
	sum := sha256.New()
	counts, err := decodeBackup(ctx, io.NewSectionReader(in, 0, info.Bytes-int64(sumLine)), sum, f)
	if err != nil {
		return fmt.Errorf("file %q: %w", file, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != info.SHA256 {
		return fmt.Errorf("file %q was changed while it was read: %w", file, ErrNoBackup)
	}
	info.Counts = counts
	return nil
}

func decodeBackup(ctx context.Context, in io.Reader, sum hash.Hash, f func(key, value []byte) error) (counts Counts, err error) {
	r := bufio.NewReaderSize(io.TeeReader(&contextReader{ctx, in}, sum), 64<<10)
	for range 2 { // what it is, and Head
		if _, err := r.ReadSlice('\n'); err != nil {
			return counts, err
		}
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return counts, err
	}
	defer z.Close()
	frame := bufio.NewReaderSize(z, 64<<10)
	var key, value []byte
	for {
		if key, err = readPart(frame, key, maxKey); err == nil {
			value, err = readPart(frame, value, maxValue)
		}
		if err != nil {
			return counts, fmt.Errorf("after %+v: %w: %w", counts, err, ErrNoBackup)
		}
		if len(key) == 0 {
			break
		}
		counts.add(key)
		if err := f(key, value); err != nil {
			return counts, err
		}
	}
	var want Counts
	if err := json.Unmarshal(value, &want); err != nil || want != counts {
		return counts, fmt.Errorf("it holds %+v and says %s: %w", counts, value, ErrNoBackup)
	}
	if n, err := io.Copy(io.Discard, frame); n != 0 || err != nil {
		return counts, fmt.Errorf("something follows its end (%d bytes, %v): %w", n, err, ErrNoBackup)
	}
	_, err = io.Copy(io.Discard, r) // the rest, for the sum
	return counts, err
}

// readPart reads a length, and so many bytes into b.
func readPart(r *bufio.Reader, b []byte, most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return b, unexpected(err)
	}
	if n > most {
		return b, fmt.Errorf("a length of %d", n)
	}
	b = slices.Grow(b[:0], int(n))[:n]
	_, err = io.ReadFull(r, b)
	return b, unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
