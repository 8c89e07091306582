package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"tallyd/connectors/api"
)

// Whoever is forgotten is forgotten in the streams too: after a forgetting, and
// at a start after one, what the streams have is held against the store. Contacts
// that name somebody whom the stored ones do not, and rollups of agents of whom
// the store has none, are deleted.

// purgeWithin is how long it may take to read a stream through.
const purgeWithin = 10 * time.Minute

// purge does so where it is due.
func (r *records) purge(ctx context.Context) error {
	service := r.bus.cfg.Service
	done, ago, err := service.Forgettings(ctx)
	if err != nil || done == r.purged {
		return err
	}
	if ago >= 0 {
		told, err := service.Told()
		if err != nil {
			return err
		}
		defer told.Close()
		n := 0
		for i, purge := range []func(context.Context, *api.Told) (int, error){r.purgeRollups, r.purgeContacts, r.purgeScores} {
			if keep := r.outlets[i].keep; keep > 0 && ago > keep {
				continue // what was told before then is not there any more
			}
			deleted, err := purge(ctx, told)
			if err != nil {
				return fmt.Errorf("whoever was forgotten is still in the streams: %w", err)
			}
			n += deleted
		}
		if n > 0 {
			r.bus.cfg.Logger.Info("who was forgotten was taken out of the streams", "messages", n)
		}
	}
	r.purged = done
	return nil
}

func (r *records) purgeContacts(ctx context.Context, told *api.Told) (deleted int, err error) {
	ctx, cancel := context.WithTimeout(ctx, purgeWithin)
	defer cancel()
	stream, err := r.js.Stream(ctx, r.outlets[1].stream)
	if err != nil {
		return 0, err
	}
	last := stream.CachedInfo().State.LastSeq
	if stream.CachedInfo().State.Msgs == 0 {
		return 0, nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return 0, err
	}
	defer messages.Stop()
	var forgotten []uint64
	for seq := uint64(0); seq < last; {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return 0, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return 0, err
		}
		seq = meta.Sequence.Stream
		var c api.ContactRecord
		if err := json.Unmarshal(m.Data(), &c); err != nil {
			continue // not ours
		}
		is, err := told.Forgotten(&c.Contact)
		if err != nil {
			return 0, err
		}
		if is {
			forgotten = append(forgotten, seq)
		}
		if meta.NumPending == 0 {
			break
		}
	}
	for _, seq := range forgotten {
		if err := stream.SecureDeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}

func (r *records) purgeRollups(ctx context.Context, told *api.Told) (deleted int, err error) {
	stream, err := r.js.Stream(ctx, r.outlets[0].stream)
	if err != nil {
		return 0, err
	}
	names, err := told.Agents(ctx, time.Now().Add(-r.outlets[0].keep))
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(r.bus.subjects.join(rollupWord, ">")))
	if err != nil {
		return 0, err
	}
	for subject, n := range info.State.Subjects {
		agent, is := r.bus.subjects.rollupAgent(subject)
		if !is || names[agent] {
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return deleted, err
		}
		deleted += int(n)
	}
	return deleted, nil
}

// purgeScores deletes the cards of whom the store has none of the cycle.
func (r *records) purgeScores(ctx context.Context, told *api.Told) (deleted int, err error) {
	stream, err := r.js.Stream(ctx, r.outlets[2].stream)
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(r.bus.subjects.join(scoreWord, ">")))
	if err != nil {
		return 0, err
	}
	for subject, n := range info.State.Subjects {
		cycle, agent, is := r.bus.subjects.scoreOf(subject)
		if !is {
			continue
		}
		if there, err := told.Card(ctx, cycle, agent); err != nil || there {
			if err != nil {
				return deleted, err
			}
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return deleted, err
		}
		deleted += int(n)
	}
	return deleted, nil
}
