package fanout

import (
	"context"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// stream is one shared stream: what its subscribers read, and what they are told beside it. It is the [pump.Topic] of all of
// them.
type stream struct {
	registry *Registry
	key      string
	settings Settings
	log      *replay.Ring
	cancel   context.CancelFunc // of the goroutine that reads the upstream
	opened   chan struct{}      // closed when the upstream has accepted once, or the stream is over
	watchers watchers
	// stopWatching ends the stream's watching of its own log.
	stopWatching func()

	// The registry's lock guards these.
	subscribers int
	forgotten   bool
	lingering   *lingering // not nil while it does

	mu       sync.Mutex
	accepted bool           // the upstream has, once
	header   reading.Header // of the newest upstream stream
	end      *pump.End
	endAt    replay.Position // where the log ends that comes before the end
	next     replay.Position // where the next event will be, as the recorder knows; zero before the first epoch
	past     past
	settling settling
	gap      gap
	reset    struct { // the newest reset, which many are told at once
		reason ending.Reset
		id     string
		frame  *frame.Frame
	}
	cursor   cursorNotice
	halvings uint8 // how often the reconnection time is halved, so that it fits the log
	follow   follower
	values   lastValues
	counted  int64 // what the registry's sum has of it
	released bool
}

func newStream(r *Registry, key string, settings Settings, log *replay.Ring, cancel context.CancelFunc) *stream {
	st := &stream{
		registry: r, key: key, settings: settings, log: log, cancel: cancel,
		opened: make(chan struct{}),
		values: lastValues{maxKeys: settings.LateJoin.Keys, maxBytes: settings.Bounds.Bytes},
	}
	st.past = newPast(settings.Bounds)
	st.stopWatching = log.Watch(st.changed)
	return st
}

// Watch implements [pump.Topic].
func (st *stream) Watch(notify func()) (stop func()) { return st.watchers.add(notify) }

// changed is called when the log shows something new.
func (st *stream) changed() {
	st.catchUp()
	st.watchers.notify()
}

// accept notes that the upstream has begun to answer.
func (st *stream) accept(header reading.Header) {
	st.mu.Lock()
	st.header = header
	if !st.accepted && st.end == nil {
		close(st.opened)
	}
	st.accepted = true
	st.settle()
	st.mu.Unlock()
	st.watchers.notify()
}

// grow notes where the log ends.
func (st *stream) grow(next replay.Position) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.next = next
}

// finish says that nothing follows but e. Only the first call counts.
func (st *stream) finish(e *pump.End) {
	st.mu.Lock()
	if st.end != nil {
		st.mu.Unlock()
		return
	}
	st.end, st.endAt = e, st.next
	if !st.accepted {
		close(st.opened)
	}
	st.settling.end()
	st.mu.Unlock()
	st.watchers.notify()
}
