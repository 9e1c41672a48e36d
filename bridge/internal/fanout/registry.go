package fanout

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Limits bound what all streams take together. 0 is no limit.
type Limits struct {
	Streams int   // distinct keys at once
	Bytes   int64 // bytes in all logs and last-value caches; an event in both counts twice
}

// ErrLimit says that the registry has as many streams as it may have, and all have subscribers.
var ErrLimit = errors.New("fanout: there are as many shared streams as may be at once")

// ErrClosed says that the registry is closed.
var ErrClosed = errors.New("fanout: the registry is closed")

// Registry holds the shared streams by key. Its methods may be called concurrently. Its fields are set before the first call.
type Registry struct {
	Hooks Hooks
	// Cluster decides which streams are read here. nil: this registry reads all of its streams.
	Cluster Cluster

	ctx     context.Context
	limits  atomic.Pointer[Limits]
	into    func(*replay.Ring) appender // for tests: the appender of a stream with that log; the log itself where into is nil
	place   findPlace                   // for tests: another rule than place
	sure    time.Duration               // how long the ids of an epoch are not sure; for tests not sureAfter
	weak    weakness                    // for tests: what members do wrong
	bytes   atomic.Int64                // what the streams hold together without their catch-ups, each as of its last event
	running sync.WaitGroup              // their goroutines

	catchingUp   context.Context // of the catch-ups
	stopCatching context.CancelFunc
	readers      readers      // the goroutines of the catch-ups
	catchUpBytes atomic.Int64 // what the catch-ups hold
	holders      holders

	// The lock of a stream may be taken while this one is held, never the other way round.
	mu      sync.Mutex
	closed  bool
	streams map[string]*stream
	// hasMembers says that a stream has taken part in the cluster.
	hasMembers bool
	retired    retired   // the streams that can be joined no more, and still have subscribers
	idle       list.List // the streams without subscribers, the longest idle first
}

// NewRegistry returns a registry whose streams end with ctx. Each stream gets the end that its upstream returns then.
func NewRegistry(ctx context.Context, limits Limits) *Registry {
	r := &Registry{ctx: ctx, streams: map[string]*stream{}, place: place, sure: sureAfter}
	r.SetLimits(limits)
	r.catchingUp, r.stopCatching = context.WithCancel(ctx)
	return r
}

// SetLimits replaces the limits. A lower limit ends no stream with subscribers: it counts when a stream begins or grows.
func (r *Registry) SetLimits(limits Limits) { r.limits.Store(&limits) }

// Join subscribes to the stream of a key. Where there is no such stream, Join calls open and begins one. open is called with
// locks held: it must neither wait nor call the registry. Join calls open again for a catch-up, and uses only its upstream then.
// Join does not wait for the upstream. The caller closes the subscriber. The error is [ErrLimit] or [ErrClosed].
func (r *Registry) Join(key string, n Newcomer, open func() (Settings, reading.Upstream)) (*Subscriber, error) {
	st, joined, evicted, err := r.find(key, n.Retired, open)
	if evicted != nil {
		r.Hooks.evicted(evicted)
	}
	if err != nil {
		return nil, err
	}
	if joined != nil {
		defer close(joined)
		r.Hooks.opened(st)
	}
	return st.subscribe(n, open), nil
}

// find returns the stream of a key and counts one subscriber more. evicted is the idle stream that ended to make room, or nil.
// joined is not nil for a new stream: its upstream is opened when joined is closed, so that the subscriber is there before the
// first event. retired is that of [Newcomer].
func (r *Registry) find(
	key string, retired bool, open func() (Settings, reading.Upstream),
) (st *stream, joined chan struct{}, evicted *stream, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.ctx.Err() != nil {
		return nil, nil, nil, ErrClosed
	}
	if st = r.streams[key]; st != nil && !retired && st.settings.retired() {
		r.setAside(st)
		st = nil
	}
	if st == nil {
		if limit := r.limits.Load().Streams; limit > 0 && r.count() >= limit {
			if evicted = r.longestIdle(); evicted == nil {
				return nil, nil, nil, ErrLimit
			}
			r.forget(evicted)
		}
		joined = make(chan struct{})
		st = r.begin(key, open, joined)
	}
	st.subscribers++
	r.keep(st)
	if st.member != nil && st.subscribers == 1 {
		st.member.seat.Want(true)
	}
	return st, joined, evicted, nil
}

// begin adds a stream. The stream runs in the registry's context from the time joined is closed. The lock is held.
func (r *Registry) begin(key string, open func() (Settings, reading.Upstream), joined <-chan struct{}) *stream {
	settings, upstream := open()
	log := replay.NewRing(settings.Bounds)
	log.KeepWarm(2 * settings.every()) // subscribers read when their round begins
	st := newStream(r, key, settings, log)
	st.identity = r.retired.identityAfter(key)
	r.streams[key] = st
	if r.Cluster != nil && settings.Cluster {
		r.enter(st, upstream, open, joined)
		return st
	}
	ctx, cancel := context.WithCancel(r.ctx)
	st.cancel = cancel
	release := settings.keep()
	owner := &recorder{stream: st, into: r.appender(log)}
	r.running.Go(func() {
		defer release()
		defer cancel()
		<-joined
		owner.start(ctx)
		end := st.reader(upstream, owner).Run(ctx)
		r.end(st, &end)
		r.Hooks.ended(st)
	})
	return st
}

// reader returns a reader of the stream's upstream.
func (st *stream) reader(upstream reading.Upstream, owner reading.Owner) *reading.Reader {
	s := &st.settings
	return &reading.Reader{Upstream: upstream, Owner: owner, Backoff: s.Backoff, ReopenAfter: s.ReopenAfter}
}

// start runs f on a goroutine of its own, and reports whether it does: it does not once the registry is closed.
func (r *Registry) start(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.running.Go(f)
	}
	return !r.closed
}

func (r *Registry) appender(log *replay.Ring) appender {
	if r.into != nil {
		return r.into(log)
	}
	return log
}

// end forgets a stream and gives its subscribers e as the end.
func (r *Registry) end(st *stream, e *pump.End) {
	r.mu.Lock()
	r.forget(st)
	r.mu.Unlock()
	st.finish(e, r.ctx.Err() != nil)
}

// Close ends every stream. Subscribers get the events that they have not read, and then end. Close returns when no upstream is
// read any more. From then on Join fails. A second call waits likewise.
func (r *Registry) Close(end pump.End) {
	for _, st := range r.close() {
		st.finish(&end, true) // before the upstream ends with an end of its own
		r.end(st, &end)
	}
	r.stopCatching()
	r.readers.close()
	r.running.Wait()
}

// close closes the registry and returns the streams that it still has.
func (r *Registry) close() (left []*stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return r.all()
}

// Streams returns the number of streams, including those without subscribers.
func (r *Registry) Streams() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count()
}

// Held is what the streams with one label hold.
type Held struct {
	Streams int
	Bytes   int64 // in logs, last-value caches and catch-ups, each as of its last event
}

// Held returns what the streams hold that the registry has not forgotten, by label.
func (r *Registry) Held() map[string]Held {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]Held{}
	for _, st := range r.all() {
		held := all[st.settings.Label]
		held.Streams++
		held.Bytes += st.holds()
		all[st.settings.Label] = held
	}
	return all
}

// holds returns how many bytes the stream and its catch-ups hold.
func (st *stream) holds() int64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.counted + st.catchUps.holds()
}

// Bytes returns how many bytes the logs, last-value caches and catch-ups hold together, each as of its last event. A stream that
// is over counts until its last subscriber has left.
func (r *Registry) Bytes() int64 { return r.bytes.Load() + r.catchUpBytes.Load() }
