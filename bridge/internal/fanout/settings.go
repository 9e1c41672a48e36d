package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Settings say how a stream is shared. They do not change while the stream lives.
type Settings struct {
	// Label names the stream's route to the [Hooks].
	Label string
	// Bounds are the bounds of the log. Bounds.Bytes is also the bound of the last-value cache of [LatestBy], which counts on
	// its own.
	Bounds replay.Bounds
	// LateJoin says what a subscriber gets that comes without a cursor, or with one after which the stream cannot go on.
	LateJoin LateJoin
	// Pace says when, and which of them, subscribers are given events.
	Pace Pace
	// Skip says that a slow subscriber goes on as a newcomer. Otherwise it is ended with what Slow returns.
	Skip bool
	// Slow is called with locks held, so it must neither wait nor call the registry. It may be nil where Skip is set.
	Slow func() pump.End
	// Linger is how long the stream stays after its last subscriber has left. Without a positive Linger it ends at once.
	Linger time.Duration
	// ReopenAfter is how long an upstream stream is read before another one is opened, less up to 20 % at random. 0 is for ever.
	ReopenAfter time.Duration
	// Retry is the reconnection time that subscribers were told when they came, before jitter; 0 is none. Where the log reaches
	// back too short a time for it, subscribers are told a shorter time, unless Skip is set.
	Retry time.Duration
	// Backoff spaces the attempts to reopen the upstream.
	Backoff backoff.Policy
	// HasID says that events bring their own ids. Otherwise the id of an event is its position, "epoch-offset".
	HasID bool
	// Resumes says that the upstream takes a cursor: when a broken stream is opened again, the upstream gets the id of the
	// newest event. The stream itself is never opened on the id that a subscriber came with: see CatchUps.
	Resumes bool
	// CatchUps is how many catch-ups of the stream are read at once. 0 is none: a subscriber whose id the log does not have is
	// told a reset. Catching up needs HasID and Resumes.
	CatchUps int
	// Cluster says that the stream takes part in the cluster of the registry, if that has one.
	Cluster bool
	// Keep is called when the stream begins, and release when its upstream is no longer read. nil does nothing.
	Keep func() (release func())
	// Retired reports that the stream is about to end with its subscribers: it does not linger, and the next subscriber with its
	// key begins another stream. It is called with locks held. Once it is true, it stays true. nil is false.
	Retired func() bool
}

func (s *Settings) keep() (release func()) {
	if s.Keep == nil {
		return func() {}
	}
	return s.Keep()
}

// lingers reports whether the stream stays when its last subscriber leaves.
func (s *Settings) lingers() bool { return s.Linger > 0 && !s.retired() }

func (s *Settings) retired() bool { return s.Retired != nil && s.Retired() }

// Newcomer describes a subscriber that joins a stream.
type Newcomer struct {
	Form  frame.Form
	Lines bool // events are written as lines of NDJSON, without notices
	// LastEventID is the cursor as the client sent it; "" is none.
	LastEventID string
	Malformed   bool // LastEventID cannot be an id that the bridge has sent
	// Retired says that the subscriber itself is about to end, so that it may join a stream that is retired.
	Retired bool
}
