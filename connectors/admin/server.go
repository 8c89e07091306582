package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// SocketFile is the socket's name in the data folder.
const SocketFile = "admin.sock"

// The requests.
const (
	forgetPath    = "/v1/forget"
	forgottenPath = "/v1/forgotten"
	backupPath    = "/v1/backup"
	verifyPath    = "/v1/verify"
)

// problemTrailer carries what went wrong after an answer had begun.
const problemTrailer = "Problem"

// Actions are what commands may ask for.
type Actions interface {
	Forget(context.Context, api.ForgetRequest) (*api.Forgotten, error)
	Forgotten(context.Context) ([]api.Forgotten, error)
	Backup(context.Context, io.Writer) error
	Verify(ctx context.Context, from, to metrics.Interval) (*api.Verification, error)
}

// Server answers commands.
type Server struct {
	dir     string
	actions Actions
	api     http.Handler
	log     *slog.Logger
}

// NewServer returns the server of a data folder. The caller holds the folder:
// a socket that lies there is a dead daemon's. api answers the questions that
// others ask over HTTP; nil for none.
func NewServer(dir string, actions Actions, api http.Handler, log *slog.Logger) *Server {
	return &Server{dir, actions, api, log}
}

// Run serves until the context ends.
func (s *Server) Run(ctx context.Context) error {
	address, done, err := short(s.dir)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	defer done()
	_ = os.Remove(filepath.Join(s.dir, SocketFile)) // listening says what is wrong
	l, err := net.Listen("unix", address)
	if err == nil {
		err = os.Chmod(filepath.Join(s.dir, SocketFile), 0o600)
	}
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+forgetPath, s.forget)
	mux.HandleFunc("GET "+forgottenPath, s.forgotten)
	mux.HandleFunc("GET "+backupPath, s.backup)
	mux.HandleFunc("GET "+verifyPath, s.verify)
	if s.api != nil {
		mux.Handle("GET /api/", s.api)
		mux.Handle("POST /api/", s.api)
	}
	srv := &http.Server{
		Handler:           onlyOwner(mux),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("admin socket: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if srv.Shutdown(stopping) != nil { // whoever is slow is cut off
		srv.Close()
	}
	<-served
	return nil
}

// onlyOwner refuses everybody but the daemon's own user and root: the socket's
// mode says so too, once it is set.
func onlyOwner(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := peerOf(r); !p.known || p.uid != 0 && p.uid != os.Geteuid() {
			fail(w, http.StatusForbidden, fmt.Errorf("user %s may not ask the daemon for this", p))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) forget(w http.ResponseWriter, r *http.Request) {
	var q api.ForgetRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	q.By = peerOf(r).String() // not what the request claims
	done, err := s.actions.Forget(r.Context(), q)
	switch {
	case errors.Is(err, api.ErrUnknown):
		fail(w, http.StatusNotFound, err)
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		s.log.Info("somebody was forgotten", "kind", done.Kind, "number", done.Number, "by", done.By, "contacts", done.Contacts, "rollups", done.Rollups, "facts", done.Facts)
		answer(w, done)
	}
}

func (s *Server) forgotten(w http.ResponseWriter, r *http.Request) {
	list, err := s.actions.Forgotten(r.Context())
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, list)
}

func (s *Server) verify(w http.ResponseWriter, r *http.Request) {
	from, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
	to, err2 := strconv.ParseInt(r.FormValue("to"), 10, 64)
	if err = errors.Join(err, err2); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	v, err := s.actions.Verify(r.Context(), metrics.Interval(from), metrics.Interval(to))
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, v)
}

func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Trailer", problemTrailer)
	c := &counter{to: w}
	if err := s.actions.Backup(r.Context(), c); err != nil {
		if r.Context().Err() == nil {
			s.log.Warn("a backup failed", "err", err)
		}
		w.Header().Set(problemTrailer, err.Error())
		return
	}
	s.log.Info("the store was backed up", "by", peerOf(r).String(), "bytes", c.n, "took", time.Since(begun).Round(time.Millisecond))
}

// counter counts what it passes on.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}

func fail(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(api.Problem{V: api.Schema, Error: err.Error()})
}
