package fanout

import (
	"hash/maphash"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// past holds the ids that no longer stand for a place in the log: ids of events in earlier epochs, and ids that the upstream
// refused as a cursor. A later epoch may have an event with the same id, but the events behind that event are other ones. So a
// subscriber with such an id gets no place by it. The number of ids is bounded: the oldest are forgotten. The zero value with a
// limit is empty.
//
// past keeps hashes with a secret seed. Two ids with the same hash cost a subscriber its place, and have no other effect.
type past struct {
	limit  int
	seed   maphash.Seed
	why    map[uint64]ending.Reset
	order  []uint64 // the hashes in the order in which they came; a ring once it is full
	oldest int      // the index of the oldest hash in the ring
}

// minPast is how many ids are remembered at least, even where the log holds fewer events.
const minPast = 1024

func newPast(log replay.Bounds) past { return past{limit: max(minPast, log.Events)} }

// add remembers an id and why a stream cannot go on after it. The reason of an id that the upstream refused does not change.
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

// reason returns why a stream cannot go on after an id, or [ending.NoReset] where the id is not in past.
func (p *past) reason(id string) ending.Reset {
	if p.why == nil {
		return ending.NoReset
	}
	return p.why[maphash.String(p.seed, id)]
}

// bury adds the ids of all held events to past, because a new epoch is about to begin. The bridge's own ids name their epoch,
// so they are not added.
func (st *stream) bury() {
	if !st.settings.HasID || st.catchesUp() { // the upstream may go on behind them
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.cursor = cursorNotice{} // its id may be one of those
	state := st.log.State()
	var events []replay.Entry
	for at := state.Start(); at.Offset < state.Next; at.Offset += uint64(len(events)) {
		var err error
		if events, err = st.log.Entries(events[:0], at, readAtOnce); err != nil || len(events) == 0 {
			return
		}
		for i := range events {
			st.past.add(events[i].ID(), ending.ResetEpoch)
		}
	}
}

// refuse notes that the upstream does not take an id as a cursor.
func (st *stream) refuse(id string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.past.add(id, ending.ResetInvalid)
	st.cursor = cursorNotice{} // it may tell this id
}
