package reading

import (
	"context"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// Upstream opens and reads upstream streams, one at a time.
type Upstream interface {
	// Run opens one stream, and passes its events to the sink until the stream or ctx ends. It returns soon after that, and does
	// not panic.
	Run(ctx context.Context, a Attempt, sink Sink) Result
}

// Attempt says how to open an upstream stream.
type Attempt struct {
	Cursor    string // the value of the id after which the stream must go on
	HasCursor bool
	Reopening bool // an earlier attempt was accepted
	// CatchingUp says that the upstream stream is a short one beside a shared stream. It ends soon, and its end says nothing about
	// the route.
	CatchingUp bool
}

// Sink receives the events of an upstream stream. The goroutine of [Upstream.Run] uses it.
type Sink interface {
	// Opened says that the request was sent. The upstream has not answered yet, and some answer only with their first message.
	// Accepted and Event imply Opened.
	Opened()
	// Accepted says that the upstream has accepted the stream, with this header, which may be nil. Calling Event implies it.
	Accepted(header Header)
	// Event receives an event. It may wait. After an error, the upstream stream must be closed.
	Event(ctx context.Context, e *Event) error
}

// Header is the response metadata of an upstream stream that clients may get, by lower-case name. It must not be changed.
type Header map[string][]string

// Event is a message of the upstream as the first lines of an SSE block. The sink adds the rest of the block. The slices belong
// to the upstream and are valid during the call. The sink may append to Block, and may store the result in Block.
type Event struct {
	Block []byte // the lines of the name and the data without the last line end: "event: quote\ndata: {…}", or the data alone
	Data  int    // the index in Block at which the line of the data begins
	ID    []byte // the value of the id, empty for an event without an id
	Key   []byte // on a shared stream: the key of which the event is the newest value, empty for none
	// Subject is, on a shared stream with a pace, what a newer event replaces; empty for none.
	Subject []byte
	Mark    bool // on a shared stream: a late joiner may begin with this event
}

// Fate says what must follow the end of an upstream stream.
type Fate uint8

const (
	// Over ends the stream: its clients receive the end.
	Over Fate = iota
	// Broken means that the upstream may be opened again. Clients receive the end only if it is not opened again.
	Broken
	// Refused means that the upstream refused the cursor. If the attempt had a cursor and no event has come yet, the upstream is
	// opened again without a cursor. Otherwise Refused means the same as Over.
	Refused
)

// Result is how an upstream stream ended.
type Result struct {
	Fate Fate
	End  pump.End // the end for the clients
}
