package fanout

import (
	"container/list"
	"time"
)

// lingering is the time in which a stream goes on without subscribers.
type lingering struct {
	place *list.Element // in the registry's list of idle streams
	timer *time.Timer
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
	case !st.settings.lingers():
		r.forget(st)
	default:
		l := &lingering{place: r.idle.PushBack(st)}
		st.lingering = l
		l.timer = time.AfterFunc(st.settings.Linger, func() { r.expire(st, l) })
	}
}

// expire forgets a stream when its lingering is over, unless a subscriber has joined since it began.
func (r *Registry) expire(st *stream, l *lingering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.lingering == l {
		r.forget(st)
	}
}

// EndRetired ends the streams that linger although no further subscriber will come. See [Settings].
func (r *Registry) EndRetired() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.idle.Front(); e != nil; {
		st := e.Value.(*stream)
		e = e.Next() // before forget removes the element
		if !st.settings.lingers() {
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
	st.cancel()
	if st.subscribers == 0 {
		st.release()
	}
}
