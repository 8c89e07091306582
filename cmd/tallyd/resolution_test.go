package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tallyd/cmd/tallyd/config"
	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/storage"
)

// TestFirstCallResolution: as a user asks for it, of contacts that are stored; the
// groups and windows are those of the configuration.
func TestFirstCallResolution(t *testing.T) {
	data := t.TempDir()
	store, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(data, "db")})
	if err != nil {
		t.Fatal(err)
	}
	monday := metrics.MillisOf(time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC))
	const hour = 3600 * 1000
	sealed := &metrics.Sealed{Switch: "fs1", Interval: metrics.IntervalOf(monday)}
	for i, x := range []struct {
		caller       byte
		queue, agent string
		at           metrics.Millis // hours after Monday morning
	}{
		{1, "invoices", "ann", 0}, {1, "payments", "bob", 47}, // came back to the group
		{2, "invoices", "ann", 0}, {2, "payments", "bob", 49}, // too late to be one
		{3, "invoices", "ann", 0}, {3, "support", "bob", 1}, // for something else
		{0, "invoices", "ann", 0}, {0, "invoices", "ann", 1}, // nobody knows who
		{4, "support", "bob", 0}, {4, "support", "bob", 167}, // within the default week
	} {
		c := metrics.Contact{Switch: "fs1", Visit: fmt.Sprint(i), Leg: fmt.Sprint("leg", i), Queue: x.queue, Agent: x.agent, Outcome: metrics.Answered,
			Joined: monday + x.at*hour, Answered: monday + x.at*hour, Ended: monday + x.at*hour + 60_000}
		if x.caller != 0 {
			c.Hash[0] = x.caller
		}
		sealed.Contacts = append(sealed.Contacts, c)
	}
	if err := store.PutSealed(sealed); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := keep(t, "tallyd.yaml", []byte("switches:\n  - {name: gone, kind: freeswitch, address: '127.0.0.1:1', password: x}\n"+
		"queue_groups: {billing: {queues: [invoices, payments], window: 2d}}\n"))
	serveInBackground(t, "--config", cfg, "--data", data)

	figure := func(v *float64) string {
		if v == nil {
			return "null"
		}
		return fmt.Sprintf("%.3f", *v)
	}
	for _, x := range []struct{ args, want string }{
		{"queues", "invoices 3-1=0.667 payments 2-0=1.000 support 3-1=0.667"},
		{"agents", "ann 3-1=0.667 bob 5-1=0.800"},
		{"agents bob", "bob 5-1=0.800"},
		{"queues nowhere support", "nowhere 0-0=null support 3-1=0.667"},
		{"site", "main 8-2=0.750"},
		{"queues invoices support --step week", "invoices 3-1=0.667 support 2-1=0.500 invoices 0-0=null support 1-0=1.000" +
			strings.Repeat(" invoices 0-0=null support 0-0=null", 2)},
	} {
		a := askKPI(t, data, append(strings.Fields(x.args), "--config", cfg, "--from", "2026-10-05", "--to", "2026-11-02", "--kpi", "fcr,repeat_rate")...)
		var got []string
		for _, r := range a.Rows {
			got = append(got, fmt.Sprintf("%s %d-%d=%s", r.Name, r.Counters["fcr_eligible"], r.Counters["fcr_repeat"], figure(r.KPIs["fcr"])))
		}
		if strings.Join(got, " ") != x.want {
			t.Errorf("kpi %s: %s, want %s", x.args, strings.Join(got, " "), x.want)
		}
	}
	code, out, errs := command(t, "kpi", "agents", "--data", data, "--config", cfg, "--from", "2026-10-05", "--to", "2026-11-02", "--kpi", "fcr")
	if code != exitDone || !strings.Contains(out, "66.7 %") || !strings.Contains(out, "80.0 %") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// TestNumbersAreNormalised: what the configuration says of numbers reaches what
// counts a switch.
func TestNumbersAreNormalised(t *testing.T) {
	cfg, err := config.Load("", []string{"TALLYD_NUMBERS_COUNTRY=86", "TALLYD_NUMBERS_AREA=10"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Data = t.TempDir()
	store, err := storage.Open(t.Context(), storage.Config{Dir: filepath.Join(cfg.Data, "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := &daemon{cfg: cfg, log: slog.New(slog.DiscardHandler), store: store, intake: api.NewIntake(store, nil)}
	a, err := d.attach(config.Switch{Name: "fs1", Kind: "freeswitch", Address: "127.0.0.1:1"}, nil, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	defer a.book.Close()
	at := metrics.MillisOf(time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC))
	queue := metrics.QueueID(a.tracker.Names().InternString(metrics.QueueName, "support"))
	for i, number := range []string{"62345678", "010-6234 5678", "sip:+861062345678@10.0.0.1", "anonymous"} {
		id := metrics.IDString(fmt.Sprint("visit", i))
		a.tracker.Apply(&metrics.Event{Kind: metrics.VisitJoined, At: at, Leg: id, Visit: id, Queue: queue, Caller: metrics.MakeCaller([]byte(number))})
		a.tracker.Apply(&metrics.Event{Kind: metrics.VisitLeft, At: at + 1000, Visit: id, Outcome: metrics.Abandoned})
	}
	a.tracker.Apply(&metrics.Event{Kind: metrics.ClockTick, At: at + 60_000})
	list := a.tracker.Concluded()
	if len(list) != 4 {
		t.Fatalf("%d contacts are concluded", len(list))
	}
	for _, c := range list[:3] {
		if c.Hash != list[0].Hash || c.Hash == [16]byte{} {
			t.Errorf("%s: caller %q, hash %x", c.Visit, c.Caller, c.Hash)
		}
	}
	if c := list[3]; c.Hash != [16]byte{} {
		t.Errorf("nobody has hash %x", c.Hash)
	}
}
