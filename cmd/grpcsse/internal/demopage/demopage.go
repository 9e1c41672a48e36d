// Package demopage is the demo's page: a few static files and one template, embedded. The page needs no build step and makes
// requests only to its own server.
package demopage

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page
var files embed.FS

// Page is what the page says about the program that serves it.
type Page struct {
	// Address is the bridge's address for the browser, host:port.
	Address string
	// Upstream is the address of the gRPC server, host:port.
	Upstream string
	// Second is an address for a second bridge, host:port.
	Second string
	// Command starts the program in a shell, for example "grpcsse".
	Command string
	// Config is the bridge's configuration file, which the page offers for download.
	Config []byte
	// Streams are the routes that the page connects to, by name.
	Streams map[string]Stream
}

// Stream is one route of the bridge.
type Stream struct {
	Name string
	Path string
	// RPC is the full method name, "demo.market.v1.MarketService/WatchQuotes".
	RPC string
	// YAML is the route in the configuration file.
	YAML string
}

// Method is the method's name without its service.
func (s Stream) Method() string {
	return s.RPC[strings.LastIndexByte(s.RPC, '/')+1:]
}

// Handler serves the page at /, its files under /page/, and the configuration at /demo.yaml. It passes all other requests to
// next. It returns an error where a stream that the page shows is missing.
func Handler(page Page, next http.Handler) (http.Handler, error) {
	index, err := page.render()
	if err != nil {
		return nil, err
	}
	static := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/":
			serve(w, r, "text/html; charset=utf-8", index)
		case r.URL.Path == "/demo.yaml":
			serve(w, r, "text/plain; charset=utf-8", page.Config)
		case r.URL.Path == "/favicon.ico":
			http.Redirect(w, r, "/page/icon.svg", http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/page/") && !strings.HasSuffix(r.URL.Path, "/"):
			secure(w.Header())
			static.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	}), nil
}

func (p Page) render() ([]byte, error) {
	index, err := template.New("index.html").Option("missingkey=error").ParseFS(files, "page/index.html")
	if err != nil {
		return nil, err
	}
	data := map[string]any{
		"address": p.Address, "upstream": p.Upstream, "second": p.Second, "command": p.Command,
	}
	for name, stream := range p.Streams {
		data[name] = stream
	}
	// The box shows two routes: the one that the crowd listens to, and the one that tells the page about the crowd.
	data["crowdBox"] = Stream{Name: "crowd", YAML: p.Streams["tape"].YAML + "\n\n" + p.Streams["crowd"].YAML}
	var out bytes.Buffer
	if err := index.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("the demo page needs a route that is not there: %w", err)
	}
	return out.Bytes(), nil
}

func serve(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	secure(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "expected GET", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = w.Write(body) // the browser has left
}

// secure allows the page only its own files and its own streams.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
}
