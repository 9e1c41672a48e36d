package bridge

import (
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Observer receives notice of what happens in a bridge, for example to count it. Its methods are called concurrently, some of
// them between two events of a stream, so they must not block. Routes and upstreams are given by name, and there are as many
// names as the configuration has. No argument comes from a browser. Types that implement Observer should embed [NopObserver]:
// a method that is added to the interface later then does nothing.
type Observer interface {
	// StreamOpened is called when the stream of a client begins: when the upstream has accepted the call, or when the route's
	// `open_wait` is over and the upstream has not answered yet. A stream that ends with OK and without events counts as opened.
	StreamOpened(route string)
	// StreamEnded is called once for each StreamOpened.
	StreamEnded(route string, s StreamStats)
	// Refused is called for a request that got no stream: the bridge refused it, or the upstream answered with an error before
	// any event. The client may have received the error as an HTTP status or, as an EventSource does, as an event. The route is
	// "" where none matched. Neither Refused nor StreamOpened is called for a client that leaves before it has an answer, and for
	// a HEAD request on a route that would have served a stream.
	Refused(route string, reason Reason, code codes.Code)
	// LimitReached is called beside Refused for a request that a limit has turned away, and beside StreamEnded for a stream that a
	// limit has ended.
	LimitReached(route string, limit Limit)
	// IDLeftOut is called for an event that is sent without its id, because the encoded id would be over 128 bytes.
	IDLeftOut(route string)
	// Reopened is called when the bridge opens an upstream stream again after it broke, while its clients stay connected.
	Reopened(route string)
	// TypeUnknown is called for an event that holds a google.protobuf.Any of a type that no schema has. Such an Any is sent as
	// its bytes in base64. name is the name of the type, as the upstream sent it. For each route and each version of its schema,
	// name has at most 100 different values. "other" stands for all further types, and "malformed" for text that is no type name.
	TypeUnknown(route, name string)
	// CatchUpStarted is called when the bridge opens an upstream stream beside a shared one, for clients whose id the log of the
	// shared stream does not have, as after a restart of the bridge. See config.Share.CatchUp.
	CatchUpStarted(route string)
	// CatchUpEnded is called once for each CatchUpStarted, when it is decided how the clients go on. lasted is the time since
	// CatchUpStarted.
	CatchUpEnded(route string, outcome CatchUpOutcome, lasted time.Duration)
	// StreamWaits is called when a stream must wait because the upstream allows no more streams on its connections. waiting is
	// the number of streams that wait now.
	StreamWaits(upstream string, waiting int)
	// Connections is called when connections to an upstream were added or closed. n is the number of connections now.
	Connections(upstream string, n int)
}

// StreamStats describes a stream that has ended.
type StreamStats struct {
	// Reason says what ended the stream. It is [ReasonGone] where the client left, and [ReasonSlow] where the client took nothing
	// for `write_timeout`, fell too far behind, or where its connection failed.
	Reason Reason
	// Code is the gRPC status code that the stream ended with: OK where the upstream ended it in good order, CANCELLED with
	// [ReasonGone], and RESOURCE_EXHAUSTED with [ReasonSlow].
	Code codes.Code
	// Events is the number of events that were written. The event grpc-status and heartbeats do not count.
	Events int
	// Bytes is the size of the body as it was written, after compression. On a parked connection (see [Bridge.Park]) it includes
	// the chunk framing of HTTP/1.1.
	Bytes int64
	// Duration is the time from the arrival of the request to the end of the last write.
	Duration time.Duration
}

// NopObserver is an Observer that does nothing.
type NopObserver struct{}

var _ Observer = NopObserver{}

// StreamOpened implements [Observer].
func (NopObserver) StreamOpened(string) {}

// StreamEnded implements [Observer].
func (NopObserver) StreamEnded(string, StreamStats) {}

// Refused implements [Observer].
func (NopObserver) Refused(string, Reason, codes.Code) {}

// LimitReached implements [Observer].
func (NopObserver) LimitReached(string, Limit) {}

// IDLeftOut implements [Observer].
func (NopObserver) IDLeftOut(string) {}

// Reopened implements [Observer].
func (NopObserver) Reopened(string) {}

// TypeUnknown implements [Observer].
func (NopObserver) TypeUnknown(string, string) {}

// CatchUpStarted implements [Observer].
func (NopObserver) CatchUpStarted(string) {}

// CatchUpEnded implements [Observer].
func (NopObserver) CatchUpEnded(string, CatchUpOutcome, time.Duration) {}

// StreamWaits implements [Observer].
func (NopObserver) StreamWaits(string, int) {}

// Connections implements [Observer].
func (NopObserver) Connections(string, int) {}

// handlerObserver passes the calls of the handler on to an [Observer].
type handlerObserver struct{ Observer }

func (h handlerObserver) StreamEnded(route string, code ending.Code, lasted time.Duration, out pump.Outcome) {
	h.Observer.StreamEnded(route, StreamStats{
		Reason: Reason(out.Reason), Code: codes.Code(code), Events: out.Events, Bytes: out.Bytes, Duration: lasted,
	})
}

func (h handlerObserver) Refused(route string, by ending.Reason, code ending.Code) {
	h.Observer.Refused(route, Reason(by), codes.Code(code))
}

func (h handlerObserver) LimitReached(route string, limit ending.Limit) {
	h.Observer.LimitReached(route, Limit(limit))
}

// streamObserver passes the calls of the streams on to an [Observer].
type streamObserver struct{ Observer }

func (s streamObserver) CatchUpEnded(route string, outcome fanout.Outcome, lasted time.Duration) {
	s.Observer.CatchUpEnded(route, CatchUpOutcome(outcome), lasted)
}
