package fanout

import (
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Subscriber is one client's place on a shared stream. It is the [pump.Cursor] of one pump, whose methods are called as that
// says; the other methods may be called concurrently. It has no goroutine, timer or channel of its own.
type Subscriber struct {
	stream *stream

	// The stream's lock guards these.
	pos    replay.Position // of the event that comes next; zero until it has a place
	walk   uint64          // goes through the last values up to pos, from this offset on; walked where it is through
	lastID string          // of the newest event that it has passed, or what it came with; "" none
	batch  *batch          // what it was given last and has not answered for, nil where there is none
	told   uint32          // the number of the gap that it was told of and that it does not know the end of, 0 none
	reset  ending.Reset    // what it is to be told before anything that follows
	form   frame.Form
	lines  bool
	halved uint8 // how often the reconnection time was halved that it was told last
	early  bool  // it came before the upstream had accepted: what that sends is all for it
	// Its client has an id of its place: the one that it came with, or that of an event or a cursor that it had since.
	anchored bool
	// It has read from its place. Until then it cannot be late: where the place is overtaken, it gets another one.
	started bool
	linked  bool // the event before pos is what its connection has had last, so that the next one can refer to it
	near    bool // it has been less than half of the log behind
	caught  bool // so has its client, with what it had not taken of what it was given
	behind  bool // it was overdue, and is to skip
	closed  bool
	late    *lateness // nil while it is not late
}

var _ pump.Cursor = (*Subscriber)(nil)

// subscribe returns a subscriber, which has a place at once where the upstream has accepted.
func (st *stream) subscribe(n Newcomer) *Subscriber {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := &Subscriber{stream: st, walk: walked, form: n.Form, lines: n.Lines, early: !st.accepted}
	s.lastID = strings.Clone(n.LastEventID[:min(len(n.LastEventID), sse.MaxIDBytes)]) // an id that is none may be of any length
	switch {
	case n.Malformed:
		s.reset = ending.ResetInvalid
	case s.lastID != "":
		s.resume()
	}
	if st.accepted && !s.anchored {
		s.place()
	}
	return s
}

// Opened returns what is closed once the upstream has accepted the stream, or the stream has ended.
func (s *Subscriber) Opened() <-chan struct{} { return s.stream.opened }

// Header returns what the newest upstream stream was accepted with, nil where none was.
func (s *Subscriber) Header() reading.Header {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	return s.stream.header
}

// End returns the stream's end where that is all the subscriber gets: no event comes before it. Whoever calls Peek calls it.
func (s *Subscriber) End() (end *pump.End, ok bool) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	b := batches.Get().(*batch)
	defer b.recycle()
	if end = s.gather(b, 1); end == nil || len(b.events) > 0 {
		return nil, false
	}
	return end, true
}

// Peek implements [pump.Cursor].
func (s *Subscriber) Peek(dst [][]byte, limit int) (pieces [][]byte, end *pump.End) {
	b, end := s.take(limit)
	if b == nil {
		return dst, end
	}
	return b.pieces(dst, s.form, s.lines), end // without the lock: a form may have to be made
}

// take returns what follows the subscriber's place, nil where nothing does.
func (s *Subscriber) take(limit int) (*batch, *pump.End) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.drop()
	b := batches.Get().(*batch)
	end := s.gather(b, limit)
	if b.empty() {
		b.recycle()
		return nil, end
	}
	s.batch = b
	return b, end
}

// drop gives back the batch, if there is one.
func (s *Subscriber) drop() {
	if s.batch != nil {
		s.batch.recycle()
		s.batch = nil
	}
}

// Advance implements [pump.Cursor]. It comes once after a Peek, or not at all.
func (s *Subscriber) Advance(n int) (events int) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	defer s.drop()
	b := s.batch
	if b == nil {
		return 0
	}
	if n > 0 && b.live != nil {
		s.told, s.linked = 0, false
		n--
	}
	if n > 0 && b.reset != nil {
		s.reset, s.linked = ending.NoReset, false
		n--
	}
	if n > 0 && b.cursor != nil {
		s.lastID, s.anchored, s.linked = b.id, true, false
		n--
	}
	if n > 0 && b.retry != nil {
		s.halved, s.linked = b.halved, false
		n--
	}
	if events = min(n, len(b.events)); events > 0 {
		s.pass(b.events[:events])
		n -= events
	}
	if n > 0 && b.stale != nil {
		s.told, s.linked = b.gap, false
	}
	return events
}

// Interjected implements [pump.Cursor].
func (s *Subscriber) Interjected() {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.linked = false
}

// pass moves the place behind events. The lock is held.
func (s *Subscriber) pass(events []*replay.Event) {
	s.anchored = true
	last := events[len(events)-1]
	for i := len(events) - 1; i >= 0; i-- {
		if id := events[i].ID; id != "" {
			s.lastID = id
			break
		}
	}
	if last.Offset < s.pos.Offset { // one of the last values
		s.walk, s.linked = last.Offset+1, false
		return
	}
	s.pos.Offset, s.walk, s.linked = last.Offset+1, walked, true
	s.settle()
}

// Topic implements [pump.Cursor].
func (s *Subscriber) Topic() pump.Topic { return s.stream }

// Close gives up the place. The subscriber has nothing more to read then. A second call changes nothing.
func (s *Subscriber) Close() {
	st := s.stream
	st.mu.Lock()
	closed := s.closed
	s.closed, s.batch, s.lastID = true, nil, ""
	st.mu.Unlock()
	if !closed {
		st.registry.leave(st)
	}
}
