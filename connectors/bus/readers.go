package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallyd/connectors/api"
)

const (
	// readersEvery is how often consumers are held against the tokens.
	readersEvery = 5 * time.Second
	// unread is how many messages a reader may have taken and not acknowledged.
	unread  = 1000
	ackWait = 30 * time.Second
)

// readers keeps a durable consumer of every stream for every token that may read
// them, called as the token is: reading goes on where it ended. Clients may not make
// any themselves, see rights.records.
type readers struct {
	bus *Bus
	nc  *nats.Conn
}

func (r *readers) run(ctx context.Context) {
	js, err := jetstream.New(r.nc)
	if err != nil {
		r.bus.cfg.Logger.Warn("nats: readers of the streams cannot be served", "err", err)
		return
	}
	tick := time.NewTicker(readersEvery)
	defer tick.Stop()
	refused := api.OnceOnly(r.bus.cfg.Logger, "nats: readers of the streams cannot be served")
	for {
		within, cancel := context.WithTimeout(ctx, ackWithin)
		err := r.keep(within, js)
		cancel()
		if ctx.Err() == nil {
			refused(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keep makes the consumers that are missing, and deletes those whose token has
// ended.
func (r *readers) keep(ctx context.Context, js jetstream.JetStream) error {
	tokens, err := r.bus.cfg.Tokens.List()
	if err != nil {
		return err
	}
	want := []string{}
	for i := range tokens {
		if tokens[i].May(api.ReadRecords) {
			want = append(want, tokens[i].Name)
		}
	}
	var errs []error
	for _, name := range r.bus.subjects.Streams() {
		stream, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // nothing was told yet
		}
		if err == nil {
			err = r.keepOf(ctx, stream, want)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *readers) keepOf(ctx context.Context, stream jetstream.Stream, want []string) error {
	var have []string
	names := stream.ConsumerNames(ctx)
	for n := range names.Name() {
		have = append(have, n)
	}
	errs := []error{names.Err()}
	for _, n := range want {
		if !slices.Contains(have, n) {
			making, made := toTheEnd(ctx)
			_, err := stream.CreateConsumer(making, jetstream.ConsumerConfig{Durable: n, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
				AckWait: ackWait, MaxAckPending: unread, Description: "of the token " + n})
			made()
			errs = append(errs, err)
		}
	}
	for _, n := range have {
		if info, err := stream.Consumer(ctx, n); err == nil && !slices.Contains(want, n) && info.CachedInfo().Config.Description == "of the token "+n {
			errs = append(errs, stream.DeleteConsumer(ctx, n))
		}
	}
	return errors.Join(errs...)
}
