package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// A subscriber that is cut off for being slow can resume only if it comes back before the log has given up what it lacks. It
// cannot be told so when it is cut off, for it takes nothing then. So everybody is told a shorter reconnection time, in front
// of an event, as soon as the log turns out to reach back too short a time for the one that it was told.

// retryShare is which part of the time that the log reaches back a reconnection may take. A subscriber is cut off when it is
// half of the log behind, the time is jittered by a fifth, and the bridge and the network need some too.
const retryShare = 0.25

// fitEvery is after how many events the time is looked at again.
const fitEvery = 16

// fitRetry notes how often the reconnection time must be halved for the log. What that reaches back is known once it has given
// up something.
func (r *recorder) fitRetry() {
	st := r.stream
	s := &st.settings
	if r.next.Offset%fitEvery != 0 || s.Skip || s.Retry <= sse.MinRetry {
		return
	}
	state := st.log.State()
	if state.First == 0 {
		return
	}
	oldest, err := st.log.Read(r.oldest[:0], state.Start(), 1)
	if err != nil || len(oldest) == 0 {
		return
	}
	halvings := halvings(s.Retry, time.Since(oldest[0].At))
	oldest[0] = nil
	r.oldest = oldest
	st.mu.Lock()
	defer st.mu.Unlock()
	st.halvings = halvings
}

// halvings returns how often a reconnection time is halved, down to the shortest one, for a log that reaches back so long.
func halvings(retry, reach time.Duration) (n uint8) {
	for retry > sse.MinRetry && float64(retry) > retryShare*float64(reach) {
		retry /= 2
		n++
	}
	return n
}

// fitted returns the reconnection time that fits the log, 0 where the route has none. The lock is held.
func (st *stream) fitted() time.Duration {
	if st.settings.Retry == 0 {
		return 0
	}
	return max(st.settings.Retry>>st.halvings, min(st.settings.Retry, sse.MinRetry))
}

// retryFrame tells one subscriber the reconnection time, jittered. It stands in the block of the event that follows. The lock is
// held.
func (st *stream) retryFrame() *frame.Frame {
	return frame.New(sse.AppendRetry(nil, backoff.Jitter(st.fitted())), noData)
}

// slowEnd is what a subscriber is told that was too slow. The lock is held.
func (st *stream) slowEnd() *pump.End {
	end := st.settings.Slow
	if fitted := st.fitted(); fitted > 0 && end.RetryDelay > fitted {
		end.RetryDelay = fitted
	}
	return &end
}
