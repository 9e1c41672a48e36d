package bridge

import (
	"net/http"

	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// stop answers a client that presents the id of a final end. The status 204 closes an EventSource for good. The answer needs no
// state, so every replica can give it.
func stop(w http.ResponseWriter, req *request.Request) {
	req.LeaveBody(w)
	allowEnd(w.Header(), req.HTTP)
	w.Header().Set("Cache-Control", "no-store") // a cache that kept the 204 would close the streams of others
	w.WriteHeader(http.StatusNoContent)
}

// allowEnd lets a page of any origin see the 204 that closes its EventSource. The answer tells the page nothing of the route. A
// browser that may not see the answer takes it for a network failure, after which it may reconnect (HTML standard, 9.2.3).
func allowEnd(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}
