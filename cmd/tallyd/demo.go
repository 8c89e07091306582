package main

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/connectors/freeswitch/playback"
)

// Who is who in the simulated centre, and by what they are appraised.
var (
	//go:embed demo/roster.yaml
	demoRoster []byte
	//go:embed demo/scheme.yaml
	demoScheme []byte
)

// demo is a simulated FreeSWITCH on a loopback port.
type demo struct {
	server   *playback.Server
	listener net.Listener
}

func newDemo() (*demo, error) {
	recording, snapshot, err := playback.Demo()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &demo{listener: l, server: &playback.Server{Recording: recording, Snapshot: snapshot, Password: demoPassword, Speed: 1,
		ShiftTo: time.Now(), Loop: true}}, nil
}

const demoPassword = "ClueCon"

func (d *demo) config() config.Switch {
	return config.Switch{Name: "demo", Kind: "freeswitch", Address: d.listener.Addr().String(), Password: demoPassword}
}

func (d *demo) run(ctx context.Context) error { return d.server.Serve(ctx, d.listener) }

// demoToken is what whoever tries the demo is signed in with.
const demoToken = "demo"

// demoCode is a code that signs a browser in to the demo, so that nobody has to make
// a token before there is anything to see.
func (d *daemon) demoCode() (string, error) {
	code, err := d.sessions.Invite(demoToken)
	if errors.Is(err, api.ErrNoToken) {
		if _, err := d.tokens.Create(api.Asker{Name: demoToken, Role: api.AdminRole}, time.Time{}); err != nil {
			return "", err
		}
		code, err = d.sessions.Invite(demoToken)
	}
	return code, err
}
