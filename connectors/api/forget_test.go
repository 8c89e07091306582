package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tallyd/metrics"
	"tallyd/storage"
)

// hashOf is the keyed hash of a number, by another way than the tracker's.
func hashOf(number string) (out [16]byte) {
	m := hmac.New(sha256.New, nil) // the lab's trackers have no key
	m.Write([]byte(number))
	copy(out[:], m.Sum(nil))
	return out
}

// all is every contact and the figures of every row, the open interval's too.
func (l *lab) all() (contacts []Contact, sums map[string]int64) {
	l.t.Helper()
	list, err := l.service.Contacts(context.Background(), ContactQuery{From: labStart.Time()})
	if err != nil {
		l.t.Fatal(err)
	}
	contacts = list.Contacts
	sums = map[string]int64{}
	for _, kind := range []string{Queues, Agents, Site} {
		for _, r := range l.kpi(KPIQuery{Kind: kind, From: labStart.Time()}).Rows {
			for c, n := range r.Counters {
				if !strings.HasPrefix(c, "max") && !strings.HasPrefix(c, "longest") {
					sums[kind+" "+c] += n
				}
			}
		}
	}
	return contacts, sums
}

// TestForget forgets an agent, and a caller who is on the line: neither is in
// what was stored, in what waits for the store, nor in what comes of the call
// and the quarter hour that have begun; the sums are what they were, and who
// comes back later is somebody new.
func TestForget(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	ctx := context.Background()
	for range 3 {
		fs.ready("ann")
		fs.call("support", "ann", 5000, 60_000)
		fs.call("support", "bob", 5000, 60_000)
		l.pass(metrics.IntervalLength)
	}
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	watch := l.service.WatchDay()
	defer watch.Close()
	if _, err := watch.Changed(ctx); err != nil {
		t.Fatal(err)
	}
	fs.call("support", "ann", 5000, 60_000)
	l.pass(metrics.IntervalLength) // sealed, and waits for the store
	if l.intake.Pending() == 0 {
		t.Fatal("nothing waits for the store")
	}
	open := fs.join("support")
	fs.offer(open, "ann")
	fs.connect(open, "ann")
	l.pass(1000)

	_, before := l.all()
	contacts := 0
	forget := func(r ForgetRequest) *Forgotten {
		t.Helper()
		f, err := l.service.Forget(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	agent := forget(ForgetRequest{Kind: ForgetAgent, Agent: "ann", By: "root"})
	if agent.Contacts != 3 || agent.Rollups == 0 || agent.Number != 1 || agent.By != "root" || agent.At != Moment(l.now) {
		t.Errorf("the agent's is %+v", agent)
	}
	caller := forget(ForgetRequest{Kind: ForgetCaller, Hashes: [][16]byte{hashOf("13912345678")}, By: "root"})
	if caller.Contacts != 6 || caller.Rollups != 0 || caller.Number != 2 || caller.Name != "" {
		t.Errorf("the caller's is %+v", caller)
	}
	if _, after := l.all(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("sums are\n%v, were\n%v", after, before)
	}
	c, err := watch.Changed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	stands := false
	for _, r := range c.Agents {
		stands = stands || r.Name == agent.Name && r.Counters["answered"] == 4 // three stored, one that waits
		if r.Name == "ann" && r.Counters["answered"] > 1 {                     // the open quarter hour's
			t.Errorf("the day still has %+v", r)
		}
	}
	if !stands {
		t.Errorf("%s does not stand for the agent", agent.Name)
	}

	fs.end(open, "ann")
	fs.apply(metrics.Event{Kind: metrics.AgentStatus, Agent: fs.agent("ann"), Status: metrics.LoggedOut})
	l.pass(2 * metrics.IntervalLength)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	list, _ := l.all()
	for _, c := range list {
		if c.Agent == "ann" || c.Caller != "" {
			t.Errorf("%+v", c)
		}
		if c.Agent == agent.Name {
			contacts++
		}
	}
	if contacts != 5 {
		t.Errorf("%d contacts are of %s", contacts, agent.Name)
	}
	rows, err := l.store.Sum(ctx, storage.Query{From: 0, To: 1 << 40, Names: []string{"ann"}})
	if err != nil || len(rows) != 0 {
		t.Errorf("stored under the name: %+v, error %v", rows, err)
	}

	fs.call("support", "ann", 5000, 60_000)
	l.pass(2 * metrics.IntervalLength)
	if list, _ = l.all(); list[len(list)-1].Agent != "ann" || list[len(list)-1].Caller != "139******78" {
		t.Errorf("who comes back is %+v", list[len(list)-1])
	}
	if done, err := l.service.Forgotten(ctx); err != nil || fmt.Sprint(done) != fmt.Sprint([]Forgotten{*agent, *caller}) {
		t.Errorf("listed are %+v, error %v", done, err)
	}
}

// TestForgetNobody: who is not known is told so, and stays unforgotten.
func TestForgetNobody(t *testing.T) {
	l := newLab(t, "fs1")
	fs := l.switches[0]
	fs.call("support", "ann", 5000, 60_000)
	if _, err := l.service.Forget(context.Background(), ForgetRequest{Kind: ForgetAgent, Agent: "ann"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("error is %v", err)
	}
	l.pass(metrics.IntervalLength)
	if list, _ := l.all(); len(list) != 1 || list[0].Agent != "ann" {
		t.Errorf("%+v", list)
	}
	if len(l.intake.forgotten) != 0 {
		t.Error("the intake goes on forgetting")
	}
	if done, err := l.service.Forgotten(context.Background()); err != nil || len(done) != 0 {
		t.Errorf("listed are %+v, error %v", done, err)
	}
}

// TestServiceBackup: what the service backs up is the store's, with the key.
func TestServiceBackup(t *testing.T) {
	l := newLab(t, "fs1")
	l.service.cfg.CallerKey = []byte("key")
	l.switches[0].call("support", "ann", 5000, 60_000)
	l.pass(metrics.IntervalLength)
	if err := l.intake.Flush(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := l.service.Backup(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	info, files, err := storage.Restore(context.Background(), file, filepath.Join(t.TempDir(), "db"), nil)
	if err != nil || info.Site != "main" || info.At != l.now || info.Contacts != 1 || string(files[CallerKeyFile]) != "key" {
		t.Errorf("%+v, files %q, error %v", info, files, err)
	}
	if err := New(Config{Site: "main"}).Backup(context.Background(), &b); err == nil {
		t.Error("a service without a store backs up")
	}
}

// TestStoreHealthMessage: what is not known is left out.
func TestStoreHealthMessage(t *testing.T) {
	b, err := json.Marshal(Heartbeat{Store: New(Config{Site: "main"}).StoreHealth()})
	if err != nil || bytes.Contains(b, []byte(`"store"`)) {
		t.Errorf("%s, %v", b, err)
	}
}
