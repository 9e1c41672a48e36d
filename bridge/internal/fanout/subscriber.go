package fanout

import (
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Subscriber is one client's place on a shared stream. It is the [pump.Cursor] of one pump, which calls the methods of that
// interface as the interface asks. The other methods may be called concurrently. A subscriber has no goroutine, timer or
// channel of its own.
type Subscriber struct {
	stream *stream

	// The stream's lock guards these.
	pos    replay.Position // the position of the next event; zero until the subscriber has a place
	walk   uint64          // the offset from which the last values up to pos are read; walked where all are read
	via    *catchUp        // what it reads from before it reads the log; nil once it reads the log
	viaAt  uint32          // the index of its next event in via
	own    uint32          // for how many events from its place on the pace of the stream does not hold: a round of its own
	lastID string          // the id of the newest event that it has passed, or the one that it came with; "" is none
	batch  *batch          // what its last Peek gave it, until Advance; nil is nothing
	told   uint32          // the number of the gap whose begin it was told and whose end it was not; 0 is none
	reset  ending.Reset    // the reset that it is told before the next event
	form   frame.Form
	lines  bool
	halved uint8 // how often the reconnection time that it was told last is halved
	early  bool  // it came before the upstream had accepted: it gets all events
	// anchored says that the client has an id that stands for its place: the id that it came with, or the id of a later event
	// or cursor.
	anchored bool
	// started says that the subscriber has read from its place. Until then it is not late: where the place is lost, it gets
	// another one.
	started  bool
	linked   bool // the event before pos was the last thing written on its connection, so the next event may refer to it
	near     bool // it has been less than half of the log behind
	caught   bool // its client has been less than half of the log behind, without the events that the client had not taken
	behind   bool // it was overdue, and skips at its next read
	ahead    bool // pos is behind the end of the log, and is not checked yet
	doubtful bool // pos is the end of a snapshot whose last event may be an old one
	closed   bool
	drained  bool // its last Advance has passed all that there was at the last Peek
	// resumed says how it went on after the id that it came with. What happens to it later does not count.
	resumed  ending.Resumed
	reported bool      // the hook was called for resumed, or there is nothing to report
	late     *lateness // nil while it is not late
}

var (
	_ pump.Cursor  = (*Subscriber)(nil)
	_ pump.Drained = (*Subscriber)(nil)
)

// subscribe returns a new subscriber. The subscriber has a place at once where the upstream has accepted.
func (st *stream) subscribe(n Newcomer, open func() (Settings, reading.Upstream)) (s *Subscriber) {
	st.update(func() { s = st.newSubscriber(n, open) })
	return s
}

// newSubscriber is subscribe with the stream's lock held.
func (st *stream) newSubscriber(n Newcomer, open func() (Settings, reading.Upstream)) *Subscriber {
	s := &Subscriber{stream: st, walk: walked, form: n.Form, lines: n.Lines}
	s.lastID = strings.Clone(n.LastEventID[:min(len(n.LastEventID), sse.MaxIDBytes)]) // a malformed id may be of any length
	if st.isFilling() {
		s.wait(n.Malformed, open)
		return s
	}
	s.begin(n.Malformed, !st.accepted, open)
	return s
}

// begin decides where the subscriber begins. Where the upstream has accepted, the subscriber gets its place.
func (s *Subscriber) begin(malformed, early bool, open func() (Settings, reading.Upstream)) {
	st := s.stream
	s.early = early
	switch {
	case malformed:
		s.reset = ending.ResetInvalid
	case s.lastID != "":
		s.resume(open)
	}
	s.noteResumed()
	if st.accepted && !s.anchored {
		s.place()
	}
}

// noteResumed notes how a new subscriber goes on after the id that it came with.
func (s *Subscriber) noteResumed() {
	switch {
	case s.reset != ending.NoReset:
		s.resumed = ending.ByReset(s.reset)
	case s.via != nil:
		s.resumed.From = ending.ResumedFromCatchUp
	case s.anchored:
		s.resumed.From = ending.ResumedFromLog
	}
	s.reported = s.resumed.From == ending.ResumedNot
}

// report calls the hook once for how the subscriber went on, unless that may change yet. The stream's lock is held.
func (s *Subscriber) report() {
	if !s.reported && !s.ahead && !s.doubtful {
		s.reported = true
		s.stream.registry.Hooks.resumed(s.stream, s.resumed)
	}
}

// Resumed returns how the subscriber went on after the id that it came with. This is known when the subscriber has read for the
// first time, and for a subscriber that catches up when that is over.
func (s *Subscriber) Resumed() ending.Resumed {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	return s.resumed
}

// Key returns what all subscribers of the stream have in common, and no others. It holds the key of the stream. It may be called
// concurrently with all other methods.
func (s *Subscriber) Key() string { return s.stream.identity }

// Opened reports whether an upstream has accepted what the subscriber reads, or the stream has ended.
func (s *Subscriber) Opened() bool {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.accepted || st.end != nil || s.via != nil && s.via.accepted
}

// Header returns the header of the newest upstream stream, which may be nil. Where only a catch-up was accepted, it is the header of
// that.
func (s *Subscriber) Header() reading.Header {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.accepted && s.via != nil {
		return s.via.header
	}
	return st.header
}

// End returns the end of the stream where the subscriber gets no event before it. End must not be called at the same time as
// Peek.
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
	return b.pieces(dst, s.form, s.lines), end // without the lock, because a form may have to be made
}

// take returns what follows the subscriber's place, or nil where nothing follows.
func (s *Subscriber) take(limit int) (*batch, *pump.End) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.drop()
	b := batches.Get().(*batch)
	end := s.gather(b, limit)
	s.begun()
	if b.empty() {
		b.recycle()
		return nil, end
	}
	s.batch = b
	return b, end
}

// begun notes that the subscriber has read from its place, where it has one. A look of End is no read: the client may not even
// have the header of its response then.
func (s *Subscriber) begun() {
	if s.pos.Epoch != "" && s.via == nil {
		s.started = true
		s.report()
	}
}

// drop gives back the batch, if the subscriber has one.
func (s *Subscriber) drop() {
	if s.batch != nil {
		s.batch.recycle()
		s.batch = nil
	}
}

// Lag implements [pump.Cursor]. The events of a catch-up are from before the subscriber came.
func (s *Subscriber) Lag(came time.Time) (lag pump.Lag) {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	if s.batch == nil || len(s.batch.events) == 0 || s.via != nil {
		return lag
	}
	first, last := &s.batch.events[0], &s.batch.events[len(s.batch.events)-1]
	if first.At().After(came) {
		lag.Received = st.received(first)
	}
	if epoch := last.Epoch(); epoch == s.pos.Epoch {
		behind := replay.Position{Epoch: epoch, Offset: max(s.pos.Offset, last.Offset+1)}
		lag.Behind = st.log.CountNewest(behind, s.upTo())
	}
	return lag
}

// Advance implements [pump.Cursor]. It is called at most once after a Peek.
func (s *Subscriber) Advance(n int) (events int) {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	defer s.drop()
	b := s.batch
	s.drained = false
	if b == nil {
		return 0
	}
	if n > 0 && b.live != nil {
		s.told, s.linked = 0, false
		n--
	}
	if n > 0 && b.reset != nil {
		s.stream.registry.Hooks.reset(s.stream, s.reset)
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
	s.drained = b.whole && events > 0 && events == len(b.events)
	return events
}

// Drained implements [pump.Drained].
func (s *Subscriber) Drained() bool { return s.drained }

// Interjected implements [pump.Cursor].
func (s *Subscriber) Interjected() {
	s.stream.mu.Lock()
	defer s.stream.mu.Unlock()
	s.linked = false
}

// pass moves the place behind events. The stream's lock is held.
func (s *Subscriber) pass(events []replay.Entry) {
	s.anchored = true
	last := &events[len(events)-1]
	for i := len(events) - 1; i >= 0; i-- {
		if id := s.stream.idOf(&events[i]); id != "" {
			s.lastID = id
			break
		}
	}
	if s.via != nil {
		s.stream.noteSkipped(uint64(s.viaAt), events)
		s.use(last.Offset + 1 - uint64(s.viaAt))
		s.viaAt, s.linked = uint32(last.Offset)+1, true
		return
	}
	if last.Offset < s.pos.Offset { // the events are last values
		s.walk, s.linked = last.Offset+1, false
		return
	}
	s.stream.noteSkipped(s.pos.Offset, events)
	s.use(last.Offset + 1 - s.pos.Offset)
	s.pos.Offset, s.walk, s.linked = last.Offset+1, walked, true
	s.settle()
}

// Topic implements [pump.Cursor]. A subscriber that catches up has another topic than the others.
func (s *Subscriber) Topic() pump.Topic {
	if c := s.via; c != nil { // only Peek and End, which are not called at the same time, change via
		return c
	}
	return s.stream
}

// Close ends the subscription. The subscriber reads nothing after it. A second call changes nothing.
func (s *Subscriber) Close() {
	st := s.stream
	closed := false
	st.update(func() {
		closed = s.closed
		s.ahead, s.doubtful = false, false // nothing changes any more
		s.report()
		s.closed, s.batch, s.lastID = true, nil, ""
		s.leaveCatchUp()
		delete(st.waiters, s)
		st.tellSuperseded()
	})
	if !closed {
		st.registry.leave(st)
	}
}
