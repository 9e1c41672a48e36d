package bridge

import (
	"encoding/json"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// reason says who ended a stream.
type reason string

const (
	byUpstream reason = "upstream" // the server's own status
	byRequest  reason = "request"  // the request does not fit the route
	byRoute    reason = "route"    // the route is out of order
	byDrain    reason = "drain"    // the bridge shuts down
	byMaxAge   reason = "max_age"  // the connection is old enough
	byMessage  reason = "message"  // a message that the bridge cannot pass on
	byPanic    reason = "internal" // a defect of the bridge
)

// ending is why a stream is over, or why there is none: what grpc-status tells the browser.
type ending struct {
	code    codes.Code
	message string
	details []*anypb.Any
	reason  reason
	retry   bool
	http    int // the status for who can still get one
	// noStream marks an address or a method that has no stream: an EventSource gets the HTTP status too, and stops.
	noStream bool
}

// refuse returns the ending of a stream that the bridge itself ends, by the table.
func refuse(code codes.Code, by reason, message string) *ending {
	r := ruleOf(code)
	return &ending{code: code, message: message, reason: by, retry: r.retry, http: r.http}
}

// notAStream returns the answer for an address or a method that has no stream.
func notAStream(httpStatus int, code codes.Code, message string) *ending {
	return &ending{code: code, message: message, reason: byRequest, http: httpStatus, noStream: true}
}

// unbound returns the ending for a request that cannot be bound.
func unbound(err error) *ending { return refuse(codes.InvalidArgument, byRequest, err.Error()) }

// upstreamEnded returns the ending that the upstream's status means on this route.
func (rt *route) upstreamEnded(st *status.Status) *ending {
	r := ruleOf(st.Code())
	e := &ending{
		code:    st.Code(),
		message: st.Message(),
		details: st.Proto().GetDetails(),
		reason:  byUpstream,
		retry:   r.retry,
		http:    r.http,
	}
	if r.serverFault && !rt.cfg.ExposeErrors {
		e.message, e.details = r.neutral(), nil
	}
	if verdict, ok := rt.cfg.Status[r.name]; ok {
		e.retry = verdict == config.Retry
	}
	if st.Code() == codes.OK {
		e.retry = rt.cfg.OnEnd == onEndReconnect
	}
	return e
}

// unfit returns the ending for a message that cannot become an event. A reconnect would meet it again, so nobody comes back.
func unfit(err error) *ending {
	message := "a message of the upstream cannot be read"
	var tooLarge *eventTooLargeError
	switch {
	case errors.As(err, &tooLarge):
		message = tooLarge.Error()
	case errors.Is(err, errMessageTooLarge):
		message = errMessageTooLarge.Error()
	}
	return refuse(codes.DataLoss, byMessage, message)
}

// The values of `on_end` with which an OK end is not the end: the browser comes back, or the bridge opens the upstream again.
const (
	onEndReconnect = "reconnect"
	onEndReopen    = "reopen"
)

// statusJSON is google.rpc.Status in ProtoJSON, with what an EventSource needs to know beside it.
type statusJSON struct {
	Code    uint32            `json:"code"`
	Status  string            `json:"status"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
	Retry   bool              `json:"retry"`
	Reason  reason            `json:"reason"`
}

// json renders the ending on one line. Details whose type the resolver does not know keep their bytes, base64-encoded.
func (e *ending) json(types transcode.Resolver) []byte {
	out, err := json.Marshal(statusJSON{
		Code:    uint32(e.code),
		Status:  ruleOf(e.code).name,
		Message: e.message,
		Details: detailsJSON(e.details, types),
		Retry:   e.retry,
		Reason:  e.reason,
	})
	if err != nil { // strings, a bool and rendered JSON: there is nothing here that could fail
		return []byte(`{}`)
	}
	return out
}

func detailsJSON(details []*anypb.Any, types transcode.Resolver) []json.RawMessage {
	var out []json.RawMessage
	for _, detail := range details {
		rendered, err := protojson.MarshalOptions{Resolver: types}.Marshal(detail)
		if err != nil {
			rendered, err = json.Marshal(map[string]any{"@type": detail.GetTypeUrl(), "value": detail.GetValue()})
		}
		if err == nil {
			out = append(out, rendered)
		}
	}
	return out
}

// frame renders the ending as the last event of a stream. Where the browser should stop, its id makes the reconnect that
// follows by itself answerable with 204, which closes an EventSource for good.
func (e *ending) frame(types transcode.Resolver) []byte {
	ev := sse.Event{Name: sse.StatusName(), Data: e.json(types)}
	if !e.retry {
		ev.ID = sse.End()
	}
	return sse.AppendFrame(nil, ev)
}

// statusOf returns the gRPC status that err stands for.
func statusOf(err error) *status.Status {
	if st, ok := status.FromError(err); ok {
		return st
	}
	return status.FromContextError(err)
}
