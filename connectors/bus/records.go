package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"tallyd/connectors/api"
	"tallyd/metrics"
)

// Records of stored intervals go to two JetStream streams, in the order in which
// they were stored, each once. What makes sure of it:
//
//   - The store's outbox has what is not told yet, whatever dies.
//   - A message's id says which item it is of and which part of it. Each expects
//     its predecessor to be the stream's last, so that of messages sent without
//     waiting either all up to one are in the stream, or are not.
//   - Before the first, and after whatever went wrong, the stream's last message
//     tells where to go on.
//   - An item stays in the outbox until its messages have been in the stream for
//     keepDelivered: a server that loses power loses what it has not synced yet.

const (
	// recordsEvery is how often the outbox is looked at.
	recordsEvery = time.Second
	// firstRecordsRetry doubles up to lastRecordsRetry while the streams cannot be had.
	firstRecordsRetry = time.Second
	lastRecordsRetry  = 30 * time.Second
	// ackWithin is how long the streams may take for the messages of an item.
	ackWithin     = 30 * time.Second
	keepDelivered = 10 * time.Minute
	// knownFor is how long a stream knows the ids of what it has: no longer than a
	// message may be on its way from a connection that is gone. Each takes memory.
	knownFor = 10 * time.Second
	// rollupBytes and contactBytes bound the streams, whatever the age of what they
	// have.
	rollupBytes  = 1 << 30
	contactBytes = 1 << 30
	scoreBytes   = 256 << 20
	// ownContactBytes is it for the embedded server, whose memory is ours. A contact
	// has a subject of its own, which takes some 200 bytes of it; and below 32 MB the
	// server writes in blocks, which it keeps in memory meanwhile, of 4 MB instead of 8.
	ownContactBytes = 15 << 20
	// headerRoom is what is left of a message for its headers.
	headerRoom = 16 << 10
	// inFlight is how many messages may wait for their acknowledgement.
	inFlight = 256
)

// completeHeader is on the last message of an item.
const completeHeader = "Tally-Complete"

// Streams says how the streams are made where they are not there yet. One that is
// there is used as it is.
type Streams struct {
	RollupsFor, ContactsFor time.Duration // how long a message is kept
	Replicas                int
}

// records publishes what the outbox has.
type records struct {
	bus     *Bus
	nc      *nats.Conn
	js      jetstream.JetStream
	lineage string
	outlets []*outlet
	sent    []delivered
	purged  int64 // forgettings that the streams followed

	mu      sync.Mutex
	problem string
	at      uint64 // all items up to this are in the streams
}

type delivered struct {
	number uint64
	at     time.Time
}

// outlet is one stream, and where it is.
type outlet struct {
	stream  string
	subject string
	keep    time.Duration
	bytes   int64
	publish func(ctx context.Context, o *outlet, item *api.Item) error

	known  bool   // the following are the stream's
	above  uint64 // all parts of the items up to this are in it
	within string // of the next item, the parts up to this
	last   string // id of the newest message; "" where none is expected
}

func newRecords(b *Bus, nc *nats.Conn) *records {
	r := &records{bus: b, nc: nc, purged: -1}
	contacts := int64(contactBytes)
	if b.cfg.URL == "" {
		contacts = ownContactBytes
	}
	r.outlets = []*outlet{
		{stream: b.subjects.RollupStream(), subject: b.subjects.join(rollupWord, ">"), keep: b.cfg.Streams.RollupsFor, bytes: rollupBytes, publish: r.rollups},
		{stream: b.subjects.ContactStream(), subject: b.subjects.join(contactWord, ">"), keep: b.cfg.Streams.ContactsFor, bytes: contacts, publish: r.contacts},
		{stream: b.subjects.ScoreStream(), subject: b.subjects.join(scoreWord, ">"), bytes: scoreBytes, publish: r.scores},
	}
	return r
}

func (r *records) run(ctx context.Context) {
	if !r.bus.cfg.Service.Stores() {
		return
	}
	log := r.bus.cfg.Logger
	wait, retry := time.Duration(0), firstRecordsRetry
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if !r.nc.IsConnected() {
			r.say("nats is away")
			wait = recordsEvery
			continue
		}
		err := r.deliver(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			r.flowing()
			wait, retry = recordsEvery, firstRecordsRetry
		default:
			if r.say(err.Error()) { // once, however long it lasts
				log.Warn("rollups and contacts cannot be published, they wait in the store until they can", "err", err)
			}
			wait = retry
			retry = min(2*retry, lastRecordsRetry)
		}
	}
}

// say notes what is wrong, and tells whether that is news.
func (r *records) say(problem string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.problem != problem
	r.problem = problem
	return news
}

// health is what others are told; nil where there is nothing to publish.
func (r *records) health() *api.RecordsHealth {
	if !r.bus.cfg.Service.Stores() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return &api.RecordsHealth{Number: r.at, Problem: r.problem}
}

// deliver publishes what there is.
func (r *records) deliver(ctx context.Context) error {
	if err := r.find(ctx); err != nil {
		return err
	}
	if err := r.purge(ctx); err != nil {
		return err
	}
	for {
		above := r.outlets[0].above
		for _, o := range r.outlets {
			above = min(above, o.above)
		}
		r.passed(above)
		if err := r.forget(); err != nil {
			return err
		}
		number, err := r.bus.cfg.Service.NextItem(ctx, above, func(item *api.Item) error {
			for _, o := range r.outlets {
				if o.above >= item.Number {
					continue
				}
				if err := o.publish(ctx, o, item); err != nil {
					o.known = false
					return fmt.Errorf("stream %s: %w", o.stream, err)
				}
				o.above, o.within = item.Number, ""
			}
			return nil
		})
		if err != nil || number == 0 {
			return err
		}
		r.flowing()
	}
}

// flowing notes that what waited is being published, or has been.
func (r *records) flowing() {
	if r.say("") {
		r.bus.cfg.Logger.Info("rollups and contacts are published again")
	}
}

// passed notes that all items up to a number are in the streams.
func (r *records) passed(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if number > r.at {
		r.at = number
		r.sent = append(r.sent, delivered{number, time.Now()})
	}
}

// forget takes out of the outbox what has been in the streams for long enough.
func (r *records) forget() error {
	until := uint64(0)
	for len(r.sent) > 0 && time.Since(r.sent[0].at) > keepDelivered {
		until, r.sent = r.sent[0].number, r.sent[1:]
	}
	if until == 0 {
		return nil
	}
	return r.bus.cfg.Service.Delivered(until)
}

// find makes sure of the streams, and of where they are.
func (r *records) find(ctx context.Context) (err error) {
	if r.lineage == "" {
		if r.lineage, err = r.bus.cfg.Service.Lineage(); err != nil {
			return err
		}
		if r.js, err = jetstream.New(r.nc, jetstream.WithPublishAsyncMaxPending(inFlight)); err != nil {
			return err
		}
	}
	for _, o := range r.outlets {
		if o.known {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, ackWithin)
		err := r.findStream(ctx, o)
		cancel()
		if err != nil {
			return fmt.Errorf("stream %s: %w", o.stream, err)
		}
		o.known = true
		r.again()
	}
	return nil
}

// again begins to note anew what is in the streams: one may have lost its end.
func (r *records) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.sent = 0, nil
}

// madeWithin bounds how long the server may take to make something.
const madeWithin = 5 * time.Second

// toTheEnd goes on when ctx ends: what the embedded server makes while it is told to
// stop, it does not close.
func toTheEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), madeWithin)
}

// knownOf is how long a stream knows ids that keeps messages for a time; 0: for ever.
func knownOf(keep time.Duration) time.Duration {
	if keep == 0 {
		return knownFor
	}
	return min(knownFor, keep)
}

func (r *records) findStream(ctx context.Context, o *outlet) error {
	stream, err := r.js.Stream(ctx, o.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		making, made := toTheEnd(ctx)
		defer made()
		stream, err = r.js.CreateStream(making, jetstream.StreamConfig{
			Name: o.stream, Subjects: []string{o.subject}, Storage: jetstream.FileStorage, MaxAge: o.keep, MaxBytes: o.bytes,
			Discard: jetstream.DiscardOld, Replicas: max(1, r.bus.cfg.Streams.Replicas), Duplicates: knownOf(o.keep),
			Description: "written by tallyd at site " + r.bus.cfg.Service.Site(),
		})
	}
	if err != nil {
		return err
	}
	o.last, o.above, o.within = "", 0, ""
	info := stream.CachedInfo()
	if info.State.Msgs == 0 {
		return nil
	}
	m, err := stream.GetMsg(ctx, info.State.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // somebody deleted it
		m, err = stream.GetLastMsgForSubject(ctx, o.subject)
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// Nothing is expected of the first message: the server's idea of the last one
	// may be of a message that was deleted.
	id := m.Header.Get(nats.MsgIdHdr)
	lineage, rest, _ := strings.Cut(id, ".")
	number, part, is := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(number, 10, 64)
	if lineage != r.lineage || !is || err != nil || n == 0 {
		return nil // of a folder that this one is not: everything here is to be told
	}
	if o.above, o.within = n-1, part; m.Header.Get(completeHeader) != "" {
		o.above, o.within = n, ""
	}
	return nil
}

// rollups publishes an item's.
func (r *records) rollups(ctx context.Context, o *outlet, item *api.Item) error {
	from, err := parseRow(o.within)
	if err != nil {
		return err
	}
	return r.send(ctx, o, func(put func(subject, part string, record any) error) error {
		for rollup, err := range item.Rollups(ctx) {
			if err != nil {
				return err
			}
			row := rollup.Row()
			if from != nil && api.CompareRows(row, *from) <= 0 {
				continue
			}
			if err := put(r.bus.subjects.Rollup(row), rowPart(row), rollup); err != nil {
				return err
			}
		}
		return nil
	}, item.Number)
}

// contacts publishes an item's.
func (r *records) contacts(ctx context.Context, o *outlet, item *api.Item) error {
	return placed(ctx, r, o, item, item.Contacts(ctx), func(c *api.ContactRecord) string { return r.bus.subjects.Contact(c.ID) })
}

// scores publishes an item's.
func (r *records) scores(ctx context.Context, o *outlet, item *api.Item) error {
	return placed(ctx, r, o, item, item.Scores(ctx), func(s *api.ScoreRecord) string { return r.bus.subjects.Score(s.Cycle, s.Card.Agent) })
}

// placed publishes records that are told apart by their place in the item.
func placed[T interface{ Place() int }](ctx context.Context, r *records, o *outlet, item *api.Item, list iter.Seq2[T, error], subject func(T) string) error {
	from := -1
	if o.within != "" {
		var err error
		if from, err = strconv.Atoi(o.within); err != nil {
			return fmt.Errorf("its last message is of part %q", o.within)
		}
	}
	return r.send(ctx, o, func(put func(subject, part string, record any) error) error {
		for record, err := range list {
			if err != nil {
				return err
			}
			if record.Place() <= from {
				continue
			}
			if err := put(subject(record), strconv.Itoa(record.Place()), record); err != nil {
				return err
			}
		}
		return nil
	}, item.Number)
}

// send publishes the messages that each gives, and waits until all of them are in
// the stream.
func (r *records) send(ctx context.Context, o *outlet, each func(put func(subject, part string, record any) error) error, number uint64) error {
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	var acks []jetstream.PubAckFuture
	var held *nats.Msg // the last message says that it is
	last := o.last
	publish := func() error {
		options := []jetstream.PublishOpt{jetstream.WithStallWait(ackWithin)}
		if last != "" {
			options = append(options, jetstream.WithExpectLastMsgID(last))
		}
		last = held.Header.Get(nats.MsgIdHdr)
		ack, err := r.js.PublishMsgAsync(held, options...)
		if err == nil {
			acks = append(acks, ack)
		}
		return err
	}
	err := each(func(subject, part string, record any) error {
		body, err := json.Marshal(record)
		for err == nil && len(body) > maxPayload-headerRoom {
			if c, is := record.(*api.ContactRecord); !is || !c.Halve() {
				return fmt.Errorf("a record on %s has %d bytes, a message at most %d", subject, len(body), maxPayload)
			}
			body, err = json.Marshal(record)
		}
		if err != nil {
			return err
		}
		if held != nil {
			if err := publish(); err != nil {
				return err
			}
		}
		id := r.lineage + "." + strconv.FormatUint(number, 10) + "." + part
		held = &nats.Msg{Subject: subject, Data: body, Header: nats.Header{nats.MsgIdHdr: {id}}}
		return ctx.Err()
	})
	if err == nil && held != nil {
		held.Header.Set(completeHeader, "true")
		err = publish()
	}
	for _, ack := range acks {
		select {
		case <-ack.Ok():
		case e := <-ack.Err():
			err = errors.Join(err, e)
		case <-ctx.Done():
			err = errors.Join(err, errors.New("the server does not acknowledge"))
		}
		if err != nil {
			return err
		}
	}
	o.last = last
	return err
}

// rowPart names a row within an item.
func rowPart(k metrics.Key) string {
	return strconv.Itoa(int(k.Kind)) + "." + EncodeID(k.Name) + "." + EncodeID(k.Second)
}

func parseRow(part string) (*metrics.Key, error) {
	if part == "" {
		return nil, nil
	}
	words := strings.Split(part, ".")
	if len(words) == 3 {
		kind, err := strconv.ParseUint(words[0], 10, 8)
		name, err2 := DecodeID(words[1])
		second, err3 := DecodeID(words[2])
		if errors.Join(err, err2, err3) == nil {
			return &metrics.Key{Kind: metrics.RowKind(kind), Name: name, Second: second}, nil
		}
	}
	return nil, fmt.Errorf("its last message is of part %q", part)
}
