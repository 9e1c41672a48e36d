package pump

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Cursor is a subscriber's place in a sequence of finished frames. Run is its only caller.
type Cursor interface {
	// Ready holds a value when Take may have something new to return.
	Ready() <-chan struct{}
	// Take returns everything between the cursor and the head, and moves the cursor there. The bytes are valid until the
	// next call; Run calls until nothing is left, so that they are given back.
	Take() Batch
}

// Batch is what a cursor had ready.
type Batch struct {
	Frames []byte // whole frames, one after the other
	Events int    // how many
	End    *End   // not nil where nothing follows
}

// End is the last thing that a subscriber is told.
type End struct {
	// Frame is the rendered status.
	Frame []byte
	// Comeback is the reconnection time to tell the browser, not jittered yet; 0 leaves it alone.
	Comeback time.Duration
	// Reason names who ended the stream; the pump only hands it on.
	Reason string
}

// Settings say how to serve one subscriber.
type Settings struct {
	// Retry is the reconnection time that the first write tells the browser, not jittered yet; 0 says nothing.
	Retry time.Duration
	// Comment opens a stream on which nothing is ready yet, and is written after Heartbeat without traffic. A format that
	// knows no comments leaves it empty: then nothing is.
	Comment   []byte
	Heartbeat time.Duration
	// MaxAge ends the stream with AgeEnd after this time, minus up to 20 % at random; 0 is never.
	MaxAge time.Duration
	AgeEnd End
	// Drain, when it is closed, ends the stream with DrainEnd at a random moment before DrainBy.
	Drain    <-chan struct{}
	DrainBy  func() time.Time
	DrainEnd End
}

// Outcome is how a subscriber's stream went.
type Outcome struct {
	Reason string // that of the End, or [Gone], or [Slow]
	Events int
	Bytes  int64
	Err    error // of the write, where one failed
}

// The reasons that the pump itself finds.
const (
	Gone = "gone" // the client went away
	Slow = "slow" // a write failed: the client took nothing in time, or its connection broke
)

// Run writes to conn what cur has, until the end that cur knows, the context's (the client has left), a drain or old age.
// It writes at once: what is ready, or else a comment, so that the client sees its stream open.
func Run(ctx context.Context, conn Conn, cur Cursor, s Settings) Outcome {
	p := &pump{conn: conn}
	beat := time.NewTimer(s.Heartbeat)
	defer beat.Stop()
	life := newLifetime(s)
	defer life.stop()
	reason, over := p.begin(cur.Take(), s)
	always := make(chan struct{})
	close(always)
	more := always // nil once the cursor had nothing left; a stream that never pauses must see the other cases too
	for !over {
		select {
		case <-ctx.Done():
			reason, over = Gone, true
		case <-cur.Ready():
			more = always
		case <-more:
			b := cur.Take()
			if len(b.Frames) == 0 && b.End == nil {
				more = nil
			}
			reason, over = p.deliver(b)
		case <-beat.C:
			rest := s.Heartbeat - time.Since(p.lastWrite)
			if rest <= 0 {
				rest = s.Heartbeat
				over, reason = len(s.Comment) > 0 && !p.write(s.Comment, 0), Slow
			}
			beat.Reset(rest)
		case <-life.drain:
			life.drainNow(s)
		case <-life.over():
			if reason, over = p.deliver(cur.Take()); !over {
				reason, over = p.finish(life.end), true
			}
		}
	}
	return Outcome{Reason: reason, Events: p.events, Bytes: p.bytes, Err: p.err}
}

type pump struct {
	conn      Conn
	buf       []byte // what finish and begin put together
	lastWrite time.Time
	events    int
	bytes     int64
	err       error // of the write that failed
}

// begin writes the first batch, with the reconnection time in the block of its first event. An end may bring its own; one
// that does not is followed by a reconnect all the same, which is the browser's last. Where nothing is ready yet, that line
// follows the opening comment: in a block of its own it would reach some clients as an event.
func (p *pump) begin(b Batch, s Settings) (reason string, over bool) {
	if b.Events == 0 && b.End != nil {
		end := *b.End
		if end.Comeback == 0 {
			end.Comeback = s.Retry
		}
		b.End = &end
		return p.deliver(b)
	}
	var first []byte
	if b.Events == 0 {
		first = append(first, s.Comment...)
	}
	if s.Retry > 0 {
		first = sse.AppendRetry(first, Jitter(s.Retry))
	}
	b.Frames = append(first, b.Frames...)
	if len(b.Frames) == 0 && !p.write(nil, 0) { // the response's header goes out all the same
		return Slow, true
	}
	return p.deliver(b)
}

// deliver writes a batch, in one write with its end, and says whether that was all.
func (p *pump) deliver(b Batch) (reason string, over bool) {
	switch {
	case b.End != nil:
		p.buf = append(p.buf[:0], b.Frames...)
		p.events += b.Events
		return p.finish(*b.End), true
	case len(b.Frames) == 0:
		return "", false
	case !p.write(b.Frames, b.Events):
		return Slow, true
	}
	return "", false
}

// finish writes what p.buf holds and the end behind it, in one write.
func (p *pump) finish(e End) string {
	if e.Comeback > 0 {
		p.buf = sse.AppendRetry(p.buf, Jitter(e.Comeback))
	}
	p.buf = append(p.buf, e.Frame...)
	if !p.write(p.buf, 0) {
		return Slow
	}
	return e.Reason
}

func (p *pump) write(b []byte, events int) bool {
	if p.err = p.conn.Write(b); p.err != nil {
		return false
	}
	p.lastWrite = time.Now()
	p.events += events
	p.bytes += int64(len(b))
	return true
}

// Jitter returns d plus or minus up to 20 %, so that clients which were cut together do not come back together.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
