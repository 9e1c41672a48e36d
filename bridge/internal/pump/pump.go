package pump

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Outcome is how a subscriber's stream went.
type Outcome struct {
	// Reason is that of the end, or what the pump found itself: [ending.ByGone] where the client closed or reset the connection, and
	// [ending.BySlow] where a write failed, since the client took nothing in time or its connection broke otherwise.
	Reason ending.Reason
	End    *End  // the one that the subscriber was told, nil where it was told none
	Events int   // how many events were written
	Bytes  int64 // of the body, as they were written
	Err    error // of the write that failed, nil where none did
}

// Run writes to conn what cur has. It returns at cur's end, when ctx ends (the client has left), at a drain, or at the maximum
// age. The first write comes at once: events that are ready, or else a comment, so that the client sees its stream open.
func Run(ctx context.Context, conn Conn, cur Cursor, s *Settings) Outcome {
	p := &pump{conn: conn, cur: cur, s: s}
	ready := make(chan struct{}, 1)
	stop := cur.Topic().Watch(func() {
		wake(ready)
		if p.stuck() && cur.Overdue() {
			p.overdue.Store(true)
			conn.Abort()
		}
	})
	defer stop()
	defer context.AfterFunc(ctx, conn.Abort)() // a write must not wait for a client that has left
	beat := time.NewTimer(s.Heartbeat)
	defer beat.Stop()
	life := newLifetime(s)
	defer life.stop()
	over := p.begin()
	always := make(chan struct{})
	close(always)
	more := always // nil once the cursor has nothing left. A stream that never pauses must see the other cases too
	for !over {
		select {
		case <-ctx.Done():
			p.out.Reason, over = ending.ByGone, true
		case <-ready:
			more = always
		case <-more:
			if p.peek(); len(p.pieces) == 0 && p.end == nil {
				more = nil
			}
			over = p.deliver()
		case <-beat.C:
			rest := s.Heartbeat - time.Since(p.lastWrite)
			if rest <= 0 {
				rest = s.Heartbeat
				over = !p.beat()
			}
			beat.Reset(rest)
		case <-life.drain:
			life.drainNow(s)
		case <-life.over():
			p.peek()
			if over = p.deliver(); !over {
				over = p.finish(life.end, false)
			}
		}
	}
	return p.out
}

// batchBytes is about how many bytes one write carries at most.
const batchBytes = 64 << 10

type pump struct {
	conn      Conn
	cur       Cursor
	s         *Settings
	writing   atomic.Int64 // when the write began that is under way, in Unix nanoseconds; 0 where none is
	overdue   atomic.Bool  // the connection was aborted since the subscriber was overdue
	pieces    [][]byte     // of the last peek, and those that the pump adds
	own       int          // how many the pump added
	end       *End         // of the last peek
	lastWrite time.Time
	out       Outcome
}

func (p *pump) peek() { p.pieces, p.end = p.cur.Peek(p.pieces[:0], batchBytes) }

// begin writes the opening and the first batch, and reports whether the stream is over. Where nothing is ready, the response's
// header goes out with the opening alone.
func (p *pump) begin() (over bool) {
	p.peek()
	if len(p.pieces) == 0 && p.end != nil {
		return p.finish(p.end, true)
	}
	first := p.s.opening(nil, len(p.pieces) == 0)
	p.pieces, p.own = append([][]byte{first}, p.pieces...), 1
	if p.end != nil {
		return p.finish(p.end, false)
	}
	return !p.write()
}

// deliver writes a batch, in one write with its end, and reports whether the stream is over.
func (p *pump) deliver() (over bool) {
	switch {
	case p.end != nil:
		return p.finish(p.end, false)
	case len(p.pieces) == 0:
		return false
	}
	return !p.write()
}

// finish writes the last batch and the end behind it, in one write. alone says that nothing was written before.
func (p *pump) finish(e *End, alone bool) (over bool) {
	p.pieces = append(p.pieces, p.s.closing(nil, *e, alone))
	p.own++
	if p.write() {
		p.out.Reason, p.out.End = e.Ending.Reason, e
	}
	return true
}

// beat writes a heartbeat, and reports false where the connection broke.
func (p *pump) beat() bool {
	b := p.s.heartbeat(nil)
	if len(b) == 0 {
		return true
	}
	p.pieces, p.own = append(p.pieces[:0], b), 1
	p.cur.Interjected()
	return p.write()
}

// write writes the pieces, and moves the cursor behind its own. It reports false where the connection broke.
func (p *pump) write() bool {
	p.writing.Store(time.Now().UnixNano())
	p.out.Err = p.conn.Write(p.pieces...)
	p.writing.Store(0)
	if p.out.Err != nil {
		if p.out.Reason = reasonOf(p.out.Err); p.overdue.Load() {
			p.out.Reason = ending.BySlow
		}
		return false
	}
	p.lastWrite = time.Now()
	for _, b := range p.pieces {
		p.out.Bytes += int64(len(b))
	}
	p.out.Events += p.cur.Advance(len(p.pieces) - p.own)
	p.forget()
	return true
}

// keptPieces is how many pieces an idle subscriber keeps room for.
const keptPieces = 16

// forget lets go of the pieces that were written.
func (p *pump) forget() {
	clear(p.pieces)
	if p.pieces, p.own = p.pieces[:0], 0; cap(p.pieces) > keptPieces {
		p.pieces = nil
	}
}

// overduePatience is how long a client that is too far behind may take nothing before it is cut off. A burst may be larger than
// a socket's buffer, so that even the fastest client takes nothing for a moment.
const overduePatience = 250 * time.Millisecond

// stuck reports whether a write has waited for the client for a while. It may be called concurrently.
func (p *pump) stuck() bool {
	since := p.writing.Load()
	return since != 0 && time.Now().UnixNano()-since >= int64(overduePatience)
}
