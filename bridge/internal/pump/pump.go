package pump

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Outcome is how a subscriber's stream went.
type Outcome struct {
	// Reason is the reason of the end, or what the pump found itself. That is [ending.ByGone] where the client closed or reset
	// the connection. It is [ending.BySlow] where a write failed, because the client took nothing in time or its connection
	// broke in another way.
	Reason ending.Reason
	End    *End  // the end that the subscriber was told; nil is none
	Events int   // how many events were written
	Bytes  int64 // bytes of the body as written
	Err    error // the error of the write that failed; nil where none did
	// Cut is the end that the subscriber could not be told, because it took nothing. Reason is that of Cut then.
	Cut *End
}

// explain notes the end of a cursor that was cut, where the subscriber was not told of the end.
func (o *Outcome) explain(cur Cursor) {
	cut, ok := cur.(interface{ Cut() *End })
	if !ok || o.End != nil {
		return
	}
	if end := cut.Cut(); end != nil {
		o.Cut, o.Reason = end, end.Ending.Reason
	}
}

// batchBytes is about how many bytes one write carries at most.
const batchBytes = 64 << 10

type pump struct {
	conn     Conn
	cur      Cursor
	follower *Follower
	s        *Settings
	control  *Control // may be nil
	began    time.Time
	life     lifetime
	writing  atomic.Bool // a write is under way
	overdue  atomic.Bool // the connection was aborted because the subscriber was overdue
	pieces   [][]byte    // the pieces of the last peek, and those that the pump adds
	own      int         // how many pieces the pump added
	end      *End        // the end of the last peek
	// quietSince is when the last write ended. It bounds when the next heartbeat is due.
	quietSince time.Time
	out        Outcome

	mu     sync.Mutex // guards the fields below; held at the end of a write until the cursor has passed what was written
	uptake uptake
	taken  int           // how many bytes of the present write the client has taken
	tookAt time.Duration // when taken last grew
	size   int           // bytes of the last write
}

func (p *pump) peek() {
	p.pieces, p.end = p.cur.Peek(p.pieces[:0], batchBytes)
	p.follower.Follow()
}

// begin writes the opening and the first batch, and reports whether the stream is over. Where no event is ready, the response's
// header goes out with the opening alone.
func (p *pump) begin() (over bool) {
	p.peek()
	if len(p.pieces) == 0 && p.end != nil {
		return p.finish(p.end, true)
	}
	first := p.s.opening(nil, len(p.pieces) == 0, p.cur)
	p.pieces, p.own = append([][]byte{first}, p.pieces...), 1
	if p.end != nil {
		return p.finish(p.end, false)
	}
	return !p.write()
}

// deliver writes a batch, together with the end where there is one. It reports whether the stream is over.
func (p *pump) deliver() (over bool) {
	switch {
	case p.end != nil:
		return p.finish(p.end, false)
	case len(p.pieces) == 0:
		return false
	}
	return !p.write() || p.cutOff()
}

// finish writes the last batch and the end behind it in one write. alone says that nothing was written before.
func (p *pump) finish(e *End, alone bool) (over bool) {
	p.pieces = append(p.pieces, p.s.closing(nil, *e, alone))
	p.own++
	if p.write() {
		p.out.Reason, p.out.End = e.Ending.Reason, e
	}
	return true
}

// beat writes a heartbeat. It reports false where the connection broke.
func (p *pump) beat() bool {
	p.pieces, p.own = append(p.pieces[:0], p.s.heartbeat(nil)), 1
	p.cur.Interjected()
	return p.write()
}

// speak writes the blocks that the control says. It reports false where the connection broke.
func (p *pump) speak(control *Control) bool {
	words := control.spoken(nil)
	if len(words) == 0 || p.s.Mute {
		return true
	}
	p.pieces, p.own = append(p.pieces[:0], p.s.Form.Append(nil, words)), 1
	p.cur.Interjected()
	control.wrote(len(words))
	return p.write()
}

// write writes the pieces, and moves the cursor behind its own pieces. It reports false where the connection broke.
func (p *pump) write() bool {
	p.beginWrite()
	p.out.Err = p.conn.Write(p.pieces...)
	if p.out.Err != nil {
		if p.out.Reason = reasonOf(p.out.Err); p.overdue.Load() {
			p.out.Reason = ending.BySlow
		}
		return false
	}
	p.endWrite()
	p.forget()
	return true
}

func (p *pump) beginWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken, p.tookAt = p.conn.Taken()-p.size, time.Since(p.began)
	p.writing.Store(true)
}

// endWrite notes what was written.
func (p *pump) endWrite() {
	size := 0
	for _, b := range p.pieces {
		size += len(b)
	}
	now, seen := time.Now(), look{}
	if len(p.pieces) > p.own {
		seen = p.s.look(p.cur, p.control, p.out.Events, now)
	}
	events := p.pass(size, now)
	p.s.count(events, size, &seen)
}

// pass moves the cursor behind its pieces of a write, and returns how many events they hold.
func (p *pump) pass(size int, now time.Time) (events int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing.Store(false)
	p.size, p.quietSince = size, now
	events = p.cur.Advance(len(p.pieces) - p.own)
	p.uptake.wrote(size, events)
	p.out.Bytes += int64(size)
	p.out.Events += events
	return events
}

// cutOff cuts off the client between two writes if it is overdue, and reports whether it did. Such a client may have no write
// waiting for it, because the kernel may take bytes that the client does not take.
func (p *pump) cutOff() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.uptake.due(p.quietSince.Sub(p.began)) || !p.cur.Overdue(p.uptake.lacking(p.size-p.conn.Taken()), false) {
		return false
	}
	p.conn.Abort()
	p.out.Reason, p.out.Err = ending.BySlow, cmp.Or(p.conn.Write(), errOverdue)
	return true
}

// watch cuts off the client if it is overdue and a write waits for it. watch may be called concurrently.
func (p *pump) watch() {
	if p.writing.Load() && p.late() {
		p.overdue.Store(true)
		p.conn.Abort()
	}
}

// late reports whether the client is overdue while a write waits for it. The cursor has not passed yet what the client has
// taken of that write.
func (p *pump) late() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Since(p.began)
	if !p.writing.Load() || !p.uptake.due(now) {
		return false
	}
	if taken := p.conn.Taken(); taken > p.taken {
		p.taken, p.tookAt = taken, now
	}
	return p.cur.Overdue(p.uptake.lacking(-p.taken), now-p.tookAt >= OverduePatience)
}

// keptPieces is for how many pieces an idle subscriber keeps room.
const keptPieces = 16

// forget drops the pieces that were written.
func (p *pump) forget() {
	clear(p.pieces)
	if p.pieces, p.own = p.pieces[:0], 0; cap(p.pieces) > keptPieces {
		p.pieces = nil
	}
}
