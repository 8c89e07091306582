package web

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/gzhttp"

	"tallyd/connectors/api"
	"tallyd/connectors/schema"
)

const (
	basePath    = "/api/v" // and api.Schema
	schemasPath = "#/components/schemas/"
)

// path is an operation's.
func path(of string) string { return basePath + strconv.Itoa(api.Schema) + of }

// routes is what answers requests.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.api = humago.New(mux, openAPI())
	s.api.UseMiddleware(s.admit)
	s.register()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n")) // it runs: whether it sees the switches is for whoever has a token
	})
	mux.HandleFunc("GET /asyncapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		_, _ = w.Write(s.cfg.AsyncAPI)
	})
	mux.Handle("GET /metrics", s.metrics())
	s.sessionRoutes(mux)
	mux.Handle(pagesPattern, s.pages)
	if s.cfg.WebSocket != "" {
		mux.Handle("GET "+s.cfg.WebSocket, s.webSocket())
	}
	zip := gzhttp.GzipHandler(tagged(mux))
	// A browser shows its session by itself, also where another site's page asks: such
	// questions that change something are refused. A token is shown on purpose.
	ours := http.NewCrossOriginProtection()
	return safe(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := ours.Check(r); err != nil && r.Header.Get("Authorization") == "" {
			answerProblem(w, http.StatusForbidden, "not allowed: another site's page asks")
			return
		}
		if r.URL.Path == path(eventsPath) || r.URL.Path == s.cfg.WebSocket {
			endless(w)
			mux.ServeHTTP(w, r)
			return
		}
		if _, pattern := mux.Handler(r); pattern == pagesPattern {
			s.pages.ServeHTTP(w, r) // they are compressed and have tags
			return
		}
		zip(w, r)
	})
}

// openAPI is the document without its operations.
func openAPI() huma.Config {
	c := huma.DefaultConfig("tallyd", strconv.Itoa(api.Schema)+".0.0")
	c.Info.Description = "Figures, contacts and present states of a call centre. Every request carries a token in the header Authorization: Bearer TOKEN; " +
		"`tallyd token create` makes one; the pages show the cookie of a session instead, which a token begins at /session. Moments are UTC; sums are integers; the unit of a number is in its name or in `tallyd metrics`. " +
		"A figure that is null has no data: it is neither 0 nor 100 %."
	c.Components.Schemas = schema.Registry(schemasPath)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{tokenScheme: {Type: "http", Scheme: "bearer", Description: "a token of `tallyd token create`"}}
	c.OpenAPIPath, c.SchemasPath = "/openapi", "/schemas"
	c.DocsPath = ""     // huma's page loads scripts from elsewhere
	c.CreateHooks = nil // no links to schemas in answers: they are the same as on NATS
	c.DefaultFormat = jsonType
	c.Formats = map[string]huma.Format{jsonType: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	return c
}

const jsonType = "application/json"

// operation describes an operation that needs a right.
func operation(id, at, summary, description string, right api.Right) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path(at), Summary: summary, Description: description,
		Security: []map[string][]string{{tokenScheme: {}}},
		Metadata: map[string]any{rightKey: right},
		Errors:   []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError},
	}
}

// register adds all operations.
func (s *Server) register() {
	s.registerKPI()
	s.registerCatalogue()
	s.registerContacts()
	s.registerFacts()
	s.registerScores()
	s.registerSchemes()
	s.registerFeed()
	s.registerPresent()
	s.registerTimeline()
	s.registerAlerts()
	s.registerEvents()
	s.registerRoster()
	s.registerNames()
	s.registerHealth()
	s.registerSetup()
	schema.Open(s.api.OpenAPI().Components.Schemas)
}
