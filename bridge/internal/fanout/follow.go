package fanout

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// joint says how far the log of a follower is known to be that of the owner. It begins anew with each term, because the log of
// the next owner may differ: each of the two may have events of the last owner that the other one does not have.
type joint struct {
	known   bool   // the log is that of the owner up to next
	next    uint64 // what follows in the log comes from an earlier owner, and is compared with what the owner reads
	forked  bool   // the log is not that of the owner, so it begins anew with the owner's oldest event
	version uint64 // of the newest condition
}

// Follow implements [Member].
func (m *member) Follow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left.Load() || m.last != nil {
		return
	}
	if t := m.turn; t != nil {
		m.turn = nil
		if !m.stream.registry.weak.byPosition {
			t.cancel(errDeposed)
		}
	}
	m.joint = joint{}
	m.stream.note(true)
}

// Take implements [Member].
func (m *member) Take(p *Page) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch weak := m.stream.registry.weak; {
	case m.left.Load() || m.turn != nil:
		return true
	case p.Term < m.term && !weak.anyTerm:
		return true
	case p.Term > m.term:
		m.term, m.joint, m.pending = p.Term, joint{}, nil
	case p.Version < m.joint.version && p.Epoch != m.nameOf(m.stream.log.State().Epoch):
		return true // of an epoch that the owner has left: each epoch begins with a higher version
	}
	events, ok := m.agree(p)
	if !ok {
		return false
	}
	ok = m.apply(p)
	m.append(events)
	m.stream.filled(!p.More)
	if m.pending != nil && m.joint.next >= m.pending.EndAt {
		m.stream.registry.end(m.stream, m.pending.End)
	}
	return ok
}

// agree has the log agree with what a page says, and returns the events of the page that follow the log. ok is false where the
// owner must be asked.
func (m *member) agree(p *Page) (events []*replay.Event, ok bool) {
	state := m.stream.log.State()
	switch {
	case p.Epoch == "": // the owner has nothing yet
		return nil, true
	case p.Epoch != m.nameOf(state.Epoch) || m.joint.forked:
		return p.Events, p.Oldest && m.beginEpoch(p)
	case p.Offset > state.Next && p.Oldest:
		return p.Events, m.leap(p, state.Epoch)
	}
	switch m.compare(p, state) {
	case unknown:
		return nil, false
	case differs:
		m.joint = joint{forked: true, version: m.joint.version}
		return p.Events, p.Oldest && m.beginEpoch(p)
	}
	had := min(uint64(len(p.Events)), state.Next-p.Offset)
	m.joint.known, m.joint.next = true, max(m.joint.next, p.Offset+had)
	if !m.stream.settings.HasID { // an epoch whose ids are positions has one reader
		m.joint.next = state.Next
	}
	return p.Events[had:], true
}

// verdict is what a comparison of the log with a page of its epoch says.
type verdict uint8

const (
	unknown verdict = iota // the page does not show it
	agrees
	differs
)

// compare compares the log with a page, event by event where both have one. An event without an id may look like another one,
// so such events alone decide only where the owner cannot show more.
func (m *member) compare(p *Page, state replay.State) verdict {
	own := !m.stream.settings.HasID
	switch {
	case m.joint.known && p.Offset > m.joint.next && p.Oldest:
		return differs // some events of an earlier owner cannot be compared any more
	case p.Offset > state.Next || m.joint.known && p.Offset > m.joint.next:
		return unknown
	case own || state.First == state.Next:
		return agrees
	case p.Offset+uint64(len(p.Events)) <= state.First: // nothing is added before the owner gets to what the log holds
		return agrees
	}
	sure, some := m.joint.known, false
	if p.Offset > state.First && p.After != "" {
		if idAt(m.stream.log, replay.Position{Epoch: state.Epoch, Offset: p.Offset - 1}) != p.After {
			return differs
		}
		sure = true
	}
	for i, e := range p.Events {
		at := replay.Position{Epoch: state.Epoch, Offset: p.Offset + uint64(i)}
		if at.Offset < state.First {
			continue
		}
		held, _ := m.stream.log.Entries(nil, at, 1)
		if len(held) == 0 {
			break
		}
		if !sameEvent(&held[0], e) {
			return differs
		}
		some, sure = true, sure || e.ID != ""
	}
	switch {
	case sure || some && p.Oldest:
		return agrees
	case p.Oldest:
		return differs
	}
	return unknown
}

func sameEvent(a *replay.Entry, b *replay.Event) bool {
	return a.ID() == b.ID && (b.ID != "" || string(a.Block()) == string(b.Block()))
}

// beginEpoch has the log begin anew where a page begins, which is the owner's oldest event. Subscribers are told. An epoch of
// positions keeps its name, because its ids have the name in them.
func (m *member) beginEpoch(p *Page) (ok bool) {
	st := m.stream
	local := p.Epoch
	if local == st.log.State().Epoch {
		local = newEpoch()
	}
	m.alias = alias{local, p.Epoch}
	st.bury()
	return m.beginAt(p, local)
}

// leap has the log go on in its epoch where a page begins, which is behind the end of the log.
func (m *member) leap(p *Page, local string) (ok bool) {
	st := m.stream
	st.mu.Lock()
	st.leap = replay.Position{Epoch: local, Offset: p.Offset}
	st.mu.Unlock()
	return m.beginAt(p, local)
}

func (m *member) beginAt(p *Page, local string) (ok bool) {
	st := m.stream
	at := replay.Position{Epoch: local, Offset: p.Offset}
	for _, e := range p.Values {
		e.Epoch = local
	}
	st.mu.Lock()
	switch {
	case st.sure.epoch == local:
	case p.Version <= m.joint.version: // what the owner has told of its epoch holds on, and is not applied again
		st.sure.epoch = local
	default:
		st.sure = sureness{epoch: local}
	}
	st.next = at
	st.follow.take(handed{at, p.Values})
	st.newestID = eventID{} // the name of the epoch may be one that the log has had
	st.filling = true       // until the events of the page are there and, where the owner has more, those of further pages
	st.mu.Unlock()
	if err := st.log.BeginAt(local, p.Offset); err != nil { // the log is closed
		return true
	}
	m.joint = joint{known: true, next: p.Offset, version: m.joint.version}
	return true
}

// apply tells subscribers what the owner tells its own. It reports false where the page does not say what that is.
func (m *member) apply(p *Page) (ok bool) {
	if p.Version <= m.joint.version {
		return true
	}
	if p.Condition == nil {
		return false
	}
	m.joint.version = p.Version
	if p.Epoch != "" { // otherwise the log is still the replica's own
		m.stream.rely(p.Condition)
	}
	m.stream.apply(p.Condition)
	if p.Condition.End != nil {
		m.pending = p.Condition
	}
	return true
}

// append adds events to the log that follow it.
func (m *member) append(events []*replay.Event) {
	if len(events) == 0 {
		return
	}
	st := m.stream
	next, now := st.log.State().End(), time.Now()
	fit := false
	for i, e := range events {
		e.Position = replay.Position{Epoch: next.Epoch, Offset: next.Offset + uint64(i)}
		if e.At.After(now) {
			e.At = now
		}
		fit = fit || fits(e.Offset+1)
	}
	if st.log.AppendAll(events) != nil { // the log is closed
		return
	}
	next.Offset += uint64(len(events))
	m.joint.next = next.Offset
	st.grow(next, events[len(events)-1].ID)
	st.registry.makeRoom(st)
	if fit {
		r := recorder{stream: st, next: next}
		r.fitRetry()
	}
}

// filled notes that a follower has had a page. all says that the log has what the owner has: then the subscribers begin that
// have waited for that.
func (st *stream) filled(all bool) {
	st.mu.Lock()
	begin := st.filling && all
	if all {
		st.endFilling()
	}
	if st.since.IsZero() {
		st.since = time.Now()
	}
	st.mu.Unlock()
	if begin {
		st.ring()
	}
}
