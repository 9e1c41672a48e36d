package bridge

import (
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// ending is why a stream is over, or why there is none: what grpc-status tells the browser.
type ending struct {
	code    codes.Code
	message string
	details []*anypb.Any
	reason  Reason
	retry   bool
	http    int // the status for who can still get one
	// cause is what the operator should read in the log, nil where there is nothing to do.
	cause error
	// noStream marks an address or a method that has no stream: an EventSource gets the HTTP status too, and stops.
	noStream bool
}

// refuse returns the ending of a stream that the bridge itself ends, by the table.
func refuse(code codes.Code, by Reason, message string) *ending {
	r := ruleOf(code)
	return &ending{code: code, message: message, reason: by, retry: r.retry, http: r.http}
}

// notAStream returns the answer for an address or a method that has no stream.
func notAStream(httpStatus int, code codes.Code, message string) *ending {
	return &ending{code: code, message: message, reason: ReasonRequest, http: httpStatus, noStream: true}
}

// unbound returns the ending for a request that cannot be bound.
func unbound(err error) *ending {
	code := codes.InvalidArgument
	if bad := (*bind.Error)(nil); errors.As(err, &bad) && bad.MissingCredential {
		code = codes.Unauthenticated
	}
	return refuse(code, ReasonRequest, err.Error())
}

// shuttingDown returns the ending of every stream that the end of the bridge itself cuts short.
func shuttingDown() *ending {
	return refuse(codes.Unavailable, ReasonDrain, "the bridge is shutting down")
}

// upstreamEnded returns the ending that the upstream's status means on this route.
func (rt *route) upstreamEnded(st *status.Status) *ending {
	code := st.Code()
	if code > codes.Unauthenticated { // the last one that gRPC knows
		code = codes.Unknown
	}
	r := ruleOf(code)
	e := &ending{
		code:    code,
		message: cutMessage(st.Message()),
		details: cutDetails(st.Proto().GetDetails()),
		reason:  ReasonUpstream,
		retry:   r.retry,
		http:    r.http,
	}
	if (r.serverFault || byTransport(st)) && !rt.cfg.ExposeErrors {
		e.message, e.details = r.neutral(), nil
	}
	if verdict, ok := rt.cfg.Status[config.StatusCode(r.name)]; ok {
		e.retry = verdict == config.Reconnect
	}
	if code == codes.OK {
		e.retry = rt.cfg.OnEnd == config.OnEndReconnect
	}
	return e
}

// byTransport reports whether gRPC here made up the status from what is no gRPC: an HTTP status, whose page it quotes, or
// a stream reset. That describes what stands between the bridge and the server, whatever its code.
func byTransport(st *status.Status) bool {
	return strings.HasPrefix(st.Message(), "unexpected HTTP status code received from server") ||
		strings.HasPrefix(st.Message(), "stream terminated by RST_STREAM")
}

// What a status may bring a browser. Few servers can send more than 8 KiB of trailers, but gRPC takes 16 MiB.
const (
	maxMessageBytes = 16 << 10
	maxDetailBytes  = 64 << 10 // of all details together, on the wire
)

func cutMessage(message string) string {
	if len(message) <= maxMessageBytes {
		return message
	}
	return message[:maxMessageBytes] + "…"
}

// cutDetails returns the details up to the first one that is too much.
func cutDetails(details []*anypb.Any) []*anypb.Any {
	size := 0
	for i, detail := range details {
		if size += len(detail.GetTypeUrl()) + len(detail.GetValue()); size > maxDetailBytes {
			return details[:i]
		}
	}
	return details
}

// toldTo returns what of an ending a caller is told. One whose request may have had an effect is never told to come back.
func (e *ending) toldTo(final bool) *ending {
	if !final || !e.retry {
		return e
	}
	once := *e
	once.retry = false
	return &once
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
	end := refuse(codes.DataLoss, ReasonMessage, message)
	end.cause = err
	return end
}

// statusJSON is google.rpc.Status in ProtoJSON, with what an EventSource needs to know beside it.
type statusJSON struct {
	Code    uint32            `json:"code"`
	Status  string            `json:"status"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details,omitempty"`
	Retry   bool              `json:"retry"`
	Reason  Reason            `json:"reason"`
}

// json renders the ending on one line. Details whose type the resolver does not know keep their bytes, base64-encoded.
func (e *ending) json(types transcode.Resolver) []byte {
	s := statusJSON{
		Code:    uint32(e.code),
		Status:  ruleOf(e.code).name,
		Message: e.message,
		Details: detailsJSON(e.details, types),
		Retry:   e.retry,
		Reason:  e.reason,
	}
	out, err := json.Marshal(s)
	if err != nil || len(s.Details) > 0 && !json.Valid(out) { // nested too deeply, for readers too; all else cannot fail
		s.Details = nil
		out, _ = json.Marshal(s)
	}
	return out
}

// maxDetailJSON bounds all details of a status together, as JSON.
const maxDetailJSON = 4 * maxDetailBytes

// detailsJSON renders details up to the first one that is too much.
func detailsJSON(details []*anypb.Any, types transcode.Resolver) []json.RawMessage {
	if len(details) == 0 {
		return nil
	}
	t, err := transcode.New(details[0].ProtoReflect().Descriptor(), transcode.Options{Resolver: types, MaxBytes: maxDetailJSON})
	if err != nil {
		return nil // not of the type that we are compiled with
	}
	var out []json.RawMessage
	size := 0
	for _, detail := range details {
		rendered, err := detailJSON(t, detail)
		if size += len(rendered); err != nil || size > maxDetailJSON {
			return out
		}
		out = append(out, rendered)
	}
	return out
}

// detailJSON renders one detail; one that does not parse as what it says that it is keeps its bytes.
func detailJSON(t *transcode.Transcoder, detail *anypb.Any) ([]byte, error) {
	wire, err := proto.Marshal(detail)
	if err == nil {
		var out []byte
		if out, err = t.AppendJSON(nil, wire); err == nil || errors.Is(err, transcode.ErrTooLarge) {
			return out, err
		}
	}
	return json.Marshal(map[string]any{"@type": detail.GetTypeUrl(), "value": detail.GetValue()})
}

// frame renders the ending as the last event of a stream. Where the browser should stop, the event's id makes the reconnect
// that follows by itself answerable with 204, which closes an EventSource for good. An event grpc-end follows there, for pages
// that close by the name of an event: grpc-status comes at every end.
func (e *ending) frame(types transcode.Resolver) []byte {
	ev := sse.Event{Name: sse.StatusName(), Data: e.json(types)}
	if e.retry {
		return sse.AppendFrame(nil, ev)
	}
	ev.ID = sse.End()
	return sse.AppendFrame(sse.AppendFrame(nil, ev), sse.Event{Name: sse.EndName(), Data: []byte("{}")})
}

// statusOf returns the gRPC status that err stands for.
func statusOf(err error) *status.Status {
	if st, ok := status.FromError(err); ok {
		return st
	}
	return status.FromContextError(err)
}
