package fanout

import (
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// follow fills an empty batch with what follows the subscriber's place on its catch-up. on is false where the subscriber reads
// the log now. A batch never holds events of both. The stream's lock is held.
func (s *Subscriber) follow(b *batch, limit int) (end *pump.End, on bool) {
	c, st := s.via, s.stream
	events := c.trail.events
	switch {
	case c.meets.at.Epoch != "" && int(s.viaAt) >= c.meets.n: // it needs no events of the catch-up any more
		s.handOver(c.meets)
		return nil, false
	case c.state == lost:
		s.leaveCatchUp()
		s.strand(c.why, !st.accepted)
		return nil, false
	}
	atEnd := s.collectVia(b, limit)
	s.addNotices(b, atEnd && c.state != over)
	if s.linked && s.form.Encoding == frame.Gzip && len(b.events) > 0 && s.viaAt > 0 && !b.hasNotices() {
		prev := events[s.viaAt-1].Entry()
		b.prev = &prev
	}
	switch {
	case !atEnd:
		return nil, true
	case c.state == over:
		return c.end, true
	case c.state == met && st.endAt.Epoch == "": // the log's first epoch has not begun, and may never begin
		return st.end, true
	}
	return nil, true
}

// collectVia fills the batch with events of the catch-up. It reports whether the batch holds the last one that is shown.
func (s *Subscriber) collectVia(b *batch, limit int) (atEnd bool) {
	for at, to := int(s.viaAt), s.via.upTo(uint64(s.viaAt)+uint64(s.own)); at < to; {
		n := len(b.events)
		b.events, at = s.via.trail.read(b.events, at, to, readAtOnce)
		if b.cut(n, limit) {
			return false
		}
	}
	return true
}

// handOver gives the subscriber the place in the log that its place in the catch-up is. The subscriber may be ahead of the log.
// From then on the subscriber has begun to read from its place: where the log has lost that place, the subscriber was slow.
func (s *Subscriber) handOver(m meeting) {
	at := m.at
	at.Offset += uint64(int(s.viaAt) - m.n)
	s.leaveCatchUp()
	s.put(at)
	s.ahead, s.doubtful = at.Offset > m.at.Offset, m.doubtful
	s.anchored, s.started, s.linked = true, true, false
}

// leaveCatchUp takes the subscriber from its catch-up, if it has one.
func (s *Subscriber) leaveCatchUp() {
	if c := s.via; c != nil {
		s.via, s.viaAt = nil, 0
		c.leave()
	}
}

// arrive checks the place of a subscriber that is ahead of the log, once the log gets there. The event before the place must
// have the id that the subscriber had last.
func (s *Subscriber) arrive() {
	log := s.stream.log
	state := log.State()
	if state.Epoch != s.pos.Epoch || state.Next < s.pos.Offset {
		return
	}
	s.ahead = false
	from := replay.Position{Epoch: s.pos.Epoch, Offset: max(state.First, s.pos.Offset-min(s.pos.Offset, readAtOnce))}
	if id := idUpTo(log, from, s.pos); id == "" || id != s.lastID {
		s.strand(ending.ResetExpired, false)
	}
}

// doubt checks a place at the end of a snapshot, once more has come. The last event of a snapshot may be an old one. Where the
// upstream was opened again with the id of that event, it brings messages again that the subscriber has.
func (s *Subscriber) doubt() {
	sure := &s.stream.sure
	if !sure.known {
		return
	}
	s.doubtful = false
	if sure.resumed && sure.epoch == s.pos.Epoch && sure.from == s.pos.Offset {
		s.strand(ending.ResetExpired, false)
	}
}
