package fanout

import (
	"maps"
	"slices"
	"sync"
)

// makeRoom keeps the bytes of all streams within the limit after st has grown. First it ends the catch-ups that hold any. Then it
// ends streams without subscribers, the longest idle first. Then it evicts the oldest events from the log of st, and after that
// the oldest of its last values. Neither a stream nor a log gives way to a catch-up.
func (r *Registry) makeRoom(st *stream) {
	limit := r.limits.Load().Bytes
	if limit <= 0 || r.Bytes() <= limit {
		return
	}
	for _, catching := range r.holders.list() {
		catching.update(catching.catchUps.giveRoom)
	}
	for _, idle := range r.endIdle(limit) {
		r.Hooks.evicted(idle)
	}
	if over := r.bytes.Load() - limit; over > 0 {
		st.shrink(over)
	}
}

// holders are the streams whose catch-ups hold bytes, whether the registry still has these streams or has forgotten them. The
// lock of a stream may be held.
type holders struct {
	mu  sync.Mutex
	all map[*stream]struct{}
}

// note notes whether the catch-ups of a stream hold bytes.
func (h *holders) note(st *stream, hold bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !hold {
		delete(h.all, st)
		return
	}
	if h.all == nil {
		h.all = map[*stream]struct{}{}
	}
	h.all[st] = struct{}{}
}

func (h *holders) list() []*stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.all))
}

// endIdle forgets streams without subscribers until their bytes are within the limit, and returns these streams.
func (r *Registry) endIdle(limit int64) (ended []*stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.bytes.Load() > limit {
		idle := r.longestIdle()
		if idle == nil {
			break
		}
		r.forget(idle)
		ended = append(ended, idle)
	}
	return ended
}

// count updates the registry's sum with the bytes that the stream holds now. The lock is held.
func (st *stream) count() {
	if st.released {
		return
	}
	held := st.log.Bytes() + st.follow.bytes()
	if held != st.counted {
		st.registry.bytes.Add(held - st.counted)
		st.counted = held
	}
}

// shrink evicts events of so many bytes, or of as many as it can.
func (st *stream) shrink(by int64) {
	held := st.log.State().Bytes
	st.log.Trim(max(0, held-by))
	by -= held - st.log.State().Bytes
	st.mu.Lock()
	defer st.mu.Unlock()
	if by > 0 {
		st.follow.trim(max(0, st.follow.bytes()-by))
	}
	st.count()
}

// release drops what the stream holds. No subscriber reads the stream any more.
func (st *stream) release() {
	st.stopWatching()
	st.log.Close()
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.released {
		st.released = true
		if st.pace != nil {
			st.pace.stop()
		}
		st.registry.bytes.Add(-st.counted)
		st.follow.clear()
		st.catchUps.close()
	}
}
