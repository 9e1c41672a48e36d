package fanout

import (
	"hash/maphash"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// past is the ids that say nothing about the log any more: those that events of its earlier epochs had, and those that the
// upstream refused as a cursor. A later epoch may bring an event with the same id, and what follows there is not what followed
// before, so no subscriber is placed by such an id. It is bounded: the oldest are forgotten. The zero value, with a limit, is empty.
//
// It keeps hashes with a secret seed. Two ids with the same one would cost a subscriber its place, and nothing else.
type past struct {
	limit  int
	seed   maphash.Seed
	why    map[uint64]ending.Reset
	order  []uint64 // of the ids, as they came; a ring once it is full
	oldest int      // of the ring
}

// minPast is how many ids are remembered at least, where the log may hold fewer events.
const minPast = 1024

func newPast(log replay.Bounds) past { return past{limit: max(minPast, log.Events)} }

// add remembers an id, and why it cannot be resumed from. What the upstream refused stays that.
func (p *past) add(id string, why ending.Reset) {
	if id == "" {
		return
	}
	if p.why == nil {
		p.seed, p.why = maphash.MakeSeed(), map[uint64]ending.Reset{}
	}
	hash := maphash.String(p.seed, id)
	known, ok := p.why[hash]
	switch {
	case !ok && len(p.order) < p.limit:
		p.order = append(p.order, hash)
	case !ok:
		delete(p.why, p.order[p.oldest])
		p.order[p.oldest] = hash
		p.oldest = (p.oldest + 1) % p.limit
	case known == ending.ResetInvalid:
		return
	}
	p.why[hash] = why
}

// reason returns why an id cannot be resumed from, ending.NoReset where it is not among these.
func (p *past) reason(id string) ending.Reset {
	if p.why == nil {
		return ending.NoReset
	}
	return p.why[maphash.String(p.seed, id)]
}

// bury has nobody resume from the ids that the log shows, since a new epoch is about to begin. Ids of the bridge's own say
// which epoch they are of.
func (st *stream) bury() {
	if !st.settings.HasID {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.cursor = cursorNotice{} // its id may be one of them
	state := st.log.State()
	var events []*replay.Event
	for at := state.Start(); at.Offset < state.Next; at.Offset += uint64(len(events)) {
		var err error
		if events, err = st.log.Read(events[:0], at, readAtOnce); err != nil || len(events) == 0 {
			return
		}
		for _, e := range events {
			st.past.add(e.ID, ending.ResetEpoch)
		}
	}
}

// refuse notes that the upstream does not take an id as a cursor.
func (st *stream) refuse(id string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.past.add(id, ending.ResetInvalid)
	st.cursor = cursorNotice{} // it may be that of this id
}
