// Package console is a page for the people who operate a bridge or try one out: what the bridge serves and to whom, and a form for
// each route that opens a stream and shows its events.
//
// The page is a few static files, which are embedded. It needs no build step, and makes requests only to its own server. Whatever
// comes from an upstream, such as documentation, names and events, is text for the page, and never markup.
package console

import (
	"embed"
	"encoding/json"
	"io/fs"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

//go:embed page
var files embed.FS

// Prefix is the path below which the console has its pages.
const Prefix = "/-/console/"

// Bridge is what the console needs of a bridge. See the bridge's own type for the methods.
type Bridge interface {
	http.Handler
	Routes() []bridge.RouteInfo
	Upstreams() []bridge.UpstreamInfo
	Problems() config.Problems
	Streams(after uint64) iter.Seq[bridge.StreamInfo]
}

// Settings are the parts of a console. All are needed.
type Settings struct {
	Bridge Bridge
	// History has what happened in the last minutes.
	History *History
	// Config returns the configuration that is in force.
	Config func() *config.Config
	// Apart says that the routes are served by another listener. The console then serves their streams too, below its prefix.
	Apart bool
}

// Console serves the page and what the page asks for. It checks neither the host nor the origin nor the credentials of a request:
// the handler in front of it must.
type Console struct {
	Settings

	mux  *http.ServeMux
	turn sync.Mutex
	// last is the last overview, and at when it was made. Both are guarded by turn.
	last []byte
	at   time.Time
}

// New returns a console.
func New(s Settings) *Console {
	c := &Console{Settings: s, mux: http.NewServeMux()}
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the directory is embedded
	}
	c.mux.Handle("GET "+Prefix, http.StripPrefix(Prefix, static(http.FileServerFS(page))))
	c.mux.HandleFunc("GET "+Prefix+"api/overview", c.overview)
	c.mux.HandleFunc("GET "+Prefix+"api/routes", c.routes)
	c.mux.HandleFunc("GET "+Prefix+"api/route", c.route)
	if s.Apart {
		c.mux.HandleFunc("GET "+streamPrefix, c.stream)
		c.mux.HandleFunc("POST "+streamPrefix, c.stream)
	}
	return c
}

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Static reports whether a path is that of a file of the page, which is the same for everybody and says nothing about the bridge.
func (c *Console) Static(path string) bool {
	name, ok := strings.CutPrefix(path, Prefix)
	if ok && name == "" {
		return true
	}
	if !ok {
		return false
	}
	entry, err := fs.Stat(files, "page/"+name)
	return err == nil && !entry.IsDir()
}

// static allows the page its own files and requests to its own server only.
func static(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
			"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

// write answers with JSON. An error of the write means that the browser has gone.
func write(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	send(w, status, text)
}

func send(w http.ResponseWriter, status int, text []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
