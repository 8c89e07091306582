package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/admin"
	"tallyd/connectors/api"
	"tallyd/storage"
)

// storeFolder is the store's place in the data folder.
const storeFolder = "db"

// keeper is who can forget and back up: the daemon that runs on a data folder,
// or, where none does, this process.
type keeper struct {
	admin.Actions
	by      string // who is at this process
	compact func(context.Context) error
	close   func() error
}

// openKeeper finds out whether a daemon runs, and opens the store if none does.
func openKeeper(ctx context.Context, cfg *config.Config, data string, log *slog.Logger) (*keeper, error) {
	by := admin.UserName(os.Getuid())
	client, err := admin.Dial(ctx, data)
	if err == nil {
		return &keeper{client, by, func(context.Context) error { return nil }, func() error { client.Close(); return nil }}, nil
	}
	if !errors.Is(err, admin.ErrNotRunning) {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(data, storeFolder)); err != nil {
		return nil, fmt.Errorf("data folder %q has no store", data)
	}
	back, err := becomeOwner(data)
	if err != nil {
		return nil, err
	}
	k, err := openStopped(ctx, cfg, data, log)
	if err != nil {
		return nil, errors.Join(err, back())
	}
	k.by = by
	closeStore := k.close
	k.close = func() error { return errors.Join(closeStore(), back()) }
	return k, nil
}

// openStopped opens the store of a data folder that no daemon runs on.
func openStopped(ctx context.Context, cfg *config.Config, data string, log *slog.Logger) (*keeper, error) {
	key, err := os.ReadFile(filepath.Join(data, api.CallerKeyFile))
	if err != nil {
		return nil, fmt.Errorf("the key of the callers: %w", err)
	}
	store, err := storage.Open(ctx, storage.Config{Dir: filepath.Join(data, storeFolder), Logger: log})
	if err != nil {
		return nil, err
	}
	service := api.New(api.Config{Site: cfg.Site, Store: store, CallerKey: key, AlertsFile: filepath.Join(data, api.AlertsFile)})
	return &keeper{Actions: service, compact: store.Compact, close: store.Close}, nil
}

// becomeOwner makes root act as the data folder's owner until back is called:
// files that root made there the daemon could not open.
func becomeOwner(data string) (back func() error, err error) {
	back = func() error { return nil }
	if os.Geteuid() != 0 {
		return back, nil
	}
	st, err := os.Stat(data)
	if err != nil {
		return nil, err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return back, nil
	}
	const same = -1
	back = func() error { return errors.Join(syscall.Setreuid(same, 0), syscall.Setregid(same, 0)) }
	if err := errors.Join(syscall.Setregid(same, int(owner.Gid)), syscall.Setreuid(same, int(owner.Uid))); err != nil {
		return nil, fmt.Errorf("data folder %q: its owner's place cannot be taken: %w", data, errors.Join(err, back()))
	}
	return back, nil
}
