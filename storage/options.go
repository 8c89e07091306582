package storage

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// badgerOptions are sized for a machine that also runs the switch. A memtable takes
// its size twice, in memory and as a mapped log. A compaction builds up to eight
// tables at once, each in memory of twice its size, which Badger keeps for the next:
// so tables are small at every level (with the 16 MB tables of deeper levels
// compacting a store of 400 MB took 200 MB of memory), and a memtable is no larger
// than a table, or its memory would be doubled. A compaction into the base level
// goes through all of it, so that it is small too.
func badgerOptions(c *Config) badger.Options {
	o := badger.DefaultOptions(c.Dir).
		WithMemTableSize(1 << 20).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithBaseLevelSize(2 << 20).
		WithLevelSizeMultiplier(4).
		WithBaseTableSize(1 << 20).
		// The tables are mapped: a cache of blocks would keep parts of them twice.
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithNumCompactors(2).
		WithValueLogFileSize(32 << 20).
		// At most what one transaction holds, which is 15 % of a memtable.
		WithValueThreshold(128 << 10).
		// Rollups are varints already: zstd at level 1 saves nothing on them.
		WithCompression(options.None).
		// There is one writer at a time, and it syncs once per interval.
		WithDetectConflicts(false).
		WithSyncWrites(false).
		WithMetricsEnabled(false).
		// A block is checked whenever it is read; tablefile.go says why that is not
		// enough. Checking at open is done there too: Badger leaves tables out
		// without an error, or ends the process.
		WithChecksumVerificationMode(options.OnBlockRead).
		WithVerifyValueChecksum(true).
		WithReadOnly(c.ReadOnly).
		WithLogger(badgerLog{c.Logger})
	o.TableSizeMultiplier = 1
	return o
}

// badgerLog takes what Badger has to say: its notes at debug, the rest as
// warnings (an error that matters comes back from the call that met it).
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Warn("badger: " + line(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn("badger: " + line(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.log.Debug("badger: " + line(f, a)) }
func (l badgerLog) Debugf(f string, a ...any)   { l.log.Debug("badger: " + line(f, a)) }

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }
