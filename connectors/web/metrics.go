package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tallyd/connectors/api"
)

// metrics serves how the daemon and the queues fare, for Prometheus; with agents=1
// the agents too, whose names would be many labels.
func (s *Server) metrics() http.Handler {
	handler := func(agents bool) http.Handler {
		r := prometheus.NewRegistry()
		r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &exporter{s.cfg.Service, s.cfg.Bus, agents})
		return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: complaints{s.cfg.Logger}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, DisableCompression: true})
	}
	without, with := handler(false), handler(true)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, err := s.guest(r)
		if err == nil {
			err = g.view.May(api.SeeMetrics)
		}
		switch {
		case err != nil:
			http.Error(w, err.Error(), codeOf(err))
		case r.FormValue("agents") == "1":
			g.view.SeenAgents()
			with.ServeHTTP(w, r)
		default:
			without.ServeHTTP(w, r)
		}
	})
}
