package ending

import (
	"encoding/json"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Ending says why a stream is over, or why a request gets none. The event grpc-status tells it to the browser. An Ending that
// is shared must not be changed.
type Ending struct {
	Code    Code
	Message string
	Details []json.RawMessage // each a google.protobuf.Any in ProtoJSON
	Reason  Reason
	// Limit is the limit that was reached, where Reason is [ByLimit].
	Limit Limit
	// Retry says that an EventSource should come back.
	Retry bool
	// HTTPStatus is the status for a client whose response has not begun.
	HTTPStatus int
	// NoStream marks an address or a method that has no stream. An EventSource gets the HTTP status too, and stops.
	NoStream bool
	// Cause is the error that the operator should read in the log. It is nil where the operator need not act.
	Cause error
}

// Refuse returns the ending of a stream that the bridge itself ends. The HTTP status and the retry are those of the code.
func Refuse(code Code, by Reason, message string) *Ending {
	return &Ending{Code: code, Message: message, Reason: by, Retry: code.Retry(), HTTPStatus: code.rule().http}
}

// NotAStream returns the ending for an address or a method that has no stream.
func NotAStream(httpStatus int, code Code, message string) *Ending {
	return &Ending{Code: code, Message: message, Reason: ByRequest, HTTPStatus: httpStatus, NoStream: true}
}

// ShuttingDown returns the ending of a stream that ends because the bridge shuts down.
func ShuttingDown() *Ending {
	return Refuse(Unavailable, ByDrain, "the bridge is shutting down")
}

// ForClient returns the ending as a client is told it. once says that the request may have had an effect: then the client is
// never told to come back.
func (e *Ending) ForClient(once bool) *Ending {
	if !once || !e.Retry {
		return e
	}
	final := *e
	final.Retry = false
	return &final
}

// ComeBack returns a copy that tells an EventSource to come back.
func (e *Ending) ComeBack() *Ending {
	again := *e
	again.Retry = true
	return &again
}

// TurnsAway reports whether the bridge or the route can serve no more streams now. The client then does better on another
// connection.
func (e *Ending) TurnsAway() bool {
	switch e.Reason {
	case ByLimit, ByDrain, ByRoute:
		return true
	}
	return false
}

// statusJSON is google.rpc.Status in ProtoJSON, with two more fields for an EventSource.
type statusJSON struct {
	Code    uint32            `json:"code"`
	Status  string            `json:"status"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
	Retry   bool              `json:"retry"`
	Reason  Reason            `json:"reason"`
}

// JSON renders the ending on one line. It leaves out the details where they are nested so deeply that a reader could not parse
// them.
func (e *Ending) JSON() []byte {
	s := statusJSON{
		Code:    uint32(e.Code),
		Status:  e.Code.String(),
		Message: e.Message,
		Details: e.Details,
		Retry:   e.Retry,
		Reason:  e.Reason,
	}
	out, err := json.Marshal(s)
	if err != nil || len(s.Details) > 0 && !json.Valid(out) { // only the details can fail
		s.Details = nil
		out, _ = json.Marshal(s)
	}
	return out
}

// Frame renders the ending as the last event of a stream. Where the browser should stop, the event has the id [sse.EndID]: the
// bridge answers the reconnect that follows with 204, which closes an EventSource for good. The event grpc-end follows there.
// It is for pages that close by the name of an event, since grpc-status comes at every end.
func (e *Ending) Frame() []byte {
	ev := sse.Event{Name: sse.StatusName(), Data: e.JSON()}
	if e.Retry {
		return sse.AppendFrame(nil, ev)
	}
	ev.ID = sse.End()
	return sse.AppendFrame(sse.AppendFrame(nil, ev), sse.Event{Name: sse.EndName(), Data: []byte("{}")})
}
