package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Settings say how a stream is shared. They do not change while it is.
type Settings struct {
	// Label names the stream's route to the [Hooks].
	Label string
	// Bounds are those of the log. Their Bytes bound the last-value cache of [LatestBy] too, on its own.
	Bounds replay.Bounds
	// LateJoin is what a subscriber gets that comes without a cursor, or with one that cannot be resumed from.
	LateJoin LateJoin
	// Skip lets a subscriber that is slow go on as a newcomer does. Otherwise it is ended with Slow.
	Skip bool
	Slow pump.End
	// Linger is how long the stream stays after its last subscriber has left; where it is not positive, not at all.
	Linger time.Duration
	// MaxAge is how long an upstream stream is read, minus up to 20 % at random, before another one is opened; 0 is for ever.
	MaxAge time.Duration
	// Retry is the reconnection time that subscribers were told when they came, before jitter; 0 is none. Unless Skip is set, a
	// shorter one is told them where the log reaches back too short a time for it.
	Retry time.Duration
	// Backoff spaces the attempts to reopen the upstream.
	Backoff backoff.Policy
	// HasID says that events bring ids of their own; otherwise an event's id is its position, "epoch-offset".
	HasID bool
	// Resumes says that the upstream takes a cursor: the id of the newest event, where a stream that broke is opened again. It
	// is never told what a subscriber came with.
	Resumes bool
}

// Newcomer is who joins a stream.
type Newcomer struct {
	Form  frame.Form
	Lines bool // events are lines of NDJSON, and notices are left out
	// LastEventID is the cursor as the client sent it, "" where it sent none.
	LastEventID string
	Malformed   bool // LastEventID is no id that was ever sent
}
