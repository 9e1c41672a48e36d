package serve

import (
	"errors"
	"net/http"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
)

// visit is one caller's time on a stream, from its place to its end. It outlives the handler where the connection is parked, so
// it keeps nothing of the request.
type visit struct {
	handler *Handler
	rt      *route.Route
	sub     stream.Subscription
	began   time.Time
	// refused says that the observer was told that the caller has no stream: its end is all that it gets.
	refused bool
}

// leave gives up the place without a word.
func (s *visit) leave() {
	s.sub.Close()
	s.handler.drain.leave()
}

// over ends the visit, once, and says how it went. A drain is over when the last one was told of.
func (s *visit) over(out pump.Outcome) {
	duration := time.Since(s.began) // closing may wait
	s.sub.Close()
	defer s.handler.drain.leave()
	h, name := s.handler, s.rt.Config.Name
	if errors.Is(out.Err, http.ErrNotSupported) {
		h.log.Error("no stream can be served: what wraps the http.ResponseWriter supports no write deadlines or no flushing",
			"route", name)
	}
	if s.refused {
		return
	}
	code := codeOf(out)
	h.streams.TellFailed(s.rt, out.Reason, code)
	h.observer.StreamEnded(name, code, duration, out)
	about := []any{"route", name, "reason", out.Reason, "code", code.String(), "events", out.Events, "bytes", out.Bytes,
		"duration", duration}
	if out.Err != nil {
		about = append(about, "error", out.Err)
	}
	h.log.Debug("stream ended", about...)
}

// codeOf returns the code that a stream ended with. A caller that was told none had left, or took nothing.
func codeOf(out pump.Outcome) ending.Code {
	switch {
	case out.End != nil:
		return out.End.Ending.Code
	case out.Reason == ending.ByGone:
		return ending.Canceled
	}
	return ending.ResourceExhausted
}
