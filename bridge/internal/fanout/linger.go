package fanout

import (
	"container/list"
	"time"
)

// lingering is the time in which a stream goes on without subscribers.
type lingering struct {
	place *list.Element // in the registry's list of idle streams
	timer *time.Timer
	// since is when the last subscriber left, here or, as far as is known, in another replica.
	since time.Time
}

// leave counts a subscriber less. When the last subscriber leaves, the stream lingers; a stream that is already forgotten is
// released.
func (r *Registry) leave(st *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st.subscribers--
	switch {
	case st.subscribers > 0:
	case st.forgotten:
		st.release()
	case !st.settings.lingers() && !st.isWantedElsewhere():
		r.forget(st)
	default:
		if st.member != nil {
			st.member.seat.Want(false)
		}
		l := &lingering{place: r.idle.PushBack(st), since: time.Now()}
		st.lingering = l
		l.timer = time.AfterFunc(l.wait(st), func() { r.expire(st, l) })
	}
}

// expire forgets a stream when its lingering is over, unless a subscriber has joined since it began. A stream that this replica
// reads for others lingers from the time on when the last of them was known to have subscribers.
func (r *Registry) expire(st *stream, l *lingering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case st.lingering != l:
	case st.member != nil && l.staysFor(st):
		l.timer.Reset(l.wait(st))
	default:
		r.forget(st)
	}
}

// staysFor reports whether a stream of a cluster goes on lingering.
func (l *lingering) staysFor(st *stream) bool {
	wanted, last := st.wantedElsewhere()
	if wanted {
		last = time.Now()
	}
	if last.After(l.since) {
		l.since = last
	}
	return wanted || time.Since(l.since) < st.settings.Linger
}

// wait returns when a lingering stream is looked at again.
func (l *lingering) wait(st *stream) time.Duration {
	linger := max(0, st.settings.Linger)
	if st.member == nil {
		return linger
	}
	if left := linger - time.Since(l.since); left > 0 {
		return min(left, max(wantedEvery, linger/4))
	}
	return max(wantedEvery, linger/4)
}

// wantedEvery is how often at most a stream without subscribers asks whether another replica has any.
const wantedEvery = time.Second

// wantedElsewhere reports whether this replica reads the stream for other replicas, and where not, until when it did. The
// registry's lock is held.
func (st *stream) wantedElsewhere() (yes bool, last time.Time) {
	if st.member == nil || st.settings.retired() {
		return false, time.Time{}
	}
	return st.member.seat.Wanted()
}

func (st *stream) isWantedElsewhere() bool {
	yes, _ := st.wantedElsewhere()
	return yes
}

// EndRetired ends the streams that linger although no further subscriber will come. See [Settings].
func (r *Registry) EndRetired() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.idle.Front(); e != nil; {
		st := e.Value.(*stream)
		e = e.Next() // before forget removes the element
		if st.settings.retired() {
			r.forget(st)
		}
	}
}

// keep ends the lingering of a stream. The lock is held.
func (r *Registry) keep(st *stream) {
	if l := st.lingering; l != nil {
		st.lingering = nil
		l.timer.Stop()
		r.idle.Remove(l.place)
	}
}

// longestIdle returns the stream that has lingered longest, or nil where none lingers. The lock is held.
func (r *Registry) longestIdle() *stream {
	if e := r.idle.Front(); e != nil {
		return e.Value.(*stream)
	}
	return nil
}

// abandon forgets a stream that has no subscribers. It reports whether the stream is forgotten.
func (r *Registry) abandon(st *stream) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.subscribers == 0 {
		r.forget(st)
	}
	return st.forgotten
}

// forget removes a stream from the registry: Join no longer finds it, and its upstream is no longer read. Subscribers can still
// read its events. The lock is held. A second call changes nothing.
func (r *Registry) forget(st *stream) {
	if st.forgotten {
		return
	}
	st.forgotten = true
	r.drop(st)
	r.keep(st)
	if st.member != nil {
		st.member.leave()
	}
	st.cancel()
	if st.subscribers == 0 {
		st.release()
	}
}
