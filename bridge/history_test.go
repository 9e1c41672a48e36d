package bridge_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// history is an upstream that can resume. All its streams bring the same events in the same order: the numbers from 1 on. A stream
// with a cursor goes on behind it. One without a cursor begins with a snapshot, and goes on with what comes then.
type history struct {
	snapshot func(newest int64) []int64         // the numbers that a stream without a cursor begins with; nil is none
	madeUp   func(cursor int64) (watch, bool)   // the answer to a cursor that no event has had, if there is one
	finite   bool                               // streams end with OK behind the newest event
	began    func(*streamv1.WatchRequest) error // called when a stream begins; may be nil

	fresh, resumed atomic.Int64 // streams without and with a cursor

	mu      sync.Mutex
	newest  int64
	changed chan struct{} // closed when there is a new event
}

func newHistory(newest int64) *history { return &history{newest: newest, changed: make(chan struct{})} }

// publish adds so many events.
func (h *history) publish(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest += n
	close(h.changed)
	h.changed = make(chan struct{})
}

// publishEvery adds an event every so often until stop is called, or the test ends.
func (h *history) publishEvery(t *testing.T, pause time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		ticker := time.NewTicker(pause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				h.publish(1)
			case <-ctx.Done():
				return
			}
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// now returns the number of the newest event, and what is closed when there is another one.
func (h *history) now() (newest int64, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest, h.changed
}

// requireFresh waits until a stream without a cursor brings the events that come from now on.
func (h *history) requireFresh(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return h.fresh.Load() > 0 }, patience, time.Millisecond, "streams without a cursor")
}

// requireBegun waits until so many streams were opened, and bring the events that come from now on.
func (h *history) requireBegun(t *testing.T, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return h.fresh.Load()+h.resumed.Load() >= n }, patience, time.Millisecond,
		"streams that were opened: expected %d", n)
}

// watch is the method of the server.
func (h *history) watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	after := r.GetAfterSequence()
	newest, _ := h.now()
	if h.began != nil {
		if err := h.began(r); err != nil {
			return err
		}
	}
	switch {
	case after != 0:
		h.resumed.Add(1)
		if answer, ok := h.answer(after, newest); ok {
			return answer(r, stream)
		}
	default:
		h.fresh.Add(1)
		after = newest
	}
	if r.GetAfterSequence() == 0 && h.snapshot != nil { // the header comes with the snapshot: the bridge counts from then how old it is
		for _, n := range h.snapshot(newest) {
			if err := stream.Send(&streamv1.Event{Sequence: n, Kind: "snapshot"}); err != nil {
				return err
			}
		}
	} else if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	return h.follow(after, stream)
}

func (h *history) answer(cursor, newest int64) (watch, bool) {
	if cursor <= newest || h.madeUp == nil {
		return nil, false
	}
	return h.madeUp(cursor)
}

// follow sends all events behind a number.
func (h *history) follow(after int64, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	for {
		newest, changed := h.now()
		for ; after < newest; after++ {
			if err := stream.Send(&streamv1.Event{Sequence: after + 1, Kind: "live"}); err != nil {
				return err
			}
		}
		if h.finite {
			return nil
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// The snapshots that a stream without a cursor may begin with.
func everything(newest int64) (all []int64) {
	for n := range newest {
		all = append(all, n+1)
	}
	return all
}

// newestHundred is everything that a server has kept. A bridge on a busy machine reads it before it takes an event for a live one.
func newestHundred(newest int64) []int64 {
	all := everything(newest)
	return all[max(0, len(all)-100):]
}

// newestOfEachKey has the newest event of each of 20 keys, out of order. The key of an event is its number modulo 20.
func newestOfEachKey(newest int64) []int64 {
	all := everything(newest)
	all = all[max(0, len(all)-20):]
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
