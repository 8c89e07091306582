package storage

import (
	"path/filepath"
	"strings"
)

// Mapped returns what tells of a path whether it is one of this store's tables or
// logs. Badger maps all of them and leaves the pages that it has once touched to
// the system, which counts them as this process's until the machine is short of
// memory: a store of a gigabyte looks as if the daemon had taken a gigabyte from
// the switch. Package resident gives them back. Memtables are left alone, they are
// being written.
func (s *Store) Mapped() (func(path string) bool, error) {
	dir, err := filepath.Abs(s.cfg.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return nil, err
	}
	return func(path string) bool {
		return filepath.Dir(path) == dir && (strings.HasSuffix(path, ".sst") || strings.HasSuffix(path, ".vlog"))
	}, nil
}
