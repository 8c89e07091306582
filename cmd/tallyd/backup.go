package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/bus"
	"tallyd/metrics"
	"tallyd/storage"
)

type backupOptions struct {
	config, data string
	json         bool
}

func backupCommand(environ []string) *cobra.Command {
	var o backupOptions
	c := &cobra.Command{
		Use: "backup FILE|DIR", Short: "back up all that is stored, while the daemon runs or not",
		Long: "Writes all that is stored, as it is at one moment, and the key of the callers' hashes, into a file that only you can\n" +
			"read; in a folder it is named by site and time. The file is then read back and proved: it ends with its SHA-256.\n" +
			"With the key in it, whoever has the file can test whether a number called: keep it as a secret.",
		Example: "  tallyd backup /var/backups/tallyd\n  tallyd backup --config /etc/tallyd/tallyd.yaml before-update.backup",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return backup(c.Context(), o, args[0], environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration file of the daemon")
	f.StringVar(&o.data, "data", "", "data folder of the daemon")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

func backup(ctx context.Context, o backupOptions, target string, environ []string, out, errs io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	if st, err := os.Stat(target); err == nil && st.IsDir() {
		target = filepath.Join(target, fmt.Sprintf("tallyd-%s-%s.backup", bus.EncodeID(cfg.Site), time.Now().UTC().Format("20060102T150405Z")))
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return usage("backup: %q is there already", target)
	}
	// Beside its place, so that no file of this name is ever less than whole; and
	// before a store's owner's rights are all that is left.
	part, err := os.CreateTemp(filepath.Dir(target), ".backup-*") // 0600
	if err != nil {
		return fmt.Errorf("the backup cannot be made: %w", err)
	}
	defer os.Remove(part.Name()) // where it was not renamed
	defer part.Close()
	place, err := os.Open(filepath.Dir(target))
	if err != nil {
		return fmt.Errorf("the backup cannot be made: %w", err)
	}
	defer place.Close()
	k, err := openKeeper(ctx, cfg, dataFolder(cfg, o.data), slog.New(slog.NewTextHandler(errs, nil)))
	if err != nil {
		return err
	}
	err = k.Backup(ctx, part)
	if err = errors.Join(err, k.close()); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return fmt.Errorf("the backup cannot be made: %w", err)
	}
	info, err := storage.VerifyBackup(ctx, part.Name())
	if err != nil {
		return fmt.Errorf("what was written is not what is read back: %w", err)
	}
	if err := errors.Join(os.Rename(part.Name(), target), place.Sync()); err != nil {
		return fmt.Errorf("the backup cannot be made: %w", err)
	}
	return printBackup(out, target, info, o.json)
}

// printBackup tells what a backup has.
func printBackup(out io.Writer, file string, info *storage.BackupInfo, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(struct {
			File string `json:"file"`
			*storage.BackupInfo
		}{file, info})
	}
	_, err := fmt.Fprintf(out, "%s: site %q as of %s, %s\n  %d rollups of %d sealed intervals, %d contacts, %d facts\n  sha256 %s\n", file, info.Site,
		metrics.Millis(info.At).Time().Format(time.RFC3339), humanize.Bytes(uint64(info.Bytes)), info.Rollups, info.Seals, info.Contacts, info.Facts, info.SHA256)
	return err
}
