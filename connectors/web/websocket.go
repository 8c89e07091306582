package web

import (
	"net/http"
	"net/http/httputil"
	"net/url"
)

// webSocket hands WebSockets on to NATS, which asks for the token itself.
func (s *Server) webSocket() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to, err := url.Parse(s.cfg.WebSocketTo())
			if err != nil || to.Host == "" {
				return // the dialling fails, and says so
			}
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path, r.Out.Host = "http", to.Host, "/", to.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			s.cfg.Logger.Debug("http: a websocket cannot be handed on", "err", err)
			http.Error(w, "NATS is not reached", http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			http.Error(w, "this address takes WebSockets, for NATS", http.StatusUpgradeRequired)
			return
		}
		if s.cfg.WebSocketTo() == "" {
			http.Error(w, "NATS is not reached", http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}
