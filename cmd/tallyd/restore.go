package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/storage"
)

type restoreOptions struct {
	config, data string
	check        bool
	json         bool
}

func restoreCommand(environ []string) *cobra.Command {
	var o restoreOptions
	c := &cobra.Command{
		Use: "restore FILE", Short: "make a data folder of a backup",
		Long: "Proves the backup whole (its format, its SHA-256, the number of records of each kind) and makes a data folder of it,\n" +
			"which must be new or empty. Of a file that is damaged, cut off or something else nothing is written.\n" +
			"Who was forgotten after the backup was made must be forgotten again.",
		Example: "  tallyd restore /var/backups/tallyd/tallyd-main-20261124T031500Z.backup --data /var/lib/tallyd\n  tallyd restore --check before-update.backup",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return restore(c.Context(), o, args[0], environ, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "configuration file of the daemon")
	f.StringVar(&o.data, "data", "", "data folder to make (default: the configuration's)")
	f.BoolVar(&o.check, "check", false, "only prove the backup, write nothing")
	f.BoolVar(&o.json, "json", false, "print one JSON document")
	return c
}

func restore(ctx context.Context, o restoreOptions, file string, environ []string, out, errs io.Writer) error {
	cfg, err := config.Load(o.config, environ)
	if err != nil {
		return &codeError{exitUsage, err}
	}
	if o.check {
		info, err := storage.VerifyBackup(ctx, file)
		if err != nil {
			return notWhole(err)
		}
		return printBackup(out, file, info, o.json)
	}
	data := cfg.Data
	if o.data != "" {
		data = o.data
	}
	if err := restorable(data); err != nil {
		return err
	}
	info, err := restoreInto(ctx, file, data, slog.New(slog.NewTextHandler(errs, nil)))
	if err != nil {
		return notWhole(err)
	}
	return printBackup(out, file, info, o.json)
}

// notWhole tells a backup that is no good from a restoring that did not work.
func notWhole(err error) error {
	if errors.Is(err, storage.ErrNoBackup) {
		return &codeError{exitNotSo, err}
	}
	return err
}

// restoringFolder holds what is restored until it is whole. As long as it is
// there, no daemon takes the data folder for an empty one.
const restoringFolder = "restoring"

// restorable is an error where a data folder is not to be restored into. What an
// interrupted restoring left there does not count.
func restorable(data string) error {
	entries, err := os.ReadDir(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	interrupted := false
	var others []string
	for _, e := range entries {
		switch e.Name() {
		case restoringFolder:
			interrupted = true
		case "lost+found": // the folder is a filesystem of its own
		default:
			others = append(others, e.Name())
		}
	}
	if len(others) == 0 || interrupted && len(others) == 1 && others[0] == api.CallerKeyFile {
		return nil
	}
	return fmt.Errorf("data folder %q is not empty (%s is there): restore into a new one", data, others[0])
}

// interruptedRestoring is an error where a restoring was cut off.
func interruptedRestoring(data string) error {
	if _, err := os.Stat(filepath.Join(data, restoringFolder)); err == nil {
		return fmt.Errorf("data folder %q: the restoring of a backup was interrupted: run tallyd restore again", data)
	}
	return nil
}

// restoreInto makes the data folder. The store comes into its place last, in one
// step.
func restoreInto(ctx context.Context, file, data string, log *slog.Logger) (*storage.BackupInfo, error) {
	if _, err := storage.VerifyBackup(ctx, file); err != nil {
		return nil, err // before anything is made
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	restoring := filepath.Join(data, restoringFolder)
	if err := errors.Join(os.RemoveAll(restoring), os.Mkdir(restoring, 0o700)); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	info, files, err := storage.Restore(ctx, file, filepath.Join(restoring, storeFolder), log)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(restoring))
	}
	key := files[api.CallerKeyFile]
	if key == nil {
		return nil, errors.Join(fmt.Errorf("file %q has no key of the callers: %w", file, storage.ErrNoBackup), os.RemoveAll(restoring))
	}
	move := func(name string) error { return os.Rename(filepath.Join(restoring, name), filepath.Join(data, name)) }
	for _, step := range []func() error{
		func() error { return os.WriteFile(filepath.Join(restoring, api.CallerKeyFile), key, 0o600) },
		func() error { return give(restoring, data) },
		func() error { return syncTree(restoring) },
		func() error { return move(api.CallerKeyFile) },
		func() error { return move(storeFolder) },
		func() error { return syncTree(data) }, // before the mark of what is unfinished goes
		func() error { return os.Remove(restoring) },
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
	}
	return info, nil
}

// give makes a folder's owner the owner of all that root has made in another.
func give(made, of string) error {
	st, err := os.Stat(of)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return filepath.WalkDir(made, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}

// syncTree makes all that is in a folder outlast a crash.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() && !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
