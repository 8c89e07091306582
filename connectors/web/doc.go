// Package web serves HTTP: questions and present states as an OpenAPI 3.1
// interface, changes as server-sent events, how the daemon fares for Prometheus, and
// the pages, which sign in with a token and have a session from then on.
//
// It must not decide who may see what: package api does, for every way in. Each
// operation names the right that it needs, and asks by a view of the asker's.
package web
