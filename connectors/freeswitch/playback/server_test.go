package playback

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	es "tallyd/connectors/freeswitch/eventsocket"
)

const goodbye = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"

func TestLogin(t *testing.T) {
	addr := serve(t, &Server{Recording: synthetic(1), Password: "secret"})

	p := dial(t, addr)
	p.expect(es.AuthRequest)
	p.command("event plain ALL", "-ERR command not found")
	p.command("auth secret", "+OK accepted")
	p.command("no such thing", "-ERR command not found")
	p.command("linger", "-ERR not controlling a session")
	p.command("event plain", "-ERR no keywords supplied")
	p.command("noevents", "-ERR not listening for events")
	p.command("EVENTS json ALL", "+OK event listener enabled json")
	p.command("filter Event-Name HEARTBEAT", "+OK filter added. [Event-Name]=[HEARTBEAT]")
	p.command("filter delete Event-Name", "+OK filter deleted. [Event-Name]")
	p.command("noevents", "+OK no longer listening for events")
	p.command("exit", "+OK bye")
	if f := p.expect(es.DisconnectNotice); string(f.Body()) != goodbye {
		t.Errorf("goodbye is %q", f.Body())
	}
	if _, err := p.r.Next(); err != io.EOF {
		t.Errorf("after the goodbye: %v, want io.EOF", err)
	}

	p = dial(t, addr)
	p.expect(es.AuthRequest)
	p.command("auth wrong", "-ERR invalid")
	p.expect(es.DisconnectNotice)
	if _, err := p.r.Next(); err != io.EOF {
		t.Errorf("after a wrong password: %v, want io.EOF", err)
	}
}

// At speed 0 a subscriber gets every event, to the byte, and what the switch
// said at the end.
func TestPlaysWhatWasRecorded(t *testing.T) {
	rec := open(t, "runD-restart/plain.raw")
	for _, form := range []struct{ subscription, recording string }{
		{"plain ALL", "runD-restart/plain.raw"},
		{"json ALL", "runD-restart/json.raw"},
	} {
		t.Run(form.subscription, func(t *testing.T) {
			addr := serve(t, &Server{Recording: rec, CloseAtEnd: true})
			p := login(t, addr, form.subscription)
			if err := p.end(); err != io.EOF {
				t.Fatal(err)
			}
			if want := unzip(t, form.recording); !bytes.Equal(p.raw.Bytes(), want) {
				t.Errorf("%d bytes were played, %d recorded", p.raw.Len(), len(want))
			}
		})
	}
}

func TestSubscription(t *testing.T) {
	rec := open(t, "runD-restart/plain.raw")
	is := func(names ...string) func(name, subclass string) bool {
		return func(name, subclass string) bool {
			return slices.Contains(names, name) || subclass != "" && slices.Contains(names, subclass)
		}
	}
	not := func(f func(name, subclass string) bool) func(name, subclass string) bool {
		return func(name, subclass string) bool { return !f(name, subclass) }
	}
	for _, test := range []struct {
		commands []string
		want     func(name, subclass string) bool
	}{
		{[]string{"event plain CHANNEL_CREATE CHANNEL_ANSWER CUSTOM callcenter::info"}, is("CHANNEL_CREATE", "CHANNEL_ANSWER", "callcenter::info")},
		{[]string{"event plain channel_create"}, is("CHANNEL_CREATE")},
		{[]string{"event plain CUSTOM HEARTBEAT", "event plain SHUTDOWN"}, is("SHUTDOWN")}, // what follows CUSTOM is a subclass
		{[]string{"nixevent CHANNEL_STATE CUSTOM callcenter::info", "event plain ALL"}, not(is("CHANNEL_STATE", "callcenter::info"))},
		{[]string{"event plain CUSTOM callcenter::info sofia::register", "nixevent CUSTOM sofia::register", "event plain HEARTBEAT"}, is("callcenter::info", "HEARTBEAT")},
	} {
		t.Run(strings.Join(test.commands, ", "), func(t *testing.T) {
			addr := serve(t, &Server{Recording: rec, CloseAtEnd: true})
			p := login(t, addr, "")
			p.say(strings.Join(test.commands, "\n\n"))
			var want, got []string
			for _, ev := range rec.Segments[0].Events {
				if test.want(ev.Name, ev.Subclass) {
					want = append(want, header(ev.Plain, "Event-Sequence"))
				}
			}
			for {
				f, err := p.r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if f.Kind == es.PlainEvent {
					if err := f.Decode(&p.e); err != nil {
						t.Fatal(err)
					}
					got = append(got, string(p.e.Get(es.KeyEventSequence)))
				}
			}
			// The subscription takes effect command by command, while the
			// recording plays: the first events may have been subject to less.
			if len(got) > len(want) || !slices.Equal(got, want[len(want)-len(got):]) || len(want)-len(got) > batch {
				t.Errorf("%d events, want the last of %d", len(got), len(want))
			}
			if len(test.commands) == 1 && len(got) != len(want) {
				t.Errorf("%d events, want %d", len(got), len(want))
			}
		})
	}
}

// At speed 0 the slowest subscriber sets the pace: nobody loses an event.
func TestSlowestSubscriberSetsThePace(t *testing.T) {
	rec := open(t, "runC-reload/plain.raw")
	l := newPipes()
	serveOn(t, &Server{Recording: rec, CloseAtEnd: true}, l)
	enter := func() *peer {
		p := attach(t, l.dial())
		p.expect(es.AuthRequest)
		p.command("auth ClueCon", "+OK accepted")
		return p
	}
	count := func(p *peer) (events int) {
		for {
			f, err := p.r.Next()
			if err == io.EOF {
				return events
			}
			if err != nil {
				t.Error(err)
				return events
			}
			if f.Kind == es.PlainEvent {
				events++
			}
		}
	}
	idle := enter()
	slow := enter()
	slow.command("event plain ALL", "+OK event listener enabled plain")
	// The recording plays until slow's queue is full, and waits.
	fast := enter()
	fast.command("event plain ALL", "+OK event listener enabled plain")
	rest := make(chan int)
	go func() { rest <- count(fast) }()
	all := len(rec.Segments[0].Events)
	if n := count(slow); n != all {
		t.Errorf("the first subscriber got %d events, want %d", n, all)
	}
	if n := <-rest; n < all-2*batch || n > all {
		t.Errorf("the second subscriber got %d events, want all but those before it came", n)
	}
	if n := count(idle); n != 0 {
		t.Errorf("who subscribed to nothing got %d events", n)
	}
}

// At speed 0 minutes could pass between two questions: while a client asks, they
// do not.
func TestTimeStandsStillForQuestions(t *testing.T) {
	addr := serve(t, &Server{Recording: open(t, "runD-restart/plain.raw"), quiet: time.Hour})
	p := dial(t, addr)
	p.say("auth ClueCon\n\nevent plain ALL")
	for _, want := range []es.Kind{es.AuthRequest, es.CommandReply, es.CommandReply} {
		p.expect(want)
	}
	for _, question := range []string{"strepoch", "show channels as json", "callcenter_config agent list", "strepoch"} {
		p.say("api " + question)
		p.expect(es.APIResponse)
	}
}

// A command that crosses the end of the stream costs the client nothing of it.
func TestCommandAfterTheEnd(t *testing.T) {
	rec := open(t, "runD-restart/plain.raw")
	addr := serve(t, &Server{Recording: rec, CloseAtEnd: true})
	p := login(t, addr, "plain ALL")
	for i := range rec.Segments[0].Events {
		p.event()
		if i%100 == 0 {
			p.say("nothing that is known")
		}
	}
}

// In real time an event happens when it is due, whoever listens; who comes later
// sees the present.
func TestPacing(t *testing.T) {
	clock := newClock()
	addr := serve(t, &Server{Recording: synthetic(100), Speed: 2, Clock: clock})
	clock.advance(0)
	first := login(t, addr, "plain ALL")
	clock.advance(4 * time.Second) // eight seconds of the recording
	expect := func(p *peer, from, to int64) {
		t.Helper()
		for want := from; want <= to; want++ {
			if n, _ := p.event().Int(es.KeyEventSequence); n != want {
				t.Fatalf("event %d, want %d", n, want)
			}
		}
	}
	expect(first, 1, 8)
	second := login(t, addr, "plain ALL")
	clock.advance(time.Second)
	expect(second, 9, 10)
	expect(first, 9, 10)
	first.Close()
	clock.advance(10 * time.Second)
	first = login(t, addr, "plain ALL")
	clock.advance(500 * time.Millisecond)
	expect(first, 31, 31)
	expect(second, 11, 31)
	if got := first.api("strepoch"); got != "1700000031" {
		t.Errorf("the switch's time is %s", got)
	}
}

func TestShift(t *testing.T) {
	rec := open(t, "runC-reload/plain.raw")
	to := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	addr := serve(t, &Server{Recording: rec, ShiftTo: to, CloseAtEnd: true})
	p := login(t, addr, "plain ALL")
	first, last := rec.Span()
	moved := (to.UnixMicro() - first) / 1_000_000 * 1_000_000
	for i, ev := range rec.Segments[0].Events {
		f := p.expect(es.PlainEvent)
		if len(f.Body()) != len(ev.Plain) {
			t.Fatalf("event %d has changed its length", i)
		}
		if err := f.Decode(&p.e); err != nil {
			t.Fatal(err)
		}
		at, _ := p.e.Micros()
		if at != ev.At+moved || at < to.UnixMicro()-1_000_000 || at > to.UnixMicro()+last-first {
			t.Fatalf("event %d is at %d, want %d", i, at, ev.At+moved)
		}
		if date, _ := p.e.Lookup("Event-Date-GMT"); string(date) != time.UnixMicro(at).UTC().Format(gmtLayout) {
			t.Fatalf("event %d is of %s, want %s", i, date, time.UnixMicro(at).UTC().Format(gmtLayout))
		}
		if old := header(ev.Plain, "Caller-Channel-Created-Time"); old != "" && old != "0" {
			created, _ := p.e.Int(es.KeyCallerChannelCreatedTime)
			if fmt.Sprint(created-moved) != old {
				t.Fatalf("event %d: channel of %s is now of %d", i, old, created)
			}
		}
		if old := header(ev.Plain, "CC-Member-Joined-Time"); old != "" {
			joined, _ := p.e.Int(es.KeyCCMemberJoinedTime)
			if fmt.Sprint(joined-moved/1_000_000) != old {
				t.Fatalf("event %d: member of %s is now of %d", i, old, joined)
			}
		}
	}
}

// A client that does not read is thrown out, and nobody else suffers.
func TestSlowClientIsThrownOut(t *testing.T) {
	clock := newClock()
	l := newPipes()
	serveOn(t, &Server{Recording: synthetic(2000), Speed: 1, Clock: clock, Queue: 10}, l)
	clock.advance(0)
	p := attach(t, l.dial())
	p.expect(es.AuthRequest)
	p.command("auth ClueCon", "+OK accepted")
	p.command("event plain ALL", "+OK event listener enabled plain")
	clock.advance(1000 * time.Second)
	events := 0
	for {
		f, err := p.r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == es.DisconnectNotice {
			if string(f.Body()) != "killed listener because of lost events\n" {
				t.Errorf("thrown out with %q", f.Body())
			}
			break
		}
		events++
	}
	// What was queued, and what the writer held already, in one buffer.
	if events < 10 || events > 1000-mostLost {
		t.Errorf("%d of 1000 events arrived, want the queue's 10 and a few", events)
	}
}

func TestSegments(t *testing.T) {
	rec := open(t, "runD-restart/plain.raw", "runD-restart/plain.seg2.raw")
	addr := serve(t, &Server{Recording: rec})
	p := login(t, addr, "plain ALL")
	var core []string
	note := func(e *es.Event) {
		if c := string(e.Get(es.KeyCoreUUID)); len(core) == 0 || core[len(core)-1] != c {
			core = append(core, c)
		}
	}
	for range rec.Segments[0].Events {
		note(p.event())
	}
	if f := p.expect(es.DisconnectNotice); string(f.Body()) != "The system is being shut down.\n" {
		t.Errorf("the switch closes with %q", f.Body())
	}
	if _, err := p.r.Next(); err != io.EOF {
		t.Fatalf("after its notice: %v, want io.EOF", err)
	}
	p = login(t, addr, "plain ALL")
	note(p.event())
	if answer := p.api("show channels as json"); !strings.HasPrefix(answer, `{"row_count"`) {
		t.Errorf("channels after the restart: %s", answer)
	}
	if len(core) != 2 {
		t.Errorf("Core-UUIDs %q, want two", core)
	}
}

func TestServeRefusesNonsense(t *testing.T) {
	for _, s := range []*Server{
		{},
		{Recording: &Recording{}},
		{Recording: &Recording{Segments: []Segment{{}}}},
		{Recording: synthetic(1), Speed: -1},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(context.Background(), l); err == nil {
			t.Errorf("%+v is served", s)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := (&Server{Recording: synthetic(1)}).Serve(context.Background(), l); err == nil {
		t.Error("a closed listener is served")
	}
}

func TestBackgroundJob(t *testing.T) {
	addr := serve(t, &Server{Recording: synthetic(1), Speed: 1, Clock: newClock()})
	p := login(t, addr, "json BACKGROUND_JOB")
	p.say("bgapi version\nJob-UUID: 11111111-2222-4333-8444-555555555555")
	if f := p.expect(es.CommandReply); string(f.JobUUID()) != "11111111-2222-4333-8444-555555555555" || string(f.ReplyText()) != "+OK Job-UUID: 11111111-2222-4333-8444-555555555555" {
		t.Errorf("reply %q, job %q", f.ReplyText(), f.JobUUID())
	}
	e := p.event()
	if string(e.Get(es.KeyJobUUID)) != "11111111-2222-4333-8444-555555555555" || !strings.HasPrefix(string(e.Body()), "FreeSWITCH Version") {
		t.Errorf("job %q answers %q", e.Get(es.KeyJobUUID), e.Body())
	}
	p.say("bgapi version")
	if f := p.expect(es.CommandReply); !isUUID(f.JobUUID()) {
		t.Errorf("job %q has no uuid", f.JobUUID())
	}
}

// The answers fit the play position, also before anybody has subscribed.
func TestAnswers(t *testing.T) {
	rec, snapshot, err := Demo()
	if err != nil {
		t.Fatal(err)
	}
	clock := newClock()
	addr := serve(t, &Server{Recording: rec, Snapshot: snapshot, Speed: 1, Clock: clock, ShiftTo: clock.Now()})
	clock.advance(60 * time.Second)
	p := login(t, addr, "")
	now := clock.Now().Unix()

	var channels struct {
		Count int                 `json:"row_count"`
		Rows  []map[string]string `json:"rows"`
	}
	if err := json.Unmarshal([]byte(p.api("show channels as json")), &channels); err != nil {
		t.Fatal(err)
	}
	if channels.Count == 0 || channels.Count != len(channels.Rows) {
		t.Errorf("%d channels in %d rows", channels.Count, len(channels.Rows))
	}
	for _, row := range channels.Rows {
		if !isUUID([]byte(row["uuid"])) || atoi(row["created_epoch"]) > now || atoi(row["created_epoch"]) < now-61 || row["callstate"] == "" || row["direction"] == "" || len(row) != len(channelColumns) {
			t.Errorf("at %d there is a channel %v", now, row)
		}
	}
	if got, want := p.api("show channels count"), fmt.Sprintf("\n%d total.\n", channels.Count); got != want {
		t.Errorf("show channels count is %q, want %q", got, want)
	}
	for command, want := range map[string]string{
		"module_exists mod_callcenter":                     "true",
		"module_exists nothing":                            "false",
		"global_getvar core_uuid":                          "e51c14a8-fd6c-42a8-ba53-efce792d8130",
		"eval ${core-uuid}!":                               "e51c14a8-fd6c-42a8-ba53-efce792d8130!",
		"global_getvar nothing":                            "-ERR no reply\n",
		"hostname":                                         "vm",
		"uuid_exists 00000000-0000-0000-0000-000000000000": "false",
		"version":                       "FreeSWITCH Version 1.10.12-release+git~20240802T210227Z~a88d069d6f~64bit\n",
		"no_such_command x":             "-ERR no_such_command Command not found!\n",
		"callcenter_config queue count": "3\n",
		"callcenter_config queue count agents support@default": "6\n",
		"callcenter_config queue list members nosuch@default":  "+OK\n",
		"callcenter_config queue destroy support@default":      "-ERR Invalid!\n",
		"callcenter_config": "-ERR Invalid!\n",
		"callcenter_config agent set status 1001@default OnBreak!": "-ERR Invalid!\n",
	} {
		if got := p.api(command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
	for command, lines := range map[string]int{
		"callcenter_config agent list":                       1 + 8 + 1,
		"callcenter_config agent list 1001@default":          1 + 1 + 1,
		"callcenter_config tier list":                        1 + 10 + 1,
		"callcenter_config queue list":                       1 + 3 + 1,
		"callcenter_config queue list agents sales@default":  1 + 4 + 1,
		"callcenter_config queue list tiers support@default": 1 + 6 + 1,
		"status": 7,
	} {
		if got := p.api(command); strings.Count(got, "\n") != lines {
			t.Errorf("%s: %q, want %d lines", command, got, lines)
		}
	}
	// The recording is moved by whole seconds, to before rather than after now.
	if got := atoi(p.api("strepoch")); got != now && got != now-1 {
		t.Errorf("the switch's time is %d, want %d", got, now)
	}
	if got := p.api("show channels"); strings.Count(got, "\n") != channels.Count+3 {
		t.Errorf("show channels: %q", got)
	}
}
