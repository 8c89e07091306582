package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"tallyd/connectors/web/client"
	"tallyd/metrics"
)

// TestWeekByHourPerformance asks for a week of a thousand agents by hour, who worked
// eight hours a day each: 56,000 rows. The answer takes at most four times as long as
// its reader takes to decode it; on a quiet machine it comes within 300 ms.
func TestWeekByHourPerformance(t *testing.T) {
	if raceEnabled {
		return // it runs without the race detector
	}
	l := newLab(t)
	from := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 7)
	l.now.Store(to.Add(time.Hour).UnixMilli())
	for i := metrics.IntervalOf(metrics.MillisOf(from)); i < metrics.IntervalOf(metrics.MillisOf(to)); i++ {
		p := &metrics.Sealed{Switch: "fs1", Interval: i}
		hour := i.Start().Time().Hour()
		for a := range 1000 {
			if (hour+24-a%24)%24 >= 8 {
				continue // another shift's
			}
			agent := metrics.Rollup{Kind: metrics.AgentRow, Name: fmt.Sprintf("%d@default", 1000+a)}
			for k := range 16 {
				agent.Values[(k*7+a)%int(metrics.PausedTime)] = int64(1000 + a + k)
			}
			agent.Values[metrics.AnsweredCount] = 5
			p.Rollups = append(p.Rollups, agent)
			for q := range 2 {
				pair := metrics.Rollup{Kind: metrics.PairRow, Name: agent.Name, Second: fmt.Sprintf("queue%d@default", (a+q)%50)}
				pair.Values[metrics.AnsweredCount], pair.Values[metrics.Talk] = 2, 300_000
				p.Rollups = append(p.Rollups, pair)
			}
		}
		if err := l.store.PutSealed(p); err != nil {
			t.Fatal(err)
		}
	}
	at := l.http.URL + "/api/v1/kpi?kind=agent&step=hour&kpi=answered,aht,occupancy&counters=false&limit=200000&from=" + from.Format(time.RFC3339) + "&to=" + to.Format(time.RFC3339)
	token := l.token(admin)
	var answering, decoding []time.Duration
	for range 9 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept-Encoding", "identity")
		began := time.Now()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		answering = append(answering, time.Since(began))
		began = time.Now()
		var a client.KPIs
		if err != nil || json.Unmarshal(body, &a) != nil || len(a.Rows) != 56_000 || *a.Rows[0].KPIs["answered"] != 20 {
			t.Fatalf("%d %d rows, %d bytes, %v", resp.StatusCode, len(a.Rows), len(body), err)
		}
		decoding = append(decoding, time.Since(began))
	}
	slices.Sort(answering)
	slices.Sort(decoding)
	middle := len(answering) / 2
	t.Logf("answered within %s, decoded within %s (medians of %d)", answering[middle], decoding[middle], len(answering))
	if answering[middle] > 4*decoding[middle] {
		t.Errorf("the answer takes %s, and is decoded in %s", answering[middle], decoding[middle])
	}
}
