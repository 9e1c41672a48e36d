package fanout

import (
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// stream is one shared stream: its log, and what its subscribers are told beside the events. It is the [pump.Topic] of all its
// subscribers.
type stream struct {
	registry *Registry
	key      string // with which subscribers join
	identity string // differs from that of every other stream
	settings Settings
	log      *replay.Ring
	cancel   func()   // ends the goroutine that reads the upstream
	watchers watchers // of the subscribers
	links    watchers // of the cluster, which is called for each event
	// stopWatching ends the calls of LogChanged by the log.
	stopWatching func()
	member       *member // nil for a stream that takes no part in a cluster
	// These are set once. The stream's lock guards what they hold.
	catchUps *catchUps // nil where no subscriber catches up
	follow   *follower // nil where newcomers get nothing for which the events must be read

	// The registry's lock guards these.
	subscribers int
	forgotten   bool
	lingering   *lingering // not nil while the stream lingers

	mu       sync.Mutex
	accepted bool           // the upstream has accepted a stream
	accepts  uint32         // how many streams the upstream has accepted
	header   reading.Header // of the newest upstream stream; it may be nil
	end      *pump.End
	endAt    replay.Position // the position up to which subscribers read before the end
	next     replay.Position // the position of the next event as the recorder knows it; zero before the first epoch
	newestID eventID
	past     past
	sure     sureness
	since    time.Time // when the request of the present upstream stream was sent; zero while there is none
	settling settling
	gap      gap
	pace     *pace
	reset    struct { // the newest reset; subscribers with the same reason and id share the frame
		reason ending.Reset
		id     string
		frame  *frame.Frame
	}
	cursor   cursorNotice
	halvings uint8 // how often the reconnection time is halved, so that it fits the log
	counted  int64 // this stream's part of the registry's sum of bytes
	released bool

	// These are false for a stream that takes no part in a cluster.
	filling bool // the log may lack events that the owner of the key has, so no subscriber gets a place yet
	follows bool // another replica reads the upstream
	waiters waiters
	// leap is where the log has gone on behind events that no replica holds any more.
	leap replay.Position
}

func newStream(r *Registry, key string, settings Settings, log *replay.Ring) *stream {
	st := &stream{
		registry: r, key: key, settings: settings, log: log,
		follow: newFollower(&settings), catchUps: newCatchUps(&settings), past: newPast(settings.Bounds),
	}
	st.pace = newPace(st)
	st.stopWatching = log.Watch(st)
	return st
}

// Watch implements [pump.Topic].
func (st *stream) Watch(notify func()) (stop func()) { return st.watchers.add(notify) }

// LogChanged implements [replay.Watcher]. The log shows a new event or epoch.
func (st *stream) LogChanged() {
	st.learnNew()
	st.meetCatchUps()
	st.links.notify()
	if st.beginsRound() {
		st.watchers.notify()
	}
}

// ring calls everybody because of something that is not an event.
func (st *stream) ring() {
	st.links.notify()
	st.watchers.notify()
}

// catchesUp reports whether subscribers with an id that the log does not have catch up.
func (st *stream) catchesUp() bool { return st.catchUps != nil }

// request notes when the request of the present upstream stream was sent. The zero time says that there is no upstream stream.
func (st *stream) request(sent time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.since = sent
}

// accept notes that the upstream has begun to answer.
func (st *stream) accept(header reading.Header) {
	st.update(func() {
		st.header = header
		st.accepted = true
		st.accepts++
		st.settle()
		st.catchUps.ringAll()
	})
	st.ring()
}

// grow notes the position of the next event, and what the stream holds now. id is that of the event before it, or "".
func (st *stream) grow(next replay.Position, id string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.next = next
	if id != "" {
		st.newestID = eventID{next.Epoch, next.Offset - 1, id}
	}
	st.count()
}

// finish ends the stream with e. Only the first call counts. closing says that the registry closes.
func (st *stream) finish(e *pump.End, closing bool) {
	first := false
	st.update(func() {
		if first = st.end == nil; first {
			st.end, st.endAt = e, st.next
			st.show(st.log.State())
			st.settling.end()
			st.catchUps.streamEnded(e, closing)
		}
	})
	if first {
		st.ring()
	}
}
