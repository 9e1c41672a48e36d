package reading

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Upstream opens and reads upstream streams, one at a time.
type Upstream interface {
	// Run opens one stream and hands what it brings to the sink, until the stream is over or ctx is. It returns soon after that.
	// It does not panic.
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
	// Event takes an event. After an error, the upstream stream is of no more use.
	Event(ctx context.Context, e *Event) error
}

// Header is the metadata that an upstream stream began with, by lower-case name. It does not change.
type Header map[string][]string

// Event is a message of the upstream as the beginning of a block: what closes the block is up to the sink. The slices are the
// upstream's own: their contents change after the call. The sink may append to Block and leave the result there.
type Event struct {
	Block []byte // head and data, without a line end: "event: quote\ndata: {…}", or the data alone
	Data  int    // where the line of the data begins in Block
	ID    []byte // the value of the id that the message has; empty for none
	Key   []byte // what the event is the newest value of, on a shared stream; empty for nothing
	Mark  bool   // whether newcomers to a shared stream may be shown the stream from here on
}

// Fate is what follows the end of an upstream stream.
type Fate uint8

const (
	// Over ends the stream: its clients are told the end.
	Over Fate = iota
	// Broken means that the upstream may be opened again. Clients are told the end only where it is not.
	Broken
	// Refused means that the upstream does not take the cursor. Where there was one, and no event yet, the upstream is opened
	// again without it; otherwise the stream is Over.
	Refused
)

// Result is how an upstream stream ended.
type Result struct {
	Fate Fate
	End  pump.End // what clients are told, where they are
}
