package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tallyd/connectors/api"
)

// The embedded server's streams have who did what, and so are encrypted, which also
// halves what the server takes of memory for writing: its blocks are then smaller.

// streamsKey reads the key, or makes one. Streams of an earlier version, which are
// not encrypted, the server encrypts when it opens them.
func streamsKey(c *Config) (string, error) {
	name := filepath.Join(c.Dir, StreamsKeyFile)
	b, err := os.ReadFile(name)
	if err == nil {
		key := strings.TrimSpace(string(b))
		if key == "" {
			err = fmt.Errorf("file %q is empty", name)
		}
		return key, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := setUnreadableAside(c); err != nil {
		return "", err
	}
	key := api.NewSecret()
	return key, api.WriteSecret(name, key+"\n")
}

// setUnreadableAside renames streams that are encrypted with a key that is gone: the
// server would take them for damaged ones of its own.
func setUnreadableAside(c *Config) error {
	streams := filepath.Join(c.Dir, StreamsFolder)
	encrypted, err := filepath.Glob(filepath.Join(streams, "jetstream", "*", "streams", "*", "meta.key"))
	if err != nil || len(encrypted) == 0 {
		return err
	}
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.unreadable-%d", streams, n)
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		c.Logger.Warn("the key of the streams is gone, and they cannot be read without it: new ones are begun with what the store still has to tell",
			"key", filepath.Join(c.Dir, StreamsKeyFile), "kept", aside)
		return os.Rename(streams, aside)
	}
}
