package fanout

import (
	"math"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// lastPages is what a log held when the upstream ended its stream. The log itself may be released before the followers have it.
type lastPages struct {
	state  replay.State
	events []*replay.Event
	end    *pump.End
	endAt  uint64
}

// keepLast keeps what followers need to end after the last event. The lock is held.
func (m *member) keepLast(end *pump.End) {
	log := m.stream.log
	last := &lastPages{state: log.State(), end: end}
	last.events, _ = log.Read(nil, last.state.Start(), math.MaxInt)
	last.state.First = last.state.Next - uint64(len(last.events))
	last.endAt = last.state.Next
	m.last = last
}

// held returns what the log holds, or what it held at the end of the stream. The lock is held.
func (m *member) held() replay.State {
	if m.last != nil {
		return m.last.state
	}
	return m.stream.log.State()
}

// events appends to dst at most limit of the events from an offset on. The lock is held.
func (m *member) events(dst []*replay.Event, from replay.Position, limit int) []*replay.Event {
	if last := m.last; last != nil {
		first := int(from.Offset - last.state.First)
		return append(dst, last.events[first:min(len(last.events), first+limit)]...)
	}
	dst, _ = m.stream.log.Read(dst, from, limit)
	return dst
}

// idAt returns the id of an event, or "". The lock is held.
func (m *member) idAt(at replay.Position) string {
	if last := m.last; last != nil {
		return last.events[at.Offset-last.state.First].ID
	}
	return idAt(m.stream.log, at)
}

// Page implements [Member].
func (m *member) Page(from Place, limit int) *Page {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.held()
	at := replay.Position{Epoch: state.Epoch, Offset: m.whence(from, state)}
	p := &Page{Term: m.term, Epoch: m.nameOf(state.Epoch), Offset: at.Offset, Oldest: at.Offset == state.First}
	p.Condition, p.Version = m.condition(state)
	if from.Term == p.Term && from.Version == p.Version {
		p.Condition = nil
	}
	if before := at; !p.Oldest {
		before.Offset--
		p.After = m.idAt(before)
	}
	if p.Oldest && (from.Epoch != p.Epoch || from.Next < p.Offset) {
		p.Values = m.valuesBefore(at)
	}
	p.fill(limit, func(dst []*replay.Event) []*replay.Event {
		return m.events(dst, replay.Position{Epoch: at.Epoch, Offset: at.Offset + uint64(len(dst))}, readAtOnce)
	})
	p.More = p.Offset+uint64(len(p.Events)) < state.Next
	return p
}

// fill adds events of about limit bytes to an empty page, or one event of any size. read appends events that follow.
func (p *Page) fill(limit int, read func(dst []*replay.Event) []*replay.Event) {
	for size := 0; ; {
		n := len(p.Events)
		p.Events = read(p.Events)
		for i := n; i < len(p.Events); i++ {
			e := p.Events[i]
			size += len(e.Block()) + len(e.ID) + len(e.Key)
			if i > 0 && size > limit {
				p.Events = p.Events[:i]
				return
			}
		}
		if len(p.Events)-n < readAtOnce {
			return
		}
	}
}

// whence returns the offset at which a page for a place begins.
func (m *member) whence(from Place, state replay.State) uint64 {
	switch {
	case from.Epoch != m.nameOf(state.Epoch) || from.Next < state.First:
		return state.First
	case from.Term == m.term || !m.stream.settings.HasID: // an epoch whose ids are positions has one reader
		return min(from.Next, state.Next)
	}
	at := min(from.Next, state.Next)
	for back := 0; at > state.First && back < readAtOnce; back++ {
		at--
		if m.idAt(replay.Position{Epoch: state.Epoch, Offset: at}) != "" { // an event without an id may look like another one
			return at
		}
	}
	return state.First
}

// valuesBefore returns the last values from before a position.
func (m *member) valuesBefore(at replay.Position) []*replay.Event {
	st := m.stream
	if st.settings.LateJoin.Mode != LatestBy {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.followLog()
	if st.follow.next.Epoch != at.Epoch {
		return nil
	}
	var values []*replay.Event
	for _, e := range st.follow.values.read(nil, 0, at.Offset, math.MaxInt) {
		values = append(values, e.Event())
	}
	return values
}
