package replaytest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func testWatch(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	var seen [2]atomic.Uint64 // what State showed, at the latest when the function was called
	var calls [2]atomic.Int64
	var stops [2]func()
	for i := range seen {
		stops[i] = log.Watch(replay.WatcherFunc(func() {
			seen[i].Store(log.State().Next)
			calls[i].Add(1)
		}))
	}
	log.append()
	log.eventually("a call of each", func() bool { return seen[0].Load() == 1 && seen[1].Load() == 1 })

	stops[0]()
	stops[0]()
	log.append()
	log.eventually("a call of the other", func() bool { return seen[1].Load() == 2 })
	stopped := calls[0].Load()
	log.append()
	log.eventually("a call of the other", func() bool { return seen[1].Load() == 3 })
	assert.Equal(t, stopped, calls[0].Load(), "no call after stop")

	before := calls[1].Load()
	log.begin("e2")
	log.eventually("a call for the epoch", func() bool { return calls[1].Load() > before })
	stops[1]()
}

// testWatchFromWithin has functions given to Watch that use the log and stop their own calls.
func testWatchFromWithin(t *testing.T, open func(replay.Bounds) Log) {
	log := newSubject(t, open, replay.Bounds{})
	var stop func()
	var once sync.Once
	done := make(chan struct{})
	stop = log.Watch(replay.WatcherFunc(func() {
		once.Do(func() {
			s := log.State()
			_, err := log.Read(nil, s.Start(), 1)
			assert.NoError(t, err)
			log.Watch(replay.WatcherFunc(func() {}))()
			stop()
			close(done)
		})
	}))
	log.append()
	<-done
	log.append()
}

// testReaders has readers that follow a log which evicts many events. The appender does not wait for them.
func testReaders(t *testing.T, open func(replay.Bounds) Log) {
	const readers, events = 8, 500
	log := newSubject(t, open, replay.Bounds{Events: 50})
	var group sync.WaitGroup
	for range readers {
		group.Go(func() { follow(t, log.Log, events) })
	}
	for i := range uint64(events) {
		e := event(replay.Position{Epoch: "e1", Offset: i})
		if !assert.NoError(t, log.Append(t.Context(), e.Draft())) {
			break
		}
		if i%100 == 99 {
			log.Trim(log.State().Bytes / 2)
		}
	}
	group.Wait()
}

// follow reads a log until it has seen its last event, and checks that it is told of every gap.
func follow(t *testing.T, log Log, events uint64) {
	s := watch(t, log)
	defer s.stop()
	next := replay.Position{Epoch: "e1"}
	var buf []*replay.Event
	for next.Offset < events {
		var err error
		buf, err = log.Read(buf[:0], next, 7)
		switch {
		case errors.Is(err, replay.ErrGone):
			first := log.State().Start()
			if !assert.Greater(t, first.Offset, next.Offset, "gone, and yet held") {
				return
			}
			next = first
		case err != nil:
			assert.NoError(t, err)
			return
		case len(buf) == 0:
			s.eventually("more events", func() bool { return log.State().Next > next.Offset })
		}
		for _, e := range buf {
			want := event(next)
			if !assert.Equal(t, next, e.Position) || !assert.Equal(t, string(want.Block()), string(e.Block())) {
				return
			}
			next.Offset++
		}
	}
}

func testClose(t *testing.T, open func(replay.Bounds) Log) {
	log := watch(t, open(replay.Bounds{}))
	log.begin("e1")
	log.appendN(2)
	closed := make(chan struct{})
	var once sync.Once
	stop := log.Watch(replay.WatcherFunc(func() {
		if _, err := log.Read(nil, replay.Position{Epoch: "e1"}, 1); errors.Is(err, replay.ErrClosed) {
			once.Do(func() { close(closed) })
		}
	}))
	log.Close()
	<-closed
	log.Close()

	assert.Zero(t, log.State())
	_, found := log.Find("1")
	assert.False(t, found)
	log.Trim(0)
	require.ErrorIs(t, log.Append(t.Context(), event(replay.Position{Epoch: "e1", Offset: 2}).Draft()), replay.ErrClosed)
	require.ErrorIs(t, log.Begin(t.Context(), "e2"), replay.ErrClosed)
	assert.EqualValues(t, 1, log.Lag(replay.Position{Epoch: "e1"}).Share)
	stop()
	log.stop()
	log.Watch(replay.WatcherFunc(func() {}))()
}
