package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
)

// lookAgain is how long what was seen of the routes counts, so that many requests cost little.
const lookAgain = time.Second

// Bridge is what a [Handler] needs of a bridge. See the bridge's own type for the methods.
type Bridge interface {
	Routes() []bridge.RouteInfo
	ServesHost(r *http.Request) bool
}

// Handler serves the document of the routes that are in order, in OpenAPI 3.1, or in the version that `?target=` names. It makes a
// document when somebody asks for it, and again after the routes have changed. It answers all requests alike, whatever their path is.
type Handler struct {
	bridge Bridge
	config func() *config.Config

	mu     sync.Mutex
	looked time.Time
	routes []bridge.RouteInfo // as they were then
	made   map[Target]*edition
}

// edition is a document that was made.
type edition struct {
	from []ingredient
	text []byte
	tag  string
}

// ingredient is what a document depends on: a route, or the configuration in the first one.
type ingredient struct {
	config *config.Config
	route  *config.Route
	method protoreflect.MethodDescriptor
}

// NewHandler returns a handler of the documents of a bridge. config returns the configuration that is in force.
func NewHandler(b Bridge, config func() *config.Config) *Handler {
	return &Handler{bridge: b, config: config, made: map[Target]*edition{}}
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the document is for GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	target := V31
	switch asked := r.URL.Query()["target"]; {
	case len(asked) == 1 && (Target(asked[0]) == V31 || Target(asked[0]) == V32):
		target = Target(asked[0])
	case len(asked) > 0:
		http.Error(w, "target: expected 3.1 or 3.2", http.StatusBadRequest)
		return
	}
	doc, err := h.edition(target)
	switch {
	case err != nil:
		http.Error(w, "the document cannot be made", http.StatusInternalServerError)
		return
	case doc == nil:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "no route is in order", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("ETag", doc.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(doc.text))
}

// look returns the routes as they are, or were a moment ago. h.mu is held.
func (h *Handler) look() []bridge.RouteInfo {
	if h.looked.IsZero() || time.Since(h.looked) >= lookAgain {
		h.looked, h.routes = time.Now(), h.bridge.Routes()
	}
	return h.routes
}

// edition returns the newest document, nil where no route is in order.
func (h *Handler) edition(target Target) (*edition, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := &edition{}
	cfg := h.config()
	api := API{Target: target, Hosts: len(cfg.Server.Hosts) > 0, Auth: &cfg.Auth}
	next.from = append(next.from, ingredient{config: cfg})
	for _, info := range h.look() {
		next.from = append(next.from, ingredient{route: info.Config, method: info.Method})
		if route, ok := contract.New(info); ok {
			api.Routes = append(api.Routes, route)
		} else {
			api.Missing = append(api.Missing, info.Path)
		}
	}
	switch {
	case len(api.Routes) == 0:
		return nil, nil //nolint:nilnil // there is no document, which is no error
	case h.made[target] != nil && slices.Equal(h.made[target].from, next.from):
		return h.made[target], nil
	}
	slices.Sort(api.Missing)
	text, err := Document(api)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	next.text, next.tag = text, `"`+hex.EncodeToString(sum[:16])+`"`
	h.made[target] = next
	return next, nil
}

// Beside returns a handler that serves the document at the path of `server.openapi`, and leaves all else to next. A route that has the
// path keeps it. A browser asks at each use whether the document has changed.
func (h *Handler) Beside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := h.config().Server.OpenAPI
		if path == "" || r.URL.Path != path || h.taken(path) || !h.bridge.ServesHost(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	})
}

// taken reports whether a route has a path.
func (h *Handler) taken(path string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.look(), func(r bridge.RouteInfo) bool { return r.Path == path })
}
