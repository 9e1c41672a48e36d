package bridge

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// stop answers a client that comes back by itself after a stream that was over: 204 closes an EventSource for good. That needs
// no state: any replica can do it.
func stop(w http.ResponseWriter, req *request.Request) {
	req.LeaveBody(w)
	allowEnd(w.Header(), req.HTTP)
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
