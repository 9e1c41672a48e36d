package fanout

import (
	"maps"
	"slices"

	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// conditions holds the newest condition of a stream that this replica reads.
type conditions struct {
	version uint64
	newest  *Condition
	key     conditionKey
}

// conditionKey differs between two conditions that differ.
type conditionKey struct {
	accepts uint32
	gap     uint32
	sure    sureness
	ended   bool
}

// condition returns what followers are told beside the events, and its version, which is not 0. state is that of the log. The
// lock is held.
func (m *member) condition(state replay.State) (*Condition, uint64) {
	st, c := m.stream, &m.told
	st.mu.Lock()
	defer st.mu.Unlock()
	key := conditionKey{accepts: st.accepts, gap: st.gap.told, ended: m.last != nil}
	if st.sure.known && st.sure.epoch == state.Epoch {
		key.sure = st.sure
	}
	if c.newest != nil && c.key == key {
		return c.newest, c.version
	}
	now := &Condition{
		Accepted: st.accepted, Header: st.header,
		Sure: key.sure.known, SureFrom: key.sure.from, SureResumed: key.sure.resumed,
	}
	if key.gap != 0 {
		now.Stale, now.By = true, st.gap.by
	}
	if key.ended {
		now.End, now.EndAt = m.last.end, m.last.endAt
	}
	c.newest, c.key = now, key
	c.version++
	return c.newest, c.version
}

// rely takes over from where on the owner relies on the ids of the log's epoch. While it was alone, this replica may have relied on
// earlier ones.
func (st *stream) rely(c *Condition) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sure = sureness{epoch: st.log.State().Epoch, known: c.Sure, from: c.SureFrom, resumed: c.SureResumed}
}

// apply tells subscribers what the owner tells its own. The stream's end is not told yet.
func (st *stream) apply(c *Condition) {
	st.mu.Lock()
	accept := c.Accepted && (!st.accepted || !sameHeader(st.header, c.Header))
	st.mu.Unlock()
	if accept {
		st.accept(c.Header)
	}
	st.setStale(c.Stale, c.By)
}

func sameHeader(a, b reading.Header) bool { return maps.EqualFunc(a, b, slices.Equal[[]string]) }
