package bus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// What a subscriber may cost. One that lags by more than maxPending is cut off;
// it comes back and asks for the snapshots.
const (
	maxPayload    = 1 << 20
	maxPending    = 8 << 20
	maxClients    = 1024
	writeDeadline = 2 * time.Second

	// streamsFolder is in the data folder.
	streamsFolder   = "streams"
	maxStreamMemory = 16 << 20
	// syncStreams is how long what a stream has acknowledged may be lost with the
	// machine's power: it is told again then, see keepDelivered.
	syncStreams = time.Minute
	readyWithin = 10 * time.Second
)

// startServer runs a server on an address, which a gate lets clients into.
func startServer(c *Config, gate *gate) (*server.Server, error) {
	listen := c.Listen
	host, port, err := splitAddress(listen)
	if err != nil {
		return nil, err
	}
	// The server would tell of a taken port in its log only.
	if err := probe(host, port); err != nil {
		return nil, fmt.Errorf("nats cannot listen on %q: %w", listen, err)
	}
	var secure *tls.Config
	if c.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, fmt.Errorf("nats: %w", err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	var socket server.WebsocketOpts
	if c.WebSocket {
		socket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true, HandshakeTimeout: readyWithin}
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:                 "tallyd",
		Host:                       host,
		Port:                       port,
		CustomClientAuthentication: gate,
		Websocket:                  socket,
		TLSConfig:                  secure,
		TLSTimeout:                 readyWithin.Seconds(),
		MaxPayload:                 maxPayload,
		MaxPending:                 maxPending,
		MaxConn:                    maxClients,
		WriteDeadline:              writeDeadline,
		// A lagging subscriber must not hold the publisher up.
		NoFastProducerStall: true,
		NoSystemAccount:     true,
		JetStream:           true,
		StoreDir:            filepath.Join(c.Dir, streamsFolder),
		JetStreamMaxMemory:  maxStreamMemory,
		JetStreamMaxStore:   2 * (rollupBytes + ownContactBytes + scoreBytes),
		SyncInterval:        syncStreams,
		NoLog:               true,
		NoSigs:              true, // signals are the daemon's
	})
	if err != nil {
		return nil, fmt.Errorf("nats server: %w", err)
	}
	srv.Start()
	if !srv.ReadyForConnections(readyWithin) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("nats server on %q was not ready within %s", listen, readyWithin)
	}
	return srv, nil
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func splitAddress(listen string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("nats listen address %q is not host:port", listen)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("nats listen address %q has no valid port", listen)
	}
	if host == "" {
		// The server takes no host for all interfaces; that must be said aloud.
		return "", 0, fmt.Errorf("nats listen address %q names no host: 127.0.0.1, or 0.0.0.0 for all", listen)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

func probe(host string, port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(max(port, 0))))
	if err != nil {
		var no syscall.Errno
		if errors.As(err, &no) {
			return no
		}
		return err
	}
	return l.Close()
}
