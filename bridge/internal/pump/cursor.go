package pump

import "time"

// Cursor is a subscriber's place in a sequence of finished pieces: events, each one or several whole blocks, as they stand on
// the subscriber's connection. One pump uses it; only Overdue may be called by others at the same time.
type Cursor interface {
	// Peek appends to dst whole pieces that follow the cursor: about limit bytes, or one piece of any size. They stay as they
	// are until the next Peek, which comes before the pump waits, so that memory is given back. The end is not nil where
	// nothing follows the pieces.
	Peek(dst [][]byte, limit int) (pieces [][]byte, end *End)
	// Advance moves the cursor behind the first n pieces of the last Peek, and returns how many events they hold.
	Advance(n int) (events int)
	// Interjected says that the pump has written something of its own since the last Advance: what the client has read last is
	// not the cursor's any more, and the next piece must not refer to it.
	Interjected()
	// Overdue reports that a subscriber that has taken nothing for a while is so far behind that it is to be cut off.
	Overdue() bool
	// Topic is where the cursor learns that there is more. All cursors of one shared stream have the same one.
	Topic() Topic
}

// Topic is a sequence of pieces that grows. Its methods may be called concurrently.
type Topic interface {
	// Watch makes notify be called whenever Peek may have something new: from any goroutine, so it must not wait. What comes
	// before Watch returns may have been missed: whoever watches peeks once. After stop returns, no call begins.
	Watch(notify func()) (stop func())
}

// End is the last thing that a subscriber is told.
type End struct {
	// Frame is the rendered status, a plain block.
	Frame []byte
	// Comeback is the reconnection time to tell the browser, not jittered yet; 0 leaves it alone.
	Comeback time.Duration
	// Reason names who ended the stream; the pump only hands it on.
	Reason string
	// Detail is whoever's that made the end; the pump only hands it on.
	Detail any
}
