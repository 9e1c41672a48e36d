package fanout

import (
	"maps"
	"slices"
	"strconv"
)

// retired are the streams that have given up their key, because a subscriber came that may not join them. They go on until
// their last subscriber has left. See [Settings]. The registry's lock guards it.
type retired struct {
	streams map[*stream]struct{}
	count   uint64 // how many streams there were
}

// setAside takes a stream from its key, so that the next subscriber with the key begins a stream. The lock is held.
func (r *Registry) setAside(st *stream) {
	if st.subscribers == 0 {
		r.forget(st)
		return
	}
	delete(r.streams, st.key)
	if r.retired.streams == nil {
		r.retired.streams = map[*stream]struct{}{}
	}
	r.retired.streams[st] = struct{}{}
	r.retired.count++
	if st.member != nil {
		st.member.setAside()
	}
}

// identityAfter returns what distinguishes a new stream with a key from all others, also from those with the same key that were
// set aside.
func (set *retired) identityAfter(key string) string {
	if len(set.streams) == 0 {
		return key
	}
	return key + "#" + strconv.FormatUint(set.count, 10)
}

// drop removes a stream from the registry's lists. The lock is held.
func (r *Registry) drop(st *stream) {
	if r.streams[st.key] == st {
		delete(r.streams, st.key)
	}
	delete(r.retired.streams, st)
}

// all returns the streams that are not forgotten. The lock is held.
func (r *Registry) all() []*stream {
	return slices.AppendSeq(slices.Collect(maps.Values(r.streams)), maps.Keys(r.retired.streams))
}

// count returns how many streams are not forgotten. The lock is held.
func (r *Registry) count() int { return len(r.streams) + len(r.retired.streams) }
