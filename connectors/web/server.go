package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/net/netutil"

	"tallyd/connectors/api"
	"tallyd/connectors/web/pages"
)

// AddressFile holds where HTTP is served, in the data folder, for commands on the
// same machine.
const AddressFile = "http.url"

const (
	readHeaderWithin = 10 * time.Second
	readWithin       = 30 * time.Second
	idleFor          = 2 * time.Minute
	// answerWithin is how long a question may take, and its answer to be read.
	answerWithin = 60 * time.Second
	stopWithin   = 2 * time.Second
	maxHeader    = 32 << 10
	maxBody      = 1 << 20
	// maxClients bounds the connections: each may hold a long answer in memory.
	maxClients = 512
)

// Config says what is served where.
type Config struct {
	Service *api.Service
	Tokens  *api.Tokens
	// Sessions are the browsers that have signed in; nil: none can.
	Sessions *api.Sessions
	// Listen is the address; port 0 takes any.
	Listen string
	// Dir is the data folder.
	Dir string
	// Bus tells how what is published over NATS fares; nil where nothing is.
	Bus func() api.BusHealth
	// AsyncAPI describes what is published over NATS.
	AsyncAPI []byte
	// Subjects is what every subject of the site begins with on NATS.
	Subjects string
	// WebSocket is the path at which NATS is reached by WebSocket, "" for none, and
	// WebSocketTo where these are handed on to, "" while nobody takes them.
	WebSocket   string
	WebSocketTo func() string
	// Certificate and Key are files, "" for plain HTTP.
	Certificate, Key string
	Logger           *slog.Logger
}

// Server serves. Run does the work.
type Server struct {
	cfg     Config
	api     huma.API
	handler http.Handler
	live    *watcher
	pages   *pageFiles
	ready   chan struct{} // closed when url is set
	url     string
	ending  context.Context // of answers that have no end
	end     func()
}

// New returns the server of a service.
func New(c Config) *Server {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: c, live: newWatcher(c.Service, c.Logger), ready: make(chan struct{})}
	s.ending, s.end = context.WithCancel(context.Background())
	s.pages = newPageFiles(pages.Files())
	s.handler = s.routes()
	return s
}

// Handler answers requests.
func (s *Server) Handler() http.Handler { return s.handler }

// Ready is closed when Run listens.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// URL is where clients connect, once Ready.
func (s *Server) URL() string { return s.url }

// HasPages tells whether the program was built with the pages.
func (s *Server) HasPages() bool { return s.pages.built() }

// Run serves until the context ends. It then leaves nothing behind.
func (s *Server) Run(ctx context.Context) error {
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		var no syscall.Errno
		if errors.As(err, &no) {
			err = no
		}
		return fmt.Errorf("http cannot listen on %q: %w", s.cfg.Listen, err)
	}
	l = netutil.LimitListener(l, maxClients)
	scheme := "http"
	if s.cfg.Certificate != "" {
		c, err := tls.LoadX509KeyPair(s.cfg.Certificate, s.cfg.Key)
		if err != nil {
			return errors.Join(fmt.Errorf("http: %w", err), l.Close())
		}
		// TLS is outermost: the server has to see it, or it neither speaks the HTTP/2 that is
		// agreed on here nor knows that cookies are safe.
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}})
		scheme = "https"
	}
	s.url = scheme + "://" + l.Addr().String()
	address := filepath.Join(s.cfg.Dir, AddressFile)
	if err := api.WriteSecret(address, s.url+"\n"); err != nil {
		return errors.Join(fmt.Errorf("http: %w", err), l.Close())
	}
	defer os.Remove(address) // who finds it stale is told that nobody listens
	srv := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderWithin,
		ReadTimeout:       readWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleFor,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug), // clients that break off
	}
	s.cfg.Logger.Info("http listens", "url", s.url)
	close(s.ready)
	var running sync.WaitGroup
	running.Go(func() { s.live.run(ctx) })
	defer running.Wait()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	s.end()
	stopping, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if srv.Shutdown(stopping) != nil { // whoever is slow is cut off
		srv.Close()
	}
	<-served
	return nil
}
