// Package admin is the handler of the listener for administrators: what the program serves and to whom, its configuration,
// reload, shedding and profiles.
//
// The listener is within reach of more than the operator. A page in a browser can send requests to a port of the machine
// that the browser runs on, and `kubectl port-forward` makes the port of a pod one of these. So each request passes the
// checks of guard.go first, on loopback too.
package admin

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// Bridge is what the handler needs of a bridge. See the bridge's own type for the methods.
type Bridge interface {
	Routes() []bridge.RouteInfo
	Upstreams() []bridge.UpstreamInfo
	Problems() config.Problems
	Streams(after uint64) iter.Seq[bridge.StreamInfo]
	Shed(share float64, within time.Duration) int
}

// Settings are the parts of the handler. Those that may be nil say so, all others are needed.
type Settings struct {
	Admin  config.Admin
	Bridge Bridge
	// Cluster is nil where the bridge is alone.
	Cluster Cluster
	// Config returns the configuration that is in force.
	Config func() *config.Config
	// Reload loads the configuration anew. It is nil where there is no file.
	Reload func(ctx context.Context) error
	// Reloads returns how the reloads went until now.
	Reloads func() Reloads
	Log     *slog.Logger
	// Console serves the page for people, at the paths that begin with its prefix. It may be nil.
	Console Console
	// Document serves the OpenAPI document of the routes. It may be nil.
	Document http.Handler
}

// Console is a page for people.
type Console interface {
	http.Handler
	// Static reports whether a path is that of a file that is the same for everybody, and says nothing about the bridge.
	Static(path string) bool
}

// ConsolePrefix is the path below which the console is.
const ConsolePrefix = "/-/console/"

// Handler answers the requests of administrators.
type Handler struct {
	Settings

	guard *guard
	pages http.Handler
}

// New returns the handler. The error says why the file with the token cannot be used.
func New(s Settings) (*Handler, error) {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "" // the machine has no name that requests could have
	}
	h := &Handler{Settings: s, guard: newGuard(s.Admin.Listen, hostname, s.Log)}
	if s.Admin.TokenFile != "" {
		if h.guard.token, err = loadToken(s.Admin.TokenFile, s.Log); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index)
	mux.HandleFunc("GET /routes", h.routes)
	mux.HandleFunc("GET /streams", h.streams)
	mux.HandleFunc("GET /cluster", h.cluster)
	mux.HandleFunc("GET /config", h.config)
	mux.HandleFunc("POST /-/reload", h.reload)
	mux.HandleFunc("POST /-/shed", h.shed)
	addProfiles(mux)
	if s.Document != nil {
		mux.Handle("GET /openapi.json", s.Document)
	}
	if s.Console != nil {
		mux.Handle(ConsolePrefix, s.Console)
		h.guard.open = s.Console.Static
	}
	h.pages = mux
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	if refused := h.guard.check(r); refused != nil {
		refused.write(w)
		return
	}
	h.pages.ServeHTTP(w, r)
}

// protect keeps a browser from showing what a page of another origin must not have.
func protect(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Referrer-Policy", "no-referrer")
}
