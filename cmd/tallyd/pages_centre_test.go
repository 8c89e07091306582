package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tallyd/connectors/freeswitch/playback"
)

// pagesCentre is six switches that play the demo's recording, each in a domain of its
// own and at another place of it: twelve queues that have calls from the beginning, and
// with those who are configured alone sixty agents.
type pagesCentre struct {
	switches, roster string // of the configuration
	queues           []string
	stop             [centres]func()
}

const (
	centres     = 6
	pagesAgents = 60
)

func newPagesCentre(t *testing.T) *pagesCentre {
	t.Helper()
	text, err := os.ReadFile("../../connectors/freeswitch/playback/demo/demo.snapshot.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := &pagesCentre{}
	var names []string
	for i := range centres {
		domain := fmt.Sprintf("@centre%d", i+1) // as long as @default: frames keep their sizes
		own := strings.ReplaceAll(string(text), "@default", domain)
		c.queues = append(c.queues, "sales"+domain, "support"+domain)
		for n := range 8 {
			names = append(names, fmt.Sprintf("100%d%s", n+1, domain))
		}
		if i == 0 {
			own = withMore(own, domain, pagesAgents-8*centres)
			for n := range pagesAgents - 8*centres {
				names = append(names, fmt.Sprintf("%d%s", 2001+n, domain))
			}
		}
		snapshot, err := playback.ReadSnapshot(strings.NewReader(own))
		if err != nil {
			t.Fatal(err)
		}
		recording, _, err := playback.Demo()
		if err != nil {
			t.Fatal(err)
		}
		for _, seg := range recording.Segments {
			for k := range seg.Events {
				e := &seg.Events[k]
				e.Plain = bytes.ReplaceAll(bytes.ReplaceAll(e.Plain, []byte("@default"), []byte(domain)), []byte("%40default"), []byte("%40"+domain[1:]))
			}
		}
		l := listenAnywhere(t)
		c.switches += fmt.Sprintf("  - {name: fs%d, kind: freeswitch, address: %q, password: ClueCon}\n", i+1, l.Addr())
		c.stop[i] = playOn(t, l, &playback.Server{Recording: recording, Snapshot: snapshot, Speed: 1, Loop: true, ShiftTo: time.Now().Add(-time.Duration(i+1) * 50 * time.Second)})
	}
	c.roster = rosterOf(names)
	return c
}

// listenAnywhere listens on a port that nobody has.
func listenAnywhere(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// playOn plays a recording until the test ends, or stop is called.
func playOn(t *testing.T, l net.Listener, server *playback.Server) (stop func()) {
	playing, end := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(playing, l); err != nil {
			t.Error(err)
		}
	})
	stop = func() { end(); serving.Wait() }
	t.Cleanup(stop)
	return stop
}

// withMore adds agents to a snapshot who do not answer calls.
func withMore(snapshot, domain string, n int) string {
	var rows strings.Builder
	for i := range n {
		status := "Available"
		switch {
		case i%9 == 8:
			status = "Logged Out"
		case i%4 == 3:
			status = "On Break"
		}
		fmt.Fprintf(&rows, "%d%s|single_box||callback|user/%d|%s|Waiting|3|3|5|6|8|0|0|0|1795449156|0|0|0|0|0\n", 2001+i, domain, 2001+i, status)
	}
	at := strings.Index(snapshot, "1001"+domain)
	return snapshot[:at] + rows.String() + snapshot[at:]
}

// rosterOf gives people names; the first half is in one team.
func rosterOf(ids []string) string {
	given := []string{"Ann", "Bob", "Cho", "Dee", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun", "Kit", "Lea", "Max", "Nia", "Omar"}
	family := []string{"Lee", "Okafor", "Wei", "Sandström"}
	out := "time_zone: UTC\nteams: [{id: north, name: North}, {id: south, name: South}]\nagents:\n"
	for i, id := range ids {
		team := "north"
		if i >= len(ids)/2 {
			team = "south"
		}
		out += fmt.Sprintf("  - {id: %s, name: %s %s, team: %s, role: agent}\n", id, given[i%len(given)], family[i/len(given)%len(family)], team)
	}
	return out
}
