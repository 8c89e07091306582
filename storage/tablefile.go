package storage

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"

	"tallyd/metrics"
)

// Badger keeps its records in table files, in blocks of some 4 KB that carry a
// checksum each, with an index at the end that has one too:
//
//	block … block, index, its length, its checksum, the checksum's length
//	block: entry … entry, their offsets, their number, checksum, its length
//
// Badger itself is no good reader of a damaged file. It ends the process where
// the damage is in a length; where a checksum fails, its iterators end, without
// an error: a query silently finds less, and a compaction silently drops what
// follows. So the files are read here first, as files and not as memory, where a
// failing disk would kill the process.

// tableFile is a table file whose index is sound.
type tableFile struct {
	name    string
	size    int64
	written metrics.Millis
	blocks  []blockPlace
}

// blockPlace is where a block is, and the first key in it, with its version.
type blockPlace struct {
	first      []byte
	at, length int64
}

// errDamaged is what every check of a file's content reports.
var errDamaged = errors.New("its checksum is wrong")

// readIndex reads where a file's blocks are.
func readIndex(file string) (*tableFile, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t := &tableFile{name: filepath.Base(file), size: info.Size(), written: metrics.MillisOf(info.ModTime())}
	end := t.size
	sum, err := takeBefore(f, &end)
	if err != nil {
		return nil, err
	}
	index, err := takeBefore(f, &end)
	if err != nil {
		return nil, err
	}
	if err := verify(index, sum); err != nil {
		return nil, err
	}
	// A file that is being written has zeros where its end will be: no index, whose sum
	// is 0.
	if len(index) < 8 {
		return nil, errDamaged
	}
	x := fb.GetRootAsTableIndex(index, 0)
	var o fb.BlockOffset
	for i := range x.OffsetsLength() {
		if !x.Offsets(&o, i) || int64(o.Offset())+int64(o.Len()) > end || len(o.KeyBytes()) < 8 {
			return nil, errDamaged
		}
		t.blocks = append(t.blocks, blockPlace{o.KeyBytes(), int64(o.Offset()), int64(o.Len())})
	}
	if len(t.blocks) == 0 {
		return nil, errDamaged
	}
	return t, nil
}

// takeBefore reads what stands before end, led by nothing and followed by its
// length, and moves end before it.
func takeBefore(f *os.File, end *int64) ([]byte, error) {
	var length [4]byte
	if *end < int64(len(length)) {
		return nil, errDamaged
	}
	*end -= int64(len(length))
	if _, err := f.ReadAt(length[:], *end); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(length[:]))
	if n > *end {
		return nil, errDamaged
	}
	*end -= n
	b := make([]byte, n)
	_, err := f.ReadAt(b, *end)
	return b, err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func verify(b, sum []byte) error {
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil || want.Algo != pb.Checksum_CRC32C || want.Sum != uint64(crc32.Checksum(b, castagnoli)) {
		return errDamaged
	}
	return nil
}

// eachBlock calls f with every block in order: its place, and its entries, or
// nil where the block is damaged.
func (t *tableFile) eachBlock(dir string, f func(i int, entries []byte) error) error {
	file, err := os.Open(filepath.Join(dir, t.name))
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReaderSize(io.NewSectionReader(file, 0, t.size), 1<<20)
	at := int64(0)
	var b []byte
	for i, p := range t.blocks {
		if p.at != at { // they follow each other
			return errDamaged
		}
		if int64(cap(b)) < p.length {
			b = make([]byte, p.length)
		}
		b = b[:p.length]
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		at += p.length
		if err := f(i, soundBlock(b)); err != nil {
			return err
		}
	}
	return nil
}

// lastIsSound checks the last block, which Badger reads when it opens a table.
func (t *tableFile) lastIsSound(dir string) bool {
	f, err := os.Open(filepath.Join(dir, t.name))
	if err != nil {
		return false
	}
	defer f.Close()
	last := t.blocks[len(t.blocks)-1]
	b := make([]byte, last.length)
	_, err = f.ReadAt(b, last.at)
	return err == nil && soundBlock(b) != nil
}

// soundBlock is a block without its checksum, nil if that is wrong.
func soundBlock(b []byte) []byte {
	end := len(b) - 4
	if end < 0 {
		return nil
	}
	n := int(binary.BigEndian.Uint32(b[end:]))
	if n > end {
		return nil
	}
	if verify(b[:end-n], b[end-n:end]) != nil {
		return nil
	}
	return b[:end-n]
}

// eachEntry calls f with every key, with its version, and value of a sound
// block. The key is only valid during the call.
func eachEntry(block []byte, f func(key []byte, v y.ValueStruct)) error {
	end := len(block) - 4
	n := int(binary.BigEndian.Uint32(block[end:]))
	if n*4 > end {
		return errDamaged
	}
	end -= n * 4
	offsets := block[end:]
	var base, key []byte
	for i := range n {
		// In the machine's own order, as Badger writes it.
		from, to := int(binary.NativeEndian.Uint32(offsets[i*4:])), end
		if i+1 < n {
			to = int(binary.NativeEndian.Uint32(offsets[i*4+4:]))
		}
		if from+4 > to || to > end {
			return errDamaged
		}
		overlap, diff := int(binary.NativeEndian.Uint16(block[from:])), int(binary.NativeEndian.Uint16(block[from+2:]))
		if overlap > len(base) || from+4+diff+3 > to {
			return errDamaged
		}
		key = append(append(key[:0], base[:overlap]...), block[from+4:from+4+diff]...)
		if i == 0 {
			base = append(base, key...)
		}
		var v y.ValueStruct
		v.Decode(block[from+4+diff : to])
		f(key, v)
	}
	return nil
}

// withoutDamaged is the content of a file that has all entries of the blocks
// that are sound, with their versions: Badger can use it in the place of the
// damaged one. Where no block is sound, it has the deletion of its first key,
// for a table cannot be empty.
func (t *tableFile) withoutDamaged(dir string) ([]byte, error) {
	b := table.NewTableBuilder(table.Options{TableSize: uint64(t.size), BlockSize: 4 << 10, BloomFalsePositive: 0.01})
	defer b.Close()
	err := t.eachBlock(dir, func(_ int, block []byte) error {
		if block == nil {
			return nil
		}
		return eachEntry(block, func(key []byte, v y.ValueStruct) { b.Add(key, v, 0) })
	})
	if err != nil {
		return nil, fmt.Errorf("table file %q: %w", t.name, err)
	}
	if b.Empty() {
		const deleted = 1
		b.Add(t.blocks[0].first, y.ValueStruct{Meta: deleted}, 0)
	}
	return b.Finish(), nil
}
