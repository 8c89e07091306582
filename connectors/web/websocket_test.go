package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus"
	"tallyd/metrics"
)

// nats starts a bus that takes WebSockets, until the test ends.
func (l *lab) nats() *bus.Bus {
	l.t.Helper()
	b, err := bus.New(bus.Config{Service: l.server.cfg.Service, Tokens: l.tokens, Sessions: l.sessions, Listen: "127.0.0.1:0", Dir: l.dir, WebSocket: true})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	l.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			l.t.Error(err)
		}
	})
	<-b.Ready()
	return b
}

// TestWebSocket: NATS is reached under the HTTP address, by whoever has a token.
func TestWebSocket(t *testing.T) {
	l := newLab(t)
	b := l.nats()
	var away atomic.Bool
	to := func() string {
		if away.Load() {
			return ""
		}
		return b.WebSocket()
	}
	s := New(Config{Service: l.server.cfg.Service, Tokens: l.tokens, WebSocket: "/nats", WebSocketTo: to})
	defer s.end()
	h := httptest.NewServer(s.Handler())
	defer h.Close()
	token := l.token(api.Asker{Name: "wall", Role: api.WallboardRole})
	url := strings.Replace(h.URL, "http://", "ws://", 1)
	nc, err := nats.Connect(url, nats.ProxyPath("/nats"), nats.UserInfo("wall", token))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("tally.v1.main.agent.ann.state")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	l.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: l.agent("ann"), Status: metrics.Ready})
	if m, err := sub.NextMsg(5 * time.Second); err != nil || !strings.Contains(string(m.Data), `"available"`) {
		t.Errorf("%v, %v", m, err)
	}
	if nc, err := nats.Connect(url, nats.ProxyPath("/nats"), nats.UserInfo("wall", "wrong")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("with a wrong token: %v", err)
		if err == nil {
			nc.Close()
		}
	}
	for want, upgrade := range map[int]string{http.StatusUpgradeRequired: "", http.StatusBadGateway: "websocket"} {
		away.Store(true)
		req, err := http.NewRequest(http.MethodGet, h.URL+"/nats", nil)
		if err != nil {
			t.Fatal(err)
		}
		if upgrade != "" {
			req.Header.Set("Upgrade", upgrade)
			req.Header.Set("Connection", "Upgrade")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%v, %v, want %d", resp, err, want)
		}
		resp.Body.Close()
	}
}
