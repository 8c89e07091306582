package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4/y"

	"tallyd/metrics"
)

// A table file that is found damaged when the folder is opened is replaced by
// one without the damaged blocks, of some 4 KB each, and kept in the folder
// "damaged" beside a note of what the blocks held. As long as the note is there,
// reading what it names is an error; the rest stays readable, and writing goes
// on. Who has restored a backup, or decides to go without, removes the note.
const (
	damagedFolder = "damaged"
	noteSuffix    = ".json"
)

// ErrDamaged is wrapped by reads of records that a damaged file held.
var ErrDamaged = errors.New("a file is damaged")

// damage is a note about one damaged file.
type damage struct {
	File string     `json:"file"` // its name while it counted
	What []string   `json:"what"` // was lost, in words
	Lost []lostSpan `json:"lost"`
	// LaidOut: Lost are places as layout.go says, and not keys.
	LaidOut bool `json:"laid_out,omitempty"`
	// Written is when the file was: nothing that happened later was in it.
	Written metrics.Millis `json:"written_ms"`
	// Kept is the damaged file's present name; "" while it was not replaced.
	Kept string `json:"kept"`
	// Again: of a log, what is whole must be stored again.
	Again bool `json:"again,omitempty"`

	note  string
	found bool // by this opening
}

// checkAtOpen bounds, in bytes, the tables that are read through before a folder
// is opened that was closed in order; what is left is for Check. The upper
// levels, which Badger rewrites first, come first. After a crash all are.
const checkAtOpen = 1 << 30

// checkTables reads table files through before Badger does, and replaces the
// damaged ones.
func checkTables(ctx context.Context, c *Config, list *tableList) (known []damage, unchecked map[string]bool, err error) {
	if known, err = readNotes(c.Dir); err != nil {
		return nil, nil, err
	}
	tables := make([]*tableFile, len(list.names))
	for i, name := range list.names {
		if tables[i], err = readIndex(filepath.Join(c.Dir, name)); err != nil {
			return nil, nil, fmt.Errorf("table file %q cannot be read (%w): %s", filepath.Join(c.Dir, name), reason(err), restoreInstead)
		}
	}
	unchecked = map[string]bool{}
	checked := int64(0)
	for i, t := range tables {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		noted := slices.IndexFunc(known, func(d damage) bool { return d.File == t.name && d.Kept == "" })
		if checked > checkAtOpen && !list.crashed && noted < 0 && t.lastIsSound(c.Dir) {
			unchecked[t.name] = true
			continue
		}
		checked += t.size
		var next []byte // the first key of the level's next table: there, tables do not overlap
		if level := list.level[t.name]; level > 0 && i+1 < len(tables) {
			next = nextInLevel(tables, list, t)
		}
		lost, err := t.lost(c.Dir, next)
		if err != nil {
			return nil, nil, fmt.Errorf("table file %q cannot be read: %w", filepath.Join(c.Dir, t.name), reason(err))
		}
		if len(lost) == 0 {
			continue
		}
		d := damage{File: t.name, Lost: lost, Written: t.written, found: true}
		if noted >= 0 {
			d = known[noted]
			known = slices.Delete(known, noted, noted+1)
		}
		if c.ReadOnly {
			return nil, nil, fmt.Errorf("table file %q is damaged: open the folder once for writing", filepath.Join(c.Dir, t.name))
		}
		if err := t.replace(c.Dir, &d); err != nil {
			return nil, nil, fmt.Errorf("table file %q is damaged, and cannot be replaced: %w", filepath.Join(c.Dir, t.name), reason(err))
		}
		known = append(known, d)
	}
	return known, unchecked, nil
}

// nextInLevel is the first key, of any table on t's level, that follows t's
// blocks.
func nextInLevel(tables []*tableFile, list *tableList, t *tableFile) []byte {
	var next []byte
	last := t.blocks[len(t.blocks)-1].first
	for _, o := range tables {
		first := o.blocks[0].first
		if o != t && list.level[o.name] == list.level[t.name] && y.CompareKeys(first, last) > 0 && (next == nil || y.CompareKeys(first, next) < 0) {
			next = first
		}
	}
	return next
}

// lost reads a file through and tells which keys its damaged blocks may have
// held; next is the first key that follows the table's, nil where nothing tells.
func (t *tableFile) lost(dir string, next []byte) (spans []lostSpan, err error) {
	err = t.eachBlock(dir, func(i int, block []byte) error {
		if block != nil {
			return nil
		}
		from := slices.Clone(y.ParseKey(t.blocks[i].first))
		end := next
		if i+1 < len(t.blocks) {
			end = t.blocks[i+1].first
		}
		to := []byte{0xff}
		if end != nil { // the key there may have had a newer version in the damaged block
			to = append(slices.Clone(y.ParseKey(end)), 0)
		}
		if n := len(spans); n > 0 && spans[n-1].holds(from) {
			spans[n-1].To = to
		} else {
			spans = append(spans, lostSpan{from, to})
		}
		return nil
	})
	return spans, err
}

// replace sets a damaged file aside and puts one in its place that has what is
// sound of it. Whenever it is interrupted, the damaged file still counts, and
// is found again, or the note is complete.
func (t *tableFile) replace(dir string, d *damage) error {
	content, err := t.withoutDamaged(dir)
	if err != nil {
		return err
	}
	aside := filepath.Join(dir, damagedFolder)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	if d.note == "" {
		d.note = freeName(aside, strings.TrimSuffix(t.name, filepath.Ext(t.name)))
	}
	kept := strings.TrimSuffix(filepath.Base(d.note), noteSuffix) + filepath.Ext(t.name)
	if err := os.Link(filepath.Join(dir, t.name), filepath.Join(aside, kept)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d.Kept = kept
	if err := d.write(); err != nil {
		return err
	}
	// The same name on the same level: the list of tables stays as it is.
	return WriteFile(filepath.Join(dir, t.name), content)
}

// freeName is the name of a note that is not there yet: Badger may use a file's
// number again.
func freeName(folder, name string) string {
	for n := 1; ; n++ {
		note := filepath.Join(folder, name+noteSuffix)
		if n > 1 {
			note = filepath.Join(folder, fmt.Sprintf("%s-%d%s", name, n, noteSuffix))
		}
		if _, err := os.Stat(note); err != nil {
			return note
		}
	}
}

func (d *damage) write() error {
	if len(d.Lost) > 0 {
		d.What = d.words()
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(d.note, append(b, '\n'))
}

func readNotes(dir string) (list []damage, err error) {
	files, err := filepath.Glob(filepath.Join(dir, damagedFolder, "*"+noteSuffix))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("file %q cannot be read: %w", f, reason(err))
		}
		d := damage{note: f}
		if err := json.Unmarshal(b, &d); err != nil {
			return nil, fmt.Errorf("file %q is not a note of damage: %w", f, err)
		}
		list = append(list, d)
	}
	return list, nil
}

// noteLost takes down what a damaged file, which is still in use, held.
func (s *Store) noteLost(name string, lost []lostSpan, written metrics.Millis) error {
	folder := filepath.Join(s.cfg.Dir, damagedFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	d := damage{File: name, Lost: lost, LaidOut: true, Written: written, note: freeName(folder, strings.TrimSuffix(name, filepath.Ext(name)))}
	s.lostMu.Lock()
	s.damages = append(s.damages, d)
	s.lostMu.Unlock()
	return d.write()
}
