package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"tallyd/connectors/api"
	"tallyd/connectors/bus"
	"tallyd/connectors/bus/bustest"
	"tallyd/metrics"
	"tallyd/storage"
)

// testToken is what the test shows to the daemons of publishTo.
const testToken = "token of a test"

// publishTo runs a bus on a store until what it returns is called.
func publishTo(url, data string, store *storage.Store, intake *api.Intake, log *slog.Logger) (stop func(), err error) {
	service := api.New(api.Config{Site: "main", Store: store, Intake: intake})
	tokens := api.OpenTokens(data)
	tokens.Builtin(api.InternalAsker(), testToken)
	b, err := bus.New(bus.Config{Service: service, Tokens: tokens, URL: url, Dir: data, Logger: log, Streams: bus.Streams{RollupsFor: time.Hour, ContactsFor: time.Hour}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	return func() { cancel(); <-ended }, nil
}

// published waits until everything that a store holds is in the streams, and
// checks that it is there once: rollups in sum, contacts as they were told last.
func published(t *testing.T, data, url string) {
	t.Helper()
	s, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	newest := uint64(0)
	for item, err := range v.Outbox(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		newest = item.Number
	}
	stop, err := publishTo(url, data, s, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	subjects := bus.SubjectsOf("main")
	eventually(t, func() string { return "the streams do not get everything" }, func() bool {
		ask := nats.NewMsg(subjects.Snapshot(subjects.Heartbeat()))
		ask.Header.Set(bus.TokenHeader, testToken)
		m, err := nc.RequestMsg(ask, time.Second)
		if err != nil {
			return false
		}
		var h api.Heartbeat
		return json.Unmarshal(m.Data, &h) == nil && h.Records != nil && h.Records.Number == newest
	})

	rollups, contacts, messages := map[string]map[string]int64{}, map[string]api.Contact{}, 0
	once := map[string]bool{}
	number := uint64(0)
	bustest.Read(t, nc, subjects.RollupStream(), func(_ string, r *api.RollupRecord) {
		key := fmt.Sprint(r.From, r.Kind, r.Queue, r.Agent, r.Reason)
		if id := fmt.Sprint(key, r.Switch, r.Revision); once[id] || r.Number < number {
			t.Errorf("number %d after %d: %s", r.Number, number, id)
		} else {
			once[id] = true
		}
		number = r.Number
		messages++
		if rollups[key] == nil {
			rollups[key] = map[string]int64{}
		}
		for c, n := range r.Counters {
			if id, _ := metrics.CounterByName(c); id.Info().Max {
				rollups[key][c] = max(rollups[key][c], n)
			} else {
				rollups[key][c] += n
			}
		}
	})
	number = 0
	bustest.Read(t, nc, subjects.ContactStream(), func(_ string, c *api.ContactRecord) {
		if c.Number < number {
			t.Errorf("number %d after %d", c.Number, number)
		}
		number = c.Number
		messages++
		c.Contact.Path, c.Contact.Step = nil, 0
		contacts[fmt.Sprint(c.Kind, c.Switch, c.ID, c.Joined)] = c.Contact
	})
	rows := 0
	for r, err := range v.Rollups(t.Context(), storage.Query{From: -1 << 40, To: 1 << 40}) {
		if err != nil {
			t.Fatal(err)
		}
		queue, agent, reason := "", "", ""
		switch r.Kind {
		case metrics.QueueRow:
			queue = r.Name
		case metrics.AgentRow:
			agent = r.Name
		case metrics.PairRow:
			agent, queue = r.Name, r.Second
		case metrics.PauseRow:
			agent, reason = r.Name, r.Second
		}
		want := map[string]int64{}
		for _, c := range metrics.Counters() {
			if n := r.Get(c); n != 0 {
				want[c.String()] = n
			}
		}
		key := fmt.Sprint(api.Moment(r.Interval.Start()), r.Kind.String(), queue, agent, reason)
		got := rollups[key]
		for c, n := range got {
			if n == 0 { // added and taken away again
				delete(got, c)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: streamed %v, stored %v", key, got, want)
		}
		rows++
	}
	if rows != len(rollups) {
		t.Errorf("%d rows are streamed, %d stored", len(rollups), rows)
	}
	n := 0
	for _, kind := range []metrics.ContactKind{metrics.VisitContact, metrics.CallContact} {
		for c, err := range v.Contacts(t.Context(), storage.ContactQuery{Kind: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			want := api.ContactOf(&c)
			if got := contacts[fmt.Sprint(want.Kind, want.Switch, want.ID, want.Joined)]; !sameJSON(got, want) {
				t.Errorf("streamed %+v, stored %+v", got, want)
			}
			n++
		}
	}
	if n != len(contacts) {
		t.Errorf("%d contacts are streamed, %d stored", len(contacts), n)
	}
	t.Logf("%d messages tell of %d rows and %d contacts", messages, rows, n)
}

func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(x) == string(y)
}
