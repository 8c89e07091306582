package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"tallyd/connectors/api"
	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

// ErrNotRunning is wrapped by Dial where no daemon is running on the folder.
var ErrNotRunning = errors.New("no daemon is running")

// Client asks the daemon of a data folder.
type Client struct {
	dir  string
	http *http.Client
	done func()
}

// Dial reaches the daemon of a data folder.
func Dial(ctx context.Context, dir string) (*Client, error) {
	address, done, err := short(dir)
	if err != nil {
		return nil, fmt.Errorf("%w on the data folder %q: %w", ErrNotRunning, dir, err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", address)
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		done()
		if nobody(err) {
			return nil, fmt.Errorf("%w on the data folder %q", ErrNotRunning, dir)
		}
		return nil, fmt.Errorf("the daemon of the data folder %q cannot be asked: %w", dir, reason(err))
	}
	conn.Close()
	return &Client{dir, &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}, done}, nil
}

// API asks the daemon's questions over HTTP, as whoever may do everything.
func (c *Client) API() *client.Client {
	return client.Over(c.http.Transport, "http://"+filepath.Base(SocketFile), "")
}

// Close ends the connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.done()
}

// Forget has somebody forgotten.
func (c *Client) Forget(ctx context.Context, r api.ForgetRequest) (*api.Forgotten, error) {
	out := &api.Forgotten{}
	return out, c.ask(ctx, http.MethodPost, forgetPath, r, out)
}

// Forgotten lists what was forgotten.
func (c *Client) Forgotten(ctx context.Context) (list []api.Forgotten, err error) {
	return list, c.ask(ctx, http.MethodGet, forgottenPath, nil, &list)
}

// Verify has some intervals counted once more from their evidence.
func (c *Client) Verify(ctx context.Context, from, to metrics.Interval) (*api.Verification, error) {
	out := &api.Verification{}
	return out, c.ask(ctx, http.MethodGet, fmt.Sprintf("%s?from=%d&to=%d", verifyPath, from, to), nil, out)
}

// Backup copies a backup to w. What it wrote is not whole if it returns an
// error.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, backupPath, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("the backup is cut off: %w", err)
	}
	if problem := resp.Trailer.Get(problemTrailer); problem != "" {
		return errors.New(problem)
	}
	return nil
}

func (c *Client) ask(ctx context.Context, method, path string, question, answer any) error {
	resp, err := c.send(ctx, method, path, question)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("the daemon's answer cannot be read: %w", err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, question any) (*http.Response, error) {
	var body io.Reader
	if question != nil {
		b, err := json.Marshal(question)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+filepath.Base(SocketFile)+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the daemon of the data folder %q does not answer: %w", c.dir, reason(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var problem api.Problem
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&problem); err != nil || problem.Error == "" {
		return nil, fmt.Errorf("the daemon answers %s", resp.Status)
	}
	if resp.StatusCode == http.StatusNotFound {
		return nil, api.ErrUnknown
	}
	return nil, errors.New(problem.Error)
}
