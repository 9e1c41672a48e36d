package fanout

// makeRoom keeps what all streams hold within the limit after st has grown: those that linger end, longest first, and then st
// itself gives up what is oldest in its log, and after that the values that were replaced longest ago.
func (r *Registry) makeRoom(st *stream) {
	if st.account(); r.limits.Bytes <= 0 || r.bytes.Load() <= r.limits.Bytes {
		return
	}
	for _, idle := range r.endIdle() {
		r.Hooks.evicted(idle)
	}
	if over := r.bytes.Load() - r.limits.Bytes; over > 0 {
		st.shrink(over)
	}
}

// endIdle forgets streams that linger until what is held is within the limit, and returns them.
func (r *Registry) endIdle() (ended []*stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.bytes.Load() > r.limits.Bytes {
		idle := r.longestIdle()
		if idle == nil {
			break
		}
		r.forget(idle)
		ended = append(ended, idle)
	}
	return ended
}

// account adds to the registry's sum what the stream holds now.
func (st *stream) account() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.count()
}

// count is account with the lock held.
func (st *stream) count() {
	if st.released {
		return
	}
	held := st.log.State().Bytes + st.values.bytes()
	st.registry.bytes.Add(held - st.counted)
	st.counted = held
}

// shrink gives up so many bytes as far as it can.
func (st *stream) shrink(by int64) {
	held := st.log.State().Bytes
	st.log.Trim(max(0, held-by))
	by -= held - st.log.State().Bytes
	st.mu.Lock()
	defer st.mu.Unlock()
	if by > 0 {
		st.values.trim(max(0, st.values.bytes()-by))
	}
	st.count()
}

// release gives back what the stream holds, once nobody reads it any more.
func (st *stream) release() {
	st.stopWatching()
	st.log.Close()
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.released {
		st.released = true
		st.registry.bytes.Add(-st.counted)
		st.values.clear()
	}
}
