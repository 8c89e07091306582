package asterisk

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyd/connectors/asterisk/lab"
	"tallyd/connectors/asterisk/queuelog"
	"tallyd/connectors/source/records"
	"tallyd/metrics"
)

// TestCutCentre: a dense centre, and a connection that breaks for seconds again
// and again. What was in sight is as the switch logged it; of what was not, the
// count says so. What REST answers is of no one moment, so that one visit in
// twenty may still come out otherwise than the switch logged it.
func TestCutCentre(t *testing.T) {
	for _, version := range lab.Versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
			defer stop()
			a := start(t, ctx, version, variants[version])
			folder := recordingFolder(t, version)
			rec, err := a.Record(ctx, folder)
			if err != nil {
				t.Fatal(err)
			}
			link, err := lab.NewLink(a.HTTP)
			if err != nil {
				t.Fatal(err)
			}
			defer link.Close()
			l := attach(t, a, version == "22", through(link))
			cutting := make(chan struct{})
			go func() {
				defer close(cutting)
				for range 5 {
					time.Sleep(4 * time.Second)
					link.Cut(true)
					time.Sleep(1500 * time.Millisecond)
					link.Cut(false)
				}
			}()
			log, err := lab.Centre{Seed: seedOf(), Calls: 50, Length: 25 * time.Second}.Play(ctx, a)
			if err != nil || len(log.Faults) > 0 {
				t.Fatal(err, log.Faults)
			}
			<-cutting
			if err := rec.Close(); err != nil {
				t.Fatal(err)
			}
			if err := a.Logs(folder); err != nil {
				t.Fatal(err)
			}
			l.await(t, "attached again", func() bool { return l.connector.Health().Connected && !l.tracker.Live.Blind() })
			l.await(t, "the snapshot is closed", l.settled.Load)
			l.end(t)
			l.adds(t)
			result := records.Compare(queuelog.Record(readQueueLog(t, folder), nil),
				&records.Counted{Contacts: l.contacts, Name: l.translator.Name, Unseen: l.gaps()}, records.Span{})
			unexplained := 0
			for _, d := range result.Differences {
				if d.Reason == "" {
					unexplained++
					t.Log(d.In("queue_log"), l.story(d.ID))
				}
			}
			if unexplained > result.Compared/20 || result.Compared < 50 {
				t.Errorf("%d differences that nothing explains in %d visits", unexplained, result.Compared)
			}
			t.Logf("%d visits compared, %d gaps of %d ms", result.Compared, l.tracker.Live.Gaps(), l.tracker.Unobserved())
		})
	}
}

// gaps are when the switch was out of sight.
func (l *attached) gaps() (list []records.Span) {
	for _, e := range l.facts {
		switch n := len(list) - 1; {
		case e.Kind == metrics.SwitchLost:
			list = append(list, records.Span{From: e.At})
		case e.Kind == metrics.SwitchUp && n >= 0:
			list[n].To = e.At
		}
	}
	return list
}

// story tells the facts about one call, and when the switch was out of sight.
func (l *attached) story(id string) string {
	var b strings.Builder
	fmt.Fprintln(&b, id)
	for _, c := range l.contacts {
		if c.Visit == id {
			fmt.Fprintf(&b, "  %+v\n", c)
		}
	}
	for _, e := range l.facts {
		switch {
		case e.Kind == metrics.SwitchLost, e.Kind == metrics.SwitchUp, e.Kind == metrics.SnapshotBegin, e.Kind == metrics.SnapshotEnd,
			e.Visit.String() == id, e.Leg.String() == id, e.Peer.String() == id:
			fmt.Fprintf(&b, "  %s kind %d leg %s peer %s %s %s outcome %v known %v moved %d by %d\n", e.At.Time().Format("05.000"), e.Kind, e.Leg, e.Peer,
				l.names.Name(metrics.QueueName, uint32(e.Queue)), l.names.Name(metrics.AgentName, uint32(e.Agent)), e.Outcome, e.Known, e.Moved, e.By)
		}
	}
	return b.String()
}
