package bridge

import (
	"time"

	"google.golang.org/grpc/codes"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Observer is told what happens, so that it can be counted. Its methods are called concurrently, some of them between two
// events: they must not wait. Routes and upstreams go by their names, of which there are as many as the configuration has;
// nothing that a browser sends is among the arguments. Embed [NopObserver], so that a method which is added later does
// nothing.
type Observer interface {
	// StreamOpened is called when a caller's stream begins: with the upstream's first word, or when the route's `open_wait`
	// has passed without one. A stream that ends with OK and without events has begun too.
	StreamOpened(route string)
	// StreamEnded is called once for each StreamOpened.
	StreamEnded(route string, s StreamStats)
	// Refused is called for a request that got no stream: the bridge turned it away, or the upstream's first word was an error.
	// It makes no difference whether the caller learns it as an HTTP status or, as an EventSource does, as an event. The route
	// is "" where none matched. A caller that leaves before it has an answer is neither refused nor opened, nor is a HEAD request
	// that is answered as a stream would be.
	Refused(route string, reason Reason, code codes.Code)
	// IDLeftOut is called for an event whose id cannot travel: it is over 128 bytes as sent.
	IDLeftOut(route string)
	// Reopened is called when the bridge opens an upstream stream again behind the backs of those who listen to it.
	Reopened(route string)
	// TypeUnknown is called for an event that holds a google.protobuf.Any of a type that no schema has, which is sent as its
	// bytes in base64. The name is that of the type. It comes from the upstream: of a route there are at most 100 different
	// ones for each schema that it is served with, "other" stands for all further ones, and "malformed" for what is no name.
	TypeUnknown(route, name string)
	// StreamWaits is called for a stream that waits since the upstream grants no more on its connections. waiting is how
	// many wait now.
	StreamWaits(upstream string, waiting int)
	// Connections is called when connections to an upstream were added or closed. n is how many there are now.
	Connections(upstream string, n int)
}

// StreamStats is what a stream was.
type StreamStats struct {
	// Reason is who ended it: that of the status, or [ReasonGone] where the client left, or [ReasonSlow] where it took nothing
	// for `write_timeout` or its connection broke.
	Reason Reason
	// Code is that of the status, OK where the upstream ended in good order; CANCELLED with [ReasonGone], and RESOURCE_EXHAUSTED
	// with [ReasonSlow].
	Code   codes.Code
	Events int
	// Bytes are those of the body as it was written: compressed where it is, and on a parked connection with the framing of its
	// chunks.
	Bytes int64
	// Duration is measured from the request to the end of the last write.
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

// IDLeftOut implements [Observer].
func (NopObserver) IDLeftOut(string) {}

// Reopened implements [Observer].
func (NopObserver) Reopened(string) {}

// TypeUnknown implements [Observer].
func (NopObserver) TypeUnknown(string, string) {}

// StreamWaits implements [Observer].
func (NopObserver) StreamWaits(string, int) {}

// Connections implements [Observer].
func (NopObserver) Connections(string, int) {}

// told passes what the handler tells on to an [Observer].
type told struct{ Observer }

func (t told) StreamEnded(route string, code ending.Code, lasted time.Duration, out pump.Outcome) {
	t.Observer.StreamEnded(route, StreamStats{
		Reason: Reason(out.Reason), Code: codes.Code(code), Events: out.Events, Bytes: out.Bytes, Duration: lasted,
	})
}

func (t told) Refused(route string, by ending.Reason, code ending.Code) {
	t.Observer.Refused(route, Reason(by), codes.Code(code))
}
