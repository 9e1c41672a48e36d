package bridge

import (
	"errors"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// stay is one caller's time on a stream, from its place to its end. It outlives the handler where the connection is parked, so
// it keeps nothing of the request.
type stay struct {
	bridge *Bridge
	rt     *route
	sub    subscription
	began  time.Time
}

// leave gives up the place without a word.
func (s *stay) leave() {
	s.sub.close()
	s.bridge.drain.leave()
}

// over ends the stay, once, and says how it went. A drain is over when the last one was told of.
func (s *stay) over(out pump.Outcome) {
	s.sub.close()
	defer s.bridge.drain.leave()
	b, route := s.bridge, s.rt.cfg.Name
	if errors.Is(out.Err, http.ErrNotSupported) {
		b.log.Error("no stream can be served: what wraps the http.ResponseWriter supports no write deadlines or no flushing",
			"route", route)
	}
	duration := time.Since(s.began)
	b.observer.StreamEnded(route, StreamStats{Reason: out.Reason, Events: out.Events, Bytes: out.Bytes, Duration: duration})
	b.log.Debug("stream ended", "route", route, "reason", out.Reason, "events", out.Events, "bytes", out.Bytes,
		"duration", duration, "error", out.Err)
}
