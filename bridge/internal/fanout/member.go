package fanout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// member is a stream's part in a cluster. The stream's upstream is read here only while this replica owns the key, or is alone.
// Otherwise the stream's log gets what the owner has read.
//
//	         Lead, Alone                        Follow
//	joining ────────────► reading ◄──────────► following
//	   └──────────────────────────────────────────┘
//
// What fences a replica that has lost the key is its turn: an event gets into the log only while the reader that brings it has
// the turn. Neither the position of the event nor the newest event in the log says who owns the key, because a replica that was
// paused may read what the next owner has sent before it notices that it owns the key no longer.
type member struct {
	stream   *stream
	upstream reading.Upstream
	open     func() (Settings, reading.Upstream) // that of the subscriber with which the stream began
	release  func()                              // of the stream's settings
	seat     Seat                                // the registry's lock guards it
	left     atomic.Bool                         // the cluster's calls change nothing any more
	over     atomic.Bool                         // the stream has ended, and no turn begins any more

	// mu is held while the log grows. The locks of the registry and of streams may be taken while this one is held, never the
	// other way round.
	mu      sync.Mutex
	joined  <-chan struct{}      // closed when the first subscriber is there; nil where a turn has waited for that
	term    uint64               // the highest term that the member has heard of
	turn    *turn                // of the reader that may add to the log; nil while another replica's events are taken
	newest  atomic.Pointer[turn] // the newest turn, which may be over; written with the lock held
	alias   alias                // where the log's epoch has another name in the cluster
	joint   joint                // how far the log is known to be that of the owner
	told    conditions           // what the followers of this replica are told
	pending *Condition           // the stream's end, where the log is not there yet
	last    *lastPages           // not nil when the upstream has ended the stream

	outlet outlet // has a lock of its own
}

// turn is the time in which one reader may add to the log.
type turn struct {
	cancel context.CancelCauseFunc
	before atomic.Pointer[turn] // whose reader has not returned yet
	reader sync.WaitGroup       // there is a turn for each stream that is read, and a channel would take more memory
}

// alias is a name of an epoch of the log that differs from its name in the cluster. Only routes whose events have ids of their
// own have such epochs, because their browsers never see the name.
type alias struct{ local, cluster string }

// errDeposed is the cause with which an upstream stream ends because another replica owns the key.
var errDeposed = errors.New("fanout: another replica reads this upstream")

// weakness is what members do wrong for tests, which must notice it.
type weakness struct {
	byPosition bool // only the position of an event fences a replica that has lost the key
	anyTerm    bool // pages of lower terms are taken
}

var _ Member = (*member)(nil)

// enter has a stream take part in the cluster. release is that of the stream's settings. The registry's lock is held.
func (r *Registry) enter(st *stream, upstream reading.Upstream, open func() (Settings, reading.Upstream), joined <-chan struct{}) {
	m := &member{stream: st, upstream: upstream, open: open, joined: joined, release: st.settings.keep()}
	st.member, st.filling, st.cancel = m, true, m.finish
	r.running.Add(1)
	if !r.hasMembers {
		r.hasMembers = true
		context.AfterFunc(r.ctx, r.finishMembers)
	}
	m.seat = r.Cluster.Enter(st.key, m)
}

// finishMembers ends all streams of the cluster, because the registry's context is over.
func (r *Registry) finishMembers() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.all() {
		if st.member != nil {
			st.member.finish()
		}
	}
}

// finish ends the member's part in its stream: from then on the upstream is read no more. It does not wait, and may be called with
// locks held. A second call changes nothing.
func (m *member) finish() {
	if m.over.Swap(true) {
		return
	}
	m.cancelTurns()
	go func() {
		r := m.stream.registry
		defer r.running.Done()
		m.conclude()
		m.release()
		r.Hooks.ended(m.stream)
	}()
}

// cancelTurns ends the newest turn, and those before it whose readers have not returned.
func (m *member) cancelTurns() {
	for t := m.newest.Load(); t != nil; t = t.before.Load() {
		t.cancel(nil)
	}
}

// conclude waits until the stream's upstream is no longer read. Subscribers of a stream that ends with the registry's context
// get the end that the upstream returns then.
func (m *member) conclude() {
	m.mu.Lock() // a turn that begins now is the last one
	newest := m.newest.Load()
	m.mu.Unlock()
	if newest != nil {
		newest.reader.Wait()
	}
	if r := m.stream.registry; r.ctx.Err() != nil {
		end := m.upstream.Run(r.ctx, reading.Attempt{}, nowhere{}).End
		r.end(m.stream, &end)
	}
}

// nowhere drops what an upstream brings.
type nowhere struct{}

func (nowhere) Opened()                                     {}
func (nowhere) Accepted(reading.Header)                     {}
func (nowhere) Event(context.Context, *reading.Event) error { return context.Canceled }

// leave gives up the member's seat. The registry's lock is held. A second call changes nothing.
func (m *member) leave() {
	if !m.left.Swap(true) {
		m.seat.Leave()
	}
}

// setAside has the replica read the upstream for itself from now on, because another stream has got the key. The registry's
// lock is held.
func (m *member) setAside() {
	m.leave()
	m.stream.registry.running.Go(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.read()
	})
}

// Place implements [Member].
func (m *member) Place() Place {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.stream.log.State()
	at := Place{Epoch: m.nameOf(state.Epoch), Next: state.Next}
	switch {
	case m.turn != nil:
		_, at.Version = m.condition(state)
		at.Term = m.term
	case m.joint.forked:
		return Place{Version: m.joint.version}
	case m.joint.known:
		at.Term, at.Next, at.Version = m.term, m.joint.next, m.joint.version
	}
	if at.Next > state.First {
		at.LastID = idAt(m.stream.log, replay.Position{Epoch: state.Epoch, Offset: at.Next - 1})
	}
	return at
}

// nameOf returns the name in the cluster of an epoch of the log.
func (m *member) nameOf(local string) string {
	if local == m.alias.local {
		return m.alias.cluster
	}
	return local
}

// note notes who reads the upstream, and has subscribers begin that have waited for that.
func (st *stream) note(follows bool) {
	st.mu.Lock()
	st.follows = follows
	if !follows {
		st.endFilling()
	}
	st.since = time.Time{}
	st.mu.Unlock()
	st.ring()
}

// Resign gives the streams that this replica reads to other replicas that have subscribers of them. The streams go on.
func (r *Registry) Resign() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.streams {
		if st.member != nil {
			st.member.seat.Resign()
		}
	}
}
