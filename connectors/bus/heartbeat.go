package bus

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
)

// heartbeatEvery is told in each heartbeat.
const heartbeatEvery = 5 * time.Second

// pulse publishes heartbeats.
type pulse struct {
	bus *Bus
	nc  *nats.Conn
	seq atomic.Uint64

	records *records
}

func (p *pulse) run(ctx context.Context) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		if p.nc.IsConnected() && publish(p.nc, p.bus.cfg.Logger, p.bus.subjects.Heartbeat(), p.message(p.seq.Load()+1)) {
			p.seq.Add(1)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *pulse) message(seq uint64) api.Heartbeat {
	service := p.bus.cfg.Service
	return api.Heartbeat{
		Header: p.bus.header(seq), EveryMS: heartbeatEvery.Milliseconds(),
		Switches: service.Health(), Pending: service.Pending(), Store: service.StoreHealth(), Records: p.records.health(),
	}
}

// last is the heartbeat of this moment.
func (p *pulse) last() api.Heartbeat { return p.message(p.seq.Load()) }
