package pump

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Cursor is a subscriber's place in a sequence of finished pieces. A piece is one or several whole blocks, in the form in which
// they are written to the subscriber's connection. One pump uses a cursor; only Overdue may be called concurrently.
type Cursor interface {
	// Peek appends to dst whole pieces that follow the cursor: about limit bytes, or one piece of any size. The pieces do not
	// change until the next Peek. The pump calls Peek before it waits, so that the cursor can give memory back, unless
	// [Drained.Drained] says that nothing follows. end is not nil where nothing follows the pieces.
	Peek(dst [][]byte, limit int) (pieces [][]byte, end *End)
	// Advance moves the cursor behind the first n pieces of the last Peek, and returns how many events they hold.
	Advance(n int) (events int)
	// Lag says how late the pieces of the last Peek are, for a client that came at a time. The pump calls it for some of its
	// writes, between Peek and Advance.
	Lag(came time.Time) Lag
	// Interjected says that the pump has written a piece of its own since the last Advance. So the client's last bytes are not
	// the cursor's, and the next piece must not refer to the piece before it.
	Interjected()
	// Overdue reports whether the client is to be cut off, because it is too far behind and does not catch up. lacks is about
	// how many of the events before the cursor the client has not taken. It is negative where the client has taken events that
	// the cursor has yet to pass. stalled says that the client has taken nothing for [OverduePatience]. The pump asks at most
	// once in that time. It may first ask with the most that the client can lack, and once more after a true with what the
	// client lacks.
	Overdue(lacks int, stalled bool) bool
	// Retry returns the reconnection time that the client is told in place of the given one, which is not 0.
	Retry(given time.Duration) time.Duration
	// Topic returns what tells of new pieces. Several cursors may have the same topic. A call of Peek may change the topic. The
	// pump asks after each Peek, on the goroutine that called Peek, so Topic must be cheap. Where the topic has changed, the
	// pump stops watching the old one, watches the new one, and peeks once more.
	Topic() Topic
}

// Hurried is a [Cursor] that may hold pieces back for a while, so that it has many at once.
type Hurried interface {
	// Hurry has the next Peek return all pieces that there are: the stream is about to end.
	Hurry()
}

// hurry has a cursor hold nothing back, because the stream is about to end.
func hurry(cur Cursor) {
	if held, ok := cur.(Hurried); ok {
		held.Hurry()
	}
}

// Drained is a [Cursor] that knows when nothing follows what it has passed, so that its pump need not peek again to find out. Such a
// cursor gives its memory back in Advance.
type Drained interface {
	// Drained reports whether the last Advance has passed all that there was at the last Peek, and the topic calls for everything that
	// may follow: events, the end, and what time brings. False is always right. The goroutine that has called Advance calls it.
	Drained() bool
}

// drained reports whether nothing follows what a cursor has passed with its last Advance. False says that Peek may have something.
func drained(cur Cursor) bool {
	d, ok := cur.(Drained)
	return ok && d.Drained()
}

// Abandoned is a [Cursor] that is told when its client has left, so that the stream can end before the connection is closed.
type Abandoned interface {
	// Abandon says that the client has left. It does not wait. The pump may call other methods of the cursor afterwards.
	Abandon()
}

// abandon tells a cursor that its client has left.
func abandon(cur Cursor) {
	if a, ok := cur.(Abandoned); ok {
		a.Abandon()
	}
}

// Topic is a sequence of pieces that grows. Its methods may be called concurrently. Topics are compared with ==.
type Topic interface {
	// Watch calls notify whenever Peek may have something new, until stop. notify is called from any goroutine and must not
	// wait. Changes before Watch returns may go without a call, so the caller peeks once afterwards. After stop has returned,
	// no call begins.
	Watch(notify func()) (stop func())
}

// End is the last thing that a subscriber is told.
type End struct {
	// Ending says why the stream is over. The pump copies its reason to the [Outcome].
	Ending *ending.Ending
	// Frame is the ending as a plain block.
	Frame []byte
	// RetryDelay is the reconnection time that the browser is told, before jitter. 0 tells none.
	RetryDelay time.Duration
}

// NewEnd returns the End for an ending. retryDelay is the reconnection time before jitter; 0 tells none.
func NewEnd(e *ending.Ending, retryDelay time.Duration) End {
	return End{Ending: e, Frame: e.Frame(), RetryDelay: retryDelay}
}
