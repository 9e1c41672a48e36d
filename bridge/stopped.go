package bridge

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// presentsEnd reports whether a browser comes back by itself after a stream that was over: it is answered with 204, which
// closes an EventSource for good. Only the header counts: an EventSource keeps its URL, and a page must not be able to
// link to a dead stream.
func (c *caller) presentsEnd() bool {
	return c.r.Header.Get("Last-Event-ID") == sse.EndID
}

// stop answers a browser that presents the end. That needs no state: any replica can do it.
func (c *caller) stop(w http.ResponseWriter) {
	c.leaveBody(w)
	allowEnd(w.Header(), c.r)
	w.Header().Set("Cache-Control", "no-store") // a cache that kept a 204 would close everybody's stream
	w.WriteHeader(http.StatusNoContent)
}

// allowEnd lets a page of any origin see the 204 that closes its EventSource. It says nothing but that, whatever the route; a
// browser that may not see it takes it for a network failure, after which it may come back (HTML standard, 9.2.3).
func allowEnd(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}
