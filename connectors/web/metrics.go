package web

import "net/http"

// Counter is a figure of the daemon's own.
type Counter struct{}

func (s *Server) metrics() http.Handler { return http.NotFoundHandler() }
