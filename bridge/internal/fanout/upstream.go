package fanout

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Upstream opens and reads upstream streams, one at a time.
type Upstream interface {
	// Run opens one stream and hands what it brings to the sink, until the stream is over or ctx is; it returns soon after that.
	// What it returns after ctx has ended is not looked at. It does not panic.
	Run(ctx context.Context, a Attempt, sink Sink) Result
}

// Attempt says how to open an upstream stream.
type Attempt struct {
	Cursor    string // the value of the id to go on after
	HasCursor bool
	Reopening bool // an earlier attempt was accepted
}

// Sink takes what an upstream stream brings. One goroutine uses it, until Run returns.
type Sink interface {
	// Accepted says that the upstream has begun to answer, with this header. An event says so too.
	Accepted(header Header)
	// Event appends an event to the log. It never waits for a subscriber. After an error, which is the log's or the context's,
	// the stream is of no more use.
	Event(ctx context.Context, e Event) error
}

// Header is the metadata that an upstream stream began with, by lower-case name. It does not change.
type Header map[string][]string

// Event is what an upstream brings: an event without its id. Its bytes may change after the call.
type Event struct {
	Block []byte // head and data, as [sse.AppendHead] and its caller leave them: without a line end
	Data  int    // where "data: " begins in it
	ID    []byte // the value of the id that the message has; empty for none
	Key   []byte // what the event is the newest value of, for [LatestBy]; empty for nothing
	Mark  bool   // whether newcomers are shown the stream from here on, for [Since]
}

// Fate is what follows the end of an upstream stream.
type Fate uint8

const (
	// Over ends the shared stream: its subscribers are told the end.
	Over Fate = iota
	// Broken means that the stream may be opened again. Its subscribers are told the end only where it is not.
	Broken
	// Refused means that the upstream does not take the cursor. Where there was one, and no event yet, the stream is opened
	// again without it; otherwise it is Over.
	Refused
)

// Result is how an upstream stream ended.
type Result struct {
	Fate Fate
	End  pump.End // what subscribers are told, where they are
}
