package web

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"tallyd/connectors/api"
	"tallyd/metrics"
	"tallyd/rules/alert"
)

// exportWithin bounds the reading of the day's figures for one scrape.
const exportWithin = 10 * time.Second

// The figures. Those of queues and agents are of the local day: what is named
// …_total begins anew at midnight, as a counter does that was reset.
var (
	switchConnected = describe("switch_connected", "Whether the switch is connected.", "switch")
	switchObserved  = describe("switch_observed", "Whether everything that happens at the switch is seen now.", "switch")
	switchGaps      = describe("switch_gaps_total", "Spans in which the switch was not seen.", "switch")
	switchBlind     = describe("switch_unobserved_seconds_total", "Time in which the switch was not seen.", "switch")
	switchClock     = describe("switch_clock_offset_seconds", "How far the switch's clock is ahead of this machine's.", "switch")
	switchEvents    = describe("switch_events_total", "Events that the switch sent.", "switch")
	switchIgnored   = describe("switch_events_ignored_total", "Events that say nothing that is counted.", "switch")
	switchMalformed = describe("switch_events_malformed_total", "Events whose content could not be read.", "switch")
	switchUnknown   = describe("switch_events_unknown_total", "Events of a type never heard of.", "switch")
	switchDropped   = describe("switch_events_dropped_total", "Events dropped because counting fell behind.", "switch")
	switchConnects  = describe("switch_connects_total", "How often the switch was connected.", "switch")
	switchLast      = describe("switch_last_event_timestamp_seconds", "The latest event's own time.", "switch")
	switchUnkept    = describe("switch_journal_failing", "Whether what is open at the switch would be lost in a crash.", "switch")

	storeBytes    = describe("store_bytes", "What the store takes on the disk.", "kind")
	storeBudget   = describe("store_budget_bytes", "What the store may take; 0 for no limit.")
	storeFree     = describe("store_free_bytes", "What is free on the store's disk.")
	storeProblems = describe("store_problems", "How many things are wrong with the store; /api/v1/health says what.")
	storePending  = describe("store_pending_intervals", "Closed quarter hours that wait for the disk.")

	natsConnected = describe("nats_connected", "Whether NATS is reached.")
	natsFailing   = describe("nats_streams_failing", "Whether rollups and contacts wait because the streams do not take them; /api/v1/health says why.")

	alertsActive = describe("alerts_active", "Alerts of tallyd's own rules that are raised.", "severity")
	alertsLeft   = describe("alerts_left_out", "Subjects and alerts left out in the last second, because there are too many.")

	hookDelivered = describe("webhook_delivered_total", "Alerts that the webhook took.")
	hookLost      = describe("webhook_lost_total", "Alerts that the webhook was not told of: refused by it, given up after all attempts, or dropped because too many waited.", "why")
	hookWaiting   = describe("webhook_waiting", "Alerts that wait for the webhook.")

	agentsIn = describe("agents", "Agents by what they are doing.", "state")

	queueWaiting  = describe("queue_waiting_callers", "Callers who wait.", "queue")
	queueLongest  = describe("queue_longest_wait_seconds", "How long the caller has waited who joined first; 0 for nobody.", "queue")
	queueTalking  = describe("queue_talking_callers", "Callers who talk with an agent.", "queue")
	queueLevel    = describe("queue_service_level_ratio", "Callers answered within the queue's threshold, of all offered today (sl.offered).", "queue")
	queueASA      = describe("queue_asa_seconds", "Average speed of answer today.", "queue")
	queueAbandon  = describe("queue_abandon_ratio", "Callers who hung up while waiting, of all offered today (abandon_rate).", "queue")
	queueCounters = counters("queue", "queue", metrics.Offered, metrics.AnsweredCount, metrics.AbandonedCount, metrics.Talk)

	agentState    = describe("agent_state", "1 for the state that the agent is in.", "agent", "state")
	agentSince    = describe("agent_state_timestamp_seconds", "Since when the agent has been in this state.", "agent")
	agentCounters = counters("agent", "agent", metrics.Offers, metrics.AnsweredCount, metrics.MissedCount, metrics.Talk)
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tallyd_"+name, help, labels, nil)
}

// counted is a counter of the day: times are exported in seconds.
type counted struct {
	name  string
	scale float64
	desc  *prometheus.Desc
}

func counters(of, label string, list ...metrics.Counter) (out []counted) {
	for _, c := range list {
		name, scale := c.String(), 1.0
		title := name
		if s, ok := strings.CutSuffix(name, "_ms"); ok {
			title, scale = s+"_seconds", 1e-3
		}
		out = append(out, counted{name, scale, describe(of+"_"+title+"_total", "Today's counter "+name+".", label)})
	}
	return out
}

// exporter reads everything when it is asked.
type exporter struct {
	service *api.Service
	bus     func() api.BusHealth
	agents  bool
}

// Describe says nothing: what there is depends on who is there.
func (e *exporter) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (e *exporter) Collect(out chan<- prometheus.Metric) {
	x := &export{out}
	e.switches(x)
	e.store(x)
	if e.bus != nil {
		b := e.bus()
		x.gauge(natsConnected, of(b.Connected))
		x.gauge(natsFailing, of(b.Records != nil && b.Records.Problem != ""))
	}
	e.alerts(x)
	var p api.Present
	e.service.Look(&p)
	e.present(x, &p)
	ctx, cancel := context.WithTimeout(context.Background(), exportWithin)
	defer cancel()
	e.day(ctx, x, api.Queues, queueCounters)
	if e.agents {
		e.day(ctx, x, api.Agents, agentCounters)
	}
}

func (e *exporter) switches(x *export) {
	for _, s := range e.service.Sources() {
		x.gauge(switchConnected, of(s.Connected), s.Name)
		x.gauge(switchObserved, of(s.Observed), s.Name)
		x.gauge(switchUnkept, of(s.Unkept), s.Name)
		x.gauge(switchClock, s.ClockOff.Seconds(), s.Name)
		x.gauge(switchLast, float64(s.Stream.Last)/1000, s.Name)
		for _, c := range []struct {
			desc *prometheus.Desc
			n    float64
		}{{switchGaps, float64(s.Gaps)}, {switchBlind, s.Unobserved.Seconds()}, {switchEvents, float64(s.Stream.Events)}, {switchIgnored, float64(s.Stream.Ignored)},
			{switchMalformed, float64(s.Stream.Malformed)}, {switchUnknown, float64(s.Stream.Unknown)}, {switchDropped, float64(s.Stream.Dropped)}, {switchConnects, float64(s.Stream.Connects)}} {
			x.counter(c.desc, c.n, s.Name)
		}
	}
}

func (e *exporter) store(x *export) {
	x.gauge(storePending, float64(e.service.Pending()))
	h := e.service.StoreHealth()
	if h == nil {
		return
	}
	x.gauge(storeBytes, float64(h.Rollups), "rollups")
	x.gauge(storeBytes, float64(h.Contacts), "contacts")
	x.gauge(storeBytes, float64(h.Other), "other")
	x.gauge(storeBudget, float64(h.Budget))
	x.gauge(storeFree, float64(h.Free))
	x.gauge(storeProblems, float64(len(h.Problems)))
}

func (e *exporter) alerts(x *export) {
	h := e.service.AlertsHealth()
	if h == nil {
		return
	}
	now, _ := e.service.AlertsNow()
	raised := map[string]int{alert.Info: 0, alert.Warning: 0, alert.Critical: 0}
	for i := range now.Active {
		raised[now.Active[i].Severity]++
	}
	for severity, n := range raised {
		x.gauge(alertsActive, float64(n), severity)
	}
	x.gauge(alertsLeft, float64(h.Left))
	if w := h.Webhook; w != nil {
		x.gauge(hookWaiting, float64(w.Waiting))
		x.counter(hookDelivered, float64(w.Delivered))
		x.counter(hookLost, float64(w.Refused), "refused")
		x.counter(hookLost, float64(w.Failed), "failed")
		x.counter(hookLost, float64(w.Dropped), "dropped")
	}
}

func (e *exporter) present(x *export, p *api.Present) {
	now := e.service.Now()
	for s, n := range p.Site.Agents {
		x.gauge(agentsIn, float64(n), metrics.State(s).String())
	}
	for i := range p.Queues {
		q := &p.Queues[i]
		x.gauge(queueWaiting, float64(q.Waiting), q.Name)
		x.gauge(queueTalking, float64(q.Talking), q.Name)
		longest := 0.0
		if q.Oldest != 0 {
			longest = max(0, now.Sub(q.Oldest.Time()).Seconds())
		}
		x.gauge(queueLongest, longest, q.Name)
	}
	if !e.agents {
		return
	}
	for i := range p.Agents {
		a := &p.Agents[i]
		x.gauge(agentState, 1, a.Name, a.State.String())
		x.gauge(agentSince, float64(a.Since)/1000, a.Name)
	}
}

// day exports the figures of the day.
func (e *exporter) day(ctx context.Context, x *export, kind string, list []counted) {
	q := api.KPIQuery{Kind: kind, KPIs: []string{"answered"}}
	if kind == api.Queues {
		q.KPIs = []string{"sl.offered", "asa", "abandon_rate"}
	}
	result, err := e.service.KPI(ctx, q)
	if err != nil {
		x.out <- prometheus.NewInvalidMetric(queueLevel, err)
		return
	}
	for i := range result.Rows {
		r := &result.Rows[i]
		for _, c := range list {
			x.counter(c.desc, float64(r.Counters[c.name])*c.scale, r.Name)
		}
		for _, k := range []struct {
			id    string
			desc  *prometheus.Desc
			scale float64
		}{{"sl.offered", queueLevel, 1}, {"asa", queueASA, 1e-3}, {"abandon_rate", queueAbandon, 1}} {
			if v := r.KPIs[k.id]; v != nil { // no data is neither 0 nor 1
				x.gauge(k.desc, *v*k.scale, r.Name)
			}
		}
	}
}

// export hands figures on.
type export struct{ out chan<- prometheus.Metric }

func (x *export) gauge(d *prometheus.Desc, v float64, labels ...string) {
	x.send(d, prometheus.GaugeValue, v, labels)
}

func (x *export) counter(d *prometheus.Desc, v float64, labels ...string) {
	x.send(d, prometheus.CounterValue, v, labels)
}

func (x *export) send(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) {
	for i := range labels {
		labels[i] = label(labels[i])
	}
	x.out <- prometheus.MustNewConstMetric(d, kind, v, labels...)
}

func of(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// longestLabel bounds a label, in bytes.
const longestLabel = 256

// label is a name as a label can be: one that is too long, or no UTF-8, is told
// from others by a hash.
func label(name string) string {
	if len(name) <= longestLabel && utf8.ValidString(name) {
		return name
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash has no errors
	return fmt.Sprintf("%s~%016x", strings.ToValidUTF8(name[:min(len(name), longestLabel)], "�"), h.Sum64())
}

// complaints are promhttp's.
type complaints struct{ log *slog.Logger }

func (c complaints) Println(v ...any) {
	c.log.Warn("metrics: " + strings.TrimSpace(fmt.Sprintln(v...)))
}
