// Package bustest helps to test what is published.
package bustest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Server runs a JetStream server on a folder and a port of loopback, port
// server.RANDOM_PORT for any. The caller stops it.
func Server(t testing.TB, dir string, port int) *server.Server {
	t.Helper()
	s, err := Start(dir, port)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Start is Server for a process that is no test.
func Start(dir string, port int) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		return nil, errors.New("the server does not come up")
	}
	return s, nil
}

// Stop ends a server, and waits until it has.
func Stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// Read gives everything that a stream has to f, from its beginning. A field that M
// does not have is an error.
func Read[M any](t testing.TB, nc *nats.Conn, name string, f func(subject string, message *M)) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	stream, err := js.Stream(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Stop()
	for left := stream.CachedInfo().State.Msgs; left > 0; left-- {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		var message M
		d := json.NewDecoder(strings.NewReader(string(m.Data())))
		d.DisallowUnknownFields()
		if err := d.Decode(&message); err != nil {
			t.Fatalf("%s: %v", m.Data(), err)
		}
		f(m.Subject(), &message)
	}
}
