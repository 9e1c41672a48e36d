package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that is cut off because it takes too little can go on only if it comes back before the log has evicted its next
// event. It cannot be told a reconnection time when it is cut off, because it takes nothing then. So the bridge compares the
// reconnection time with the time that the log reaches back, while events come. Where the log reaches back too short a time,
// all subscribers are told a shorter reconnection time in front of an event. The rate of events shows this long before the log
// is full.

// retryShare is the part of the time that the log reaches back which a reconnection may take. A subscriber is cut off when it
// is half of the log behind. The reconnection time is jittered by a fifth. The bridge and the network need some time too.
const retryShare = 0.25

// fits reports whether the reconnection time is compared again after so many events. This happens after every sixteenth event,
// and at first after each event from the fourth on: a client that takes too little from its first event on gets only what was
// found by then.
func fits(events uint64) bool {
	return events%16 == 0 || events >= 4 && events < 16
}

// fitRetry notes how often the reconnection time must be halved to fit the log.
func (r *recorder) fitRetry() {
	st := r.stream
	s := &st.settings
	if s.Skip || s.Retry <= sse.MinRetry {
		return
	}
	reach, known := r.reach()
	if !known {
		return
	}
	halvings := halvings(s.Retry, reach)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.halvings = halvings
}

// reach returns how far back the log reaches, or will reach when it is full. It assumes that events go on to come at the
// average rate of the whole log, or at the rate of its newest quarter if that is higher. The reach is not known where all
// events came at once and the log has room for more.
func (r *recorder) reach() (d time.Duration, known bool) {
	log := r.stream.log
	state := log.State()
	from := state.Start()
	size := 1.0 // the share of its bounds that the log can use
	if state.First > 0 {
		size = log.Lag(from).Share // the log is full with what it holds
	}
	age, share := r.pace(from)
	if share == 0 {
		return age, state.First > 0
	}
	d, known = time.Duration(float64(age)*size/share), age >= atOnce || state.First > 0
	if part := retryShare * size / share; part < 1 {
		from.Offset = state.Next - 1 - uint64(part*float64(state.Next-state.First))
		if age, share := r.pace(from); age >= atOnce && share > 0 {
			d = min(d, time.Duration(float64(age)*size/share))
		}
	}
	return d, known
}

// atOnce is the time within which events count as coming at once.
const atOnce = 100 * time.Millisecond

// pace returns how long ago the event at a position came, and the share of the log that the events behind it take.
func (r *recorder) pace(at replay.Position) (age time.Duration, share float64) {
	log := r.stream.log
	if age = log.Age(at); age == 0 { // received just now, or evicted meanwhile
		return 0, 0
	}
	at.Offset++
	return age, log.Lag(at).Share
}

// halvings returns how often a reconnection time must be halved to fit a log with that reach. The result is never less than the
// shortest reconnection time.
func halvings(retry, reach time.Duration) (n uint8) {
	for retry > sse.MinRetry && float64(retry) > retryShare*float64(reach) {
		retry /= 2
		n++
	}
	return n
}

// fitted returns the reconnection time that fits the log, or 0 where the route has none. The lock is held.
func (st *stream) fitted() time.Duration {
	if st.settings.Retry == 0 {
		return 0
	}
	return max(st.settings.Retry>>st.halvings, min(st.settings.Retry, sse.MinRetry))
}

// retryFrame returns a frame that tells one subscriber the reconnection time, jittered. The frame is part of the block of the
// event behind it. The lock is held.
func (st *stream) retryFrame() *frame.Frame {
	return frame.New(sse.AppendRetry(nil, backoff.Jitter(st.fitted())), noData)
}

// Retry implements [pump.Cursor]. It returns given, or the shorter time that fits the log.
func (s *Subscriber) Retry(given time.Duration) time.Duration {
	st := s.stream
	st.mu.Lock()
	defer st.mu.Unlock()
	s.halved = st.halvings
	return st.fit(given)
}

// fit returns given, or the shorter time that fits the log. The lock is held.
func (st *stream) fit(given time.Duration) time.Duration {
	if fitted := st.fitted(); fitted > 0 && !st.settings.Skip {
		return min(given, fitted)
	}
	return given
}

// slowEnd returns the end for a subscriber that was too slow. The lock is held.
func (st *stream) slowEnd() *pump.End {
	end := st.settings.Slow()
	end.RetryDelay = st.fit(end.RetryDelay)
	return &end
}
