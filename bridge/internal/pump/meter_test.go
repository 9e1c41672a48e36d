package pump

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// samples collects the samples of settings.
type samples []Sample

func (s *samples) take(taken Sample) { *s = append(*s, taken) }

func TestASampleIsDueAtMostOnceInATime(t *testing.T) {
	var m Meter
	now := time.Now()
	for _, step := range []struct {
		after time.Duration
		due   bool
	}{
		{0, true}, {0, false}, {sampleEvery - 1, false}, {sampleEvery, true}, {time.Hour, true}, {time.Hour + 1, false},
		{time.Minute, true}, // the clock was set back
	} {
		assert.Equal(t, step.due, m.due(now.Add(step.after)), step.after)
	}
}

// The delay of an event of a private stream is the time from the push to the write, also where the push waits for room.
func TestAQueueKnowsWhenItsEventsCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(4)
		require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte("one")))
		came := time.Now()
		pushed := make(chan error)
		go func() { pushed <- q.Push(t.Context(), frame.Form{}, []byte("two")) }()
		time.Sleep(time.Second)
		assert.Equal(t, Lag{Behind: 1}, q.Lag(time.Time{}), "nothing was peeked")
		q.Peek(nil, 0)
		assert.Equal(t, Lag{Received: came}, q.Lag(time.Time{}))
		q.Advance(1)
		time.Sleep(time.Second)
		q.Peek(nil, 0) // makes room
		require.NoError(t, <-pushed)
		q.Peek(nil, 0)
		assert.Equal(t, Lag{Received: came}, q.Lag(time.Time{}), "the second event has waited for room as long as the first")
		q.Notice([]byte("a notice"))
		q.Advance(1)
		q.Peek(nil, 0)
		assert.Equal(t, Lag{}, q.Lag(time.Time{}), "a notice is no event")
	})
}

// Both kinds of connections count what they write while the stream is open, and take a sample of the first event.
func TestWhatIsWrittenCountsAtOnce(t *testing.T) {
	for _, kind := range []string{"run", "parked"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen samples
				s := &Settings{Comment: []byte(": c\n\n"), Heartbeat: time.Minute, Meter: &Meter{}, Sampled: nil}
				s.Sampled = seen.take
				q := NewQueue(1 << 10)
				control := &Control{Began: time.Now()}
				push := func(event string) { require.NoError(t, q.Push(t.Context(), frame.Form{}, []byte(event))) }
				time.Sleep(time.Second)
				push("first")
				push("second")
				time.Sleep(time.Second)
				next := startWith(t, kind, q, s, control)
				next()
				events, bytes := s.Meter.Written()
				assert.EqualValues(t, 2, events)
				assert.EqualValues(t, len("firstsecond"), bytes)
				assert.Equal(t, samples{{First: true, After: 2 * time.Second, Live: true, Delay: time.Second}}, seen)
				for _, event := range []string{"third", "fourth"} {
					push(event)
					next()
				}
				events, _ = s.Meter.Written()
				assert.EqualValues(t, 4, events)
				assert.Len(t, seen, 1, "no time has passed")
				time.Sleep(sampleEvery)
				push("fifth")
				next()
				require.Len(t, seen, 2)
				assert.Equal(t, Sample{Live: true}, seen[1])
				q.End(End{Ending: because("")})
				next()

				q = NewQueue(1 << 10)
				next = startWith(t, kind, q, s, &Control{Began: time.Now()})
				push("the first of another stream")
				next()
				require.Len(t, seen, 3, "the first event of a stream is always a sample")
				assert.True(t, seen[2].First)
				q.End(End{Ending: because("")})
				next()
			})
		})
	}
}

// startWith serves a queue. The function that it returns waits until everything that can be written was written.
func startWith(t *testing.T, kind string, q *Queue, s *Settings, control *Control) (next func()) {
	t.Helper()
	c := newClient()
	if kind == "run" {
		go Run(t.Context(), fakeConn{c, time.Minute}, q, s, control)
		return synctest.Wait
	}
	r := newRig()
	r.began = time.Now()
	c.inbox = r.inbox
	r.inbox.arrive(newParked(fakeSocket{c}, q, s, func(Outcome) {}), control)
	return func() {
		r.at = time.Since(r.began)
		r.settle()
	}
}
