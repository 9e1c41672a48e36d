package bridge

import (
	"time"

	"google.golang.org/grpc/codes"
)

// Observer is told what happens, so that it can be counted. Its methods are called concurrently, some of them between two
// events: they must not wait. Routes and upstreams go by their names, of which there are as many as the configuration has;
// nothing that a browser sends is among the arguments. Embed [NopObserver], so that a method which is added later does
// nothing.
type Observer interface {
	// StreamOpened is called when a caller's response begins.
	StreamOpened(route string)
	// StreamEnded is called once for each StreamOpened.
	StreamEnded(route string, s StreamStats)
	// Refused is called for a request that got no stream of its own. The route is "" where none matched; the reason is the
	// one that the status tells: "request", "route", "drain", "limit" or "upstream".
	Refused(route, reason string, code codes.Code)
	// IDLeftOut is called for an event whose id cannot travel: it is over 128 bytes as sent.
	IDLeftOut(route string)
	// Reopened is called when the bridge opens an upstream stream again behind the backs of those who listen to it.
	Reopened(route string)
	// StreamWaits is called for a stream that waits since the upstream grants no more on its connections. waiting is how
	// many wait now.
	StreamWaits(upstream string, waiting int)
	// Connections is called when connections to an upstream were added or closed. n is how many there are now.
	Connections(upstream string, n int)
}

// StreamStats is what a stream was.
type StreamStats struct {
	// Reason is who ended it: that of the status, or "gone" where the client left, or "slow" where it took nothing for
	// `write_timeout` or its connection broke.
	Reason string
	Events int
	Bytes  int64 // of the body as it was written, compressed where it is
	// Duration is measured from the request to the last write.
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
func (NopObserver) Refused(string, string, codes.Code) {}

// IDLeftOut implements [Observer].
func (NopObserver) IDLeftOut(string) {}

// Reopened implements [Observer].
func (NopObserver) Reopened(string) {}

// StreamWaits implements [Observer].
func (NopObserver) StreamWaits(string, int) {}

// Connections implements [Observer].
func (NopObserver) Connections(string, int) {}
