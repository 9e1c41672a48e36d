package pump

import (
	"sync/atomic"
	"time"
)

// Meter counts what is written to the subscribers of all streams of a route. It also says when to take a sample of how late their
// events are: at most once in [sampleEvery], so that samples cost next to nothing. The zero Meter is ready for use. It is safe for
// concurrent use.
type Meter struct {
	events, bytes atomic.Int64
	sampled       atomic.Int64 // when the last sample was taken, in nanoseconds
}

// sampleEvery is how often a Meter has a sample taken at most. A route with fewer writes has one of each write.
const sampleEvery = 10 * time.Millisecond

// Written returns how many events were written, and how many bytes of bodies.
func (m *Meter) Written() (events, bytes int64) { return m.events.Load(), m.bytes.Load() }

// add counts a write.
func (m *Meter) add(events, bytes int) {
	if events > 0 {
		m.events.Add(int64(events))
	}
	m.bytes.Add(int64(bytes))
}

// due reports whether a sample is taken of a write at the time now.
func (m *Meter) due(now time.Time) bool {
	at, last := now.UnixNano(), m.sampled.Load()
	if since := at - last; since >= 0 && since < int64(sampleEvery) { // since is negative where the clock was set back
		return false
	}
	return m.sampled.CompareAndSwap(last, at)
}

// Lag is what a cursor knows of the pieces of its last Peek.
type Lag struct {
	// Received is when the first event of the pieces was received. The zero time says that the pieces have no event, or that the
	// event is from before the client came.
	Received time.Time
	Behind   int // how many events follow the pieces already
}

// Sample is how late the events of one write were.
type Sample struct {
	// First says that the write brought the first event of the stream. After is then the time since the client's request arrived.
	First bool
	After time.Duration
	// Live says that the events came after the client. Delay is then the time from the receipt of the first one to the write.
	Live   bool
	Delay  time.Duration
	Behind int // how many events followed those of the write already
}

// look is a look at the lag of one write.
type look struct {
	lag   Lag
	came  time.Time
	first bool
	taken bool // the lag was asked for
}

// look asks the cursor for the lag of a write that was done at the time now, where a sample is due. The first event of a stream
// always is one. events is how many events were written before.
func (s *Settings) look(cur Cursor, control *Control, events int, now time.Time) (l look) {
	if s.Meter == nil || s.Sampled == nil || control == nil {
		return look{}
	}
	l.first = events == 0
	if l.taken = s.Meter.due(now) || l.first; l.taken {
		l.came = control.Began
		l.lag = cur.Lag(l.came)
	}
	return l
}

// count counts a write, and reports the look at it.
func (s *Settings) count(events, bytes int, l *look) {
	if s.Meter != nil {
		s.Meter.add(events, bytes)
	}
	if !l.taken || events == 0 {
		return
	}
	now := time.Now()
	sample := Sample{First: l.first, Live: !l.lag.Received.IsZero(), Behind: l.lag.Behind}
	if sample.First {
		sample.After = max(0, now.Sub(l.came))
	}
	if sample.Live {
		sample.Delay = max(0, now.Sub(l.lag.Received))
	}
	s.Sampled(sample)
}
