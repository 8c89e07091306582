package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// restoreInstead ends every message about damage that nothing mends here.
const restoreInstead = "nothing was changed; restore a backup with tallyd restore"

// tableList is what the file MANIFEST says about the table files: it is the only
// place that says which of them count, and on which level.
type tableList struct {
	names []string // in the order of level and number
	level map[string]int
	// crashed: the folder was not closed in order.
	crashed bool
}

// readManifest reads which table files count. Badger takes a folder without the
// list, or with one that was cut, for a folder with fewer tables, and deletes
// the others: that must not happen.
func readManifest(c *Config) (*tableList, error) {
	files, err := os.ReadDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder %q cannot be read: %w", c.Dir, reason(err))
	}
	l := &tableList{level: map[string]int{}}
	onDisk := map[string]bool{}
	for _, f := range files {
		switch filepath.Ext(f.Name()) {
		case ".sst":
			onDisk[f.Name()] = true
		case ".mem": // its last write is not in the tables yet
			l.crashed = true
		}
		if f.Name() == unclosedFile {
			l.crashed = true
		}
	}
	name := filepath.Join(c.Dir, badger.ManifestFilename)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if len(onDisk) > 0 {
			return nil, fmt.Errorf("folder %q has %d table files and no list of them, %s: %s", c.Dir, len(onDisk), badger.ManifestFilename, restoreInstead)
		}
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("file %q cannot be read: %w", name, reason(err))
	}
	defer f.Close()
	m, _, err := badger.ReplayManifestFile(f, 0, badgerOptions(c))
	if err != nil {
		return nil, fmt.Errorf("file %q is damaged (%w): %s", name, err, restoreInstead)
	}
	for _, id := range slices.Sorted(maps.Keys(m.Tables)) {
		table := table.IDToFilename(id)
		if !onDisk[table] {
			return nil, fmt.Errorf("table file %q is missing: %s", filepath.Join(c.Dir, table), restoreInstead)
		}
		l.names = append(l.names, table)
		l.level[table] = int(m.Tables[id].Level)
	}
	slices.SortStableFunc(l.names, func(a, b string) int { return l.level[a] - l.level[b] })
	// A crash may leave tables that do not count yet; an orderly end does not.
	if unlisted := l.unlisted(onDisk); len(unlisted) > 0 && !l.crashed {
		return nil, fmt.Errorf("file %q is damaged: it does not list %s: %s", name, strings.Join(unlisted, ", "), restoreInstead)
	}
	return l, nil
}

func (l *tableList) unlisted(onDisk map[string]bool) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(onDisk)) {
		if _, listed := l.level[name]; !listed {
			names = append(names, name)
		}
	}
	return names
}
