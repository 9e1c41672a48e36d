package fanout

import (
	"container/list"
	"time"
)

// lingering is the time of a stream that nobody subscribes to.
type lingering struct {
	place *list.Element
	timer *time.Timer
}

// leave takes a subscriber off. The last one's stream lingers; one that is forgotten already is given back.
func (r *Registry) leave(st *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	st.subscribers--
	switch {
	case st.subscribers > 0:
	case st.forgotten:
		st.release()
	case st.settings.Linger <= 0:
		r.forget(st)
	default:
		l := &lingering{place: r.idle.PushBack(st)}
		st.lingering = l
		l.timer = time.AfterFunc(st.settings.Linger, func() { r.expire(st, l) })
	}
}

// expire forgets a stream whose time is over, unless somebody has come meanwhile.
func (r *Registry) expire(st *stream, l *lingering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.lingering == l {
		r.forget(st)
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

// longestIdle returns the stream that has lingered longest, nil where none does. The lock is held.
func (r *Registry) longestIdle() *stream {
	if e := r.idle.Front(); e != nil {
		return e.Value.(*stream)
	}
	return nil
}

// abandon forgets a stream that nobody subscribes to, and reports whether it did.
func (r *Registry) abandon(st *stream) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st.subscribers == 0 {
		r.forget(st)
	}
	return st.forgotten
}

// forget ends a stream's life: Join does not find it any more. What it has is kept for those who still read it. The lock is
// held; a second call changes nothing.
func (r *Registry) forget(st *stream) {
	if st.forgotten {
		return
	}
	st.forgotten = true
	delete(r.streams, st.key)
	r.keep(st)
	st.cancel()
	if st.subscribers == 0 {
		st.release()
	}
}
