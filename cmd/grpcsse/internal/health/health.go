// Package health answers probes: whether the program lives, has started, and is ready for new clients.
package health

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge"
)

// startPatience is the time after which the program counts as started, although the schema of an upstream was not read yet: a
// server that stays down must not keep the others from being served.
const startPatience = 30 * time.Second

// Health knows the state of the program. Its methods may be called concurrently.
type Health struct {
	upstreams func() []bridge.UpstreamInfo
	began     time.Time

	started   atomic.Bool // once set, it stays set
	listening atomic.Bool
	draining  atomic.Bool
}

// New returns the health of a program that starts now. upstreams is [bridge.Bridge.Upstreams].
func New(upstreams func() []bridge.UpstreamInfo) *Health {
	return &Health{upstreams: upstreams, began: time.Now()}
}

// Listening says that the public listener accepts connections from now on.
func (h *Health) Listening() { h.listening.Store(true) }

// Drain says that the program has begun to end. It is not ready from now on.
func (h *Health) Drain() { h.draining.Store(true) }

// Handler returns the handler of the paths /livez, /startupz, /readyz and, where metrics is not nil, /metrics.
func (h *Health) Handler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, report{Status: "live"}, true) })
	mux.HandleFunc("GET /startupz", h.startup)
	mux.HandleFunc("GET /readyz", h.ready)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

func (h *Health) startup(w http.ResponseWriter, _ *http.Request) {
	upstreams := h.upstreams()
	if h.hasStarted(upstreams) {
		answer(w, newReport("started", upstreams), true)
		return
	}
	answer(w, newReport("starting", upstreams), false)
}

// ready answers whether the program should get new clients. An upstream that is down changes nothing: the other routes are
// served, and with all replicas not ready, no browser would be told to come back.
func (h *Health) ready(w http.ResponseWriter, _ *http.Request) {
	upstreams := h.upstreams()
	started := h.hasStarted(upstreams)
	switch {
	case h.draining.Load():
		answer(w, newReport("draining", upstreams), false)
	case !started || !h.listening.Load():
		answer(w, newReport("starting", upstreams), false)
	default:
		answer(w, newReport("ready", upstreams), true)
	}
}

// hasStarted reports whether the schema of each upstream was read, or the time for that is over. What has started stays
// started, also where a reload brings an upstream that is down.
func (h *Health) hasStarted(upstreams []bridge.UpstreamInfo) bool {
	if h.started.Load() {
		return true
	}
	done := true
	for _, u := range upstreams {
		done = done && u.SchemaRead
	}
	if done || time.Since(h.began) >= startPatience {
		h.started.Store(true)
	}
	return h.started.Load()
}

// report is the body of an answer. It has no address and no text of an error: each client that reaches the listener may
// read it.
type report struct {
	Status    string     `json:"status"`
	Upstreams []upstream `json:"upstreams,omitempty"`
}

type upstream struct {
	Name       string               `json:"name"`
	State      bridge.UpstreamState `json:"state"`
	Since      time.Time            `json:"since"`
	SchemaRead bool                 `json:"schema_read"`
}

func newReport(status string, upstreams []bridge.UpstreamInfo) report {
	r := report{Status: status}
	for _, u := range upstreams {
		r.Upstreams = append(r.Upstreams, upstream{u.Name, u.State, u.Since.UTC(), u.SchemaRead})
	}
	return r
}

func answer(w http.ResponseWriter, r report, good bool) {
	w.Header().Set("Content-Type", "application/json")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r) // an error means that the client has gone
}
