package fanout

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// A timer may fire when its lingering or settling is already over and another one has begun. These tests call what the timers
// call.

// quiet is an upstream that accepts and sends nothing.
type quiet struct{}

func (quiet) Run(ctx context.Context, _ reading.Attempt, sink reading.Sink) reading.Result {
	sink.Accepted(nil)
	<-ctx.Done()
	return reading.Result{Fate: reading.Broken, End: pump.End{Ending: ending.ShuttingDown()}}
}

func quietStream(t *testing.T, s Settings) (*Registry, *Subscriber) {
	t.Helper()
	r := NewRegistry(t.Context(), Limits{})
	t.Cleanup(func() { r.Close(pump.End{Ending: ending.ShuttingDown()}) })
	sub, err := r.Join("key", Newcomer{Form: frame.Form{Encoding: frame.Gzip}}, func() (Settings, reading.Upstream) { return s, quiet{} })
	require.NoError(t, err)
	require.Eventually(t, sub.Opened, 10*time.Second, time.Millisecond)
	return r, sub
}

func TestATimerOfAFormerLingeringHurtsNoLiveStream(t *testing.T) {
	r, first := quietStream(t, Settings{Linger: time.Hour})
	st := first.stream
	first.Close()
	former := st.lingering
	require.NotNil(t, former)
	second, err := r.Join("key", Newcomer{}, nil)
	require.NoError(t, err)
	r.expire(st, former)
	assert.Equal(t, 1, r.Streams(), "a subscriber is there")
	second.Close()
	r.expire(st, former)
	assert.Equal(t, 1, r.Streams(), "this lingering has just begun")
	r.expire(st, st.lingering)
	assert.Zero(t, r.Streams())
}

func TestATimerOfAFormerAcceptanceSettlesNothing(t *testing.T) {
	_, sub := quietStream(t, Settings{})
	st := sub.stream
	st.mu.Lock()
	st.settle()
	former := st.settling.count
	st.settle()
	st.mu.Unlock()
	st.settled(former)
	assert.True(t, st.settling.is, "the upstream has just accepted")
	st.settled(former + 1)
	assert.False(t, st.settling.is)
}

// Behind the last values the log goes on. The newest event before it may have no key, and then the connection has not had it.
func TestTheEventBehindTheLastValuesRefersToNothing(t *testing.T) {
	_, sub := quietStream(t, Settings{LateJoin: LateJoin{Mode: LatestBy}, Bounds: replay.Bounds{Events: 100}})
	st := sub.stream
	rec := &recorder{stream: st, into: st.log, next: st.log.State().End()}
	send := func(text, key string) {
		require.NoError(t, rec.Event(t.Context(), &reading.Event{Block: []byte("data: " + text), Key: []byte(key)}))
	}
	send("a", "a")
	send("b", "")
	late := st.subscribe(Newcomer{Form: sub.form}, nil)
	pieces, _ := late.Peek(nil, 1<<20)
	require.Len(t, pieces, 1, "the value of a")
	late.Advance(1)
	send("c", "c")
	pieces, _ = late.Peek(nil, 1<<20)
	events, err := st.log.Read(nil, replay.Position{Epoch: st.log.State().Epoch, Offset: 1}, 2)
	require.NoError(t, err)
	require.Len(t, pieces, 1)
	assert.Equal(t, events[1].Frame.Bytes(sub.form), pieces[0])
	assert.NotEqual(t, events[1].Frame.After(&events[0].Frame, sub.form), pieces[0])
}
