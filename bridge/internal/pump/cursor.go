package pump

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Cursor is a subscriber's place in a sequence of finished pieces. A piece is one or several whole blocks, in the form in which
// they are written to the subscriber's connection. One pump uses a cursor; only Overdue may be called concurrently.
type Cursor interface {
	// Peek appends to dst whole pieces that follow the cursor: about limit bytes, or one piece of any size. The pieces do not
	// change until the next Peek. The pump calls Peek before it waits, so that the cursor can give memory back. The end is not
	// nil where nothing follows the pieces.
	Peek(dst [][]byte, limit int) (pieces [][]byte, end *End)
	// Advance moves the cursor behind the first n pieces of the last Peek, and returns how many events they hold.
	Advance(n int) (events int)
	// Interjected says that the pump has written something of its own since the last Advance. The client's last bytes are then
	// not the cursor's, and the next piece must not refer to the piece before it.
	Interjected()
	// Overdue reports whether the client is so far behind, and without hope of catching up, that it is to be cut off. lacks is
	// about how many of the events before the cursor the client has not taken; it is negative where the client has taken events
	// that the cursor has yet to pass. stalled says that the client has taken nothing for [OverduePatience]. The pump asks at
	// most once in that time.
	Overdue(lacks int, stalled bool) bool
	// Retry returns the reconnection time that the client is to be told in place of the one given, which is not 0.
	Retry(given time.Duration) time.Duration
	// Topic is where the cursor learns that there is more. All cursors of one shared stream have the same one.
	Topic() Topic
}

// Topic is a sequence of pieces that grows. Its methods may be called concurrently.
type Topic interface {
	// Watch calls notify whenever Peek may have something new, until stop. notify is called from any goroutine and must not
	// wait. It may miss what comes before Watch returns, so the caller peeks once afterwards. After stop has returned, no
	// call begins.
	Watch(notify func()) (stop func())
}

// End is the last thing that a subscriber is told.
type End struct {
	// Ending is why the stream is over. The pump copies its reason to the [Outcome].
	Ending *ending.Ending
	// Frame is the ending as the client reads it, a plain block.
	Frame []byte
	// RetryDelay is the reconnection time that the browser is told, before jitter. 0 tells none.
	RetryDelay time.Duration
}

// NewEnd returns an ending as the last thing that a subscriber is told, with a reconnection time, before jitter; 0 tells none.
func NewEnd(e *ending.Ending, retryDelay time.Duration) End {
	return End{Ending: e, Frame: e.Frame(), RetryDelay: retryDelay}
}
