package cluster

import (
	"errors"
	"time"
)

// step returns the state after an input, and what is to be done in this order. It has no other effect.
func step(s state, in input) (state, []action) {
	m := machine{state: s, now: in.at, jitter: in.jitter}
	if m.role == Gone && m.op == noOp {
		return s, nil
	}
	switch e := in.event.(type) {
	case wantChanged:
		m.local = e.local
	case resignAsked:
		m.resign()
	case leaveAsked:
		m.leave()
	case linkChanged:
		m.link(e.connected)
	case clockJumped:
		m.checkAt = min(m.checkAt, m.now)
	case heard:
		m.hear(e)
	case ownerGaveUp:
		m.hear(heard(e))
		if e.from == m.owner && e.term == m.term && m.role != Owner {
			m.forgetOwner()
		}
	case ownerDenied:
		if e.from == m.owner && e.term == m.term && m.role == Follower {
			m.dead = true
		}
	case verdictCame:
		m.verdict(e)
	case entryAnswer:
		m.answer(e)
	}
	m.settle()
	return m.state, m.todo
}

// machine is a step under way.
type machine struct {
	state
	now    time.Duration
	jitter time.Duration
	todo   []action
}

func (m *machine) do(a action) { m.todo = append(m.todo, a) }

// begin has something done with the entry. Nothing else is under way with it.
func (m *machine) begin(op entryOp, a action) {
	m.op = op
	if m.unasked == never {
		m.unasked = m.now
	}
	m.do(a)
}

func (m *machine) resign() {
	m.resigned = true
	if m.role == Owner {
		m.checkAt = m.now
	}
}

func (m *machine) leave() {
	m.leaves = m.role == Owner || m.role == Alone && m.owner == m.me
	m.role = Gone
}

func (m *machine) link(connected bool) {
	switch {
	case connected == m.connected:
	case connected:
		m.connected = true
		m.retryAt, m.retry = m.now, firstRetry
		switch m.role {
		case Owner, Alone: // Another replica may have taken over.
			m.checkAt = m.now + m.jitter
		case Follower: // Pages may be lost.
			m.do(action{kind: doAsk})
		case Joining, Gone:
		}
	default:
		m.connected, m.lost = false, m.now
		m.alive, m.dead = false, false // what is known of the owner is out of date
	}
}

// hear learns that another replica owns the key.
func (m *machine) hear(h heard) {
	if h.term <= m.term || h.from == m.me || m.role == Gone {
		return
	}
	m.learn(h.from, h.term, 0, 0)
	switch m.role {
	case Owner, Joining:
		m.follow()
	case Follower:
		m.do(action{kind: doAsk})
	case Alone: // The other replica can be heard. Whether it can be asked shows when the store answers.
		m.checkAt = m.now
	}
}

// learn notes the owner in the highest term.
func (m *machine) learn(owner string, term, revision, base uint64) {
	if owner != m.owner {
		m.alive = false
	}
	if owner != m.owner || term != m.term {
		m.dead = false
	}
	m.owner, m.term, m.revision, m.base = owner, term, revision, base
	m.claimAt = never
}

// forgetOwner notes that the key has no owner.
func (m *machine) forgetOwner() {
	m.owner, m.revision, m.base, m.dead, m.alive = "", 0, 0, false, false
}

func (m *machine) verdict(v verdictCame) {
	if v.replica != m.owner || m.role == Gone {
		return
	}
	m.dead, m.alive = !v.alive, v.alive
	if v.alive {
		m.claimAt = never
	}
}

func (m *machine) lead(term, revision, base uint64) {
	m.owner, m.term, m.revision, m.base = m.me, term, revision, base
	m.dead, m.alive, m.claimAt, m.unasked = false, false, never, never
	m.role, m.checkAt = Owner, m.now+recheckAfter
	m.do(action{kind: doLead, term: term})
}

// follow has the replica follow the owner that it knows.
func (m *machine) follow() {
	m.role, m.checkAt, m.unasked, m.claimAt = Follower, never, never, never
	m.do(action{kind: doFollow})
	m.do(action{kind: doAsk})
}

// answer acts on what the store said.
func (m *machine) answer(a entryAnswer) {
	m.op = noOp
	if !answered(a.err) {
		m.retryAt = m.now + m.retry
		m.retry = min(2*m.retry, mostRetry)
		m.checkAt = min(m.checkAt, m.retryAt)
		return
	}
	m.retryAt, m.retry = m.now, firstRetry
	if !errors.Is(a.err, ErrExists) && !errors.Is(a.err, ErrConflict) { // after those, what the entry says is to be read
		m.unasked = never
	}
	if m.role == Gone {
		if a.err == nil && (a.op == opCreate || a.op == opUpdate) {
			m.leaves, m.revision, m.term = true, a.revision, a.base+a.revision
		}
		m.gaveUp(a)
		return
	}
	switch {
	case a.op == opDelete:
		m.gaveUp(a)
	case a.op == opGet && a.err == nil:
		m.found(a)
	case a.op == opGet:
		m.foundNone()
	case a.err != nil: // Another replica was faster, or the entry is not as it was known.
		m.begin(opGet, action{kind: doGet})
	case a.base+a.revision <= m.term && !m.local && m.role != Owner:
		m.begin(opDelete, action{kind: doDelete, revision: a.revision})
	case a.base+a.revision <= m.term: // A higher term was heard of: the store was set back, or another replica was faster.
		m.update(a.revision, m.term)
	default:
		m.lead(a.base+a.revision, a.revision, a.base)
	}
}

// gaveUp notes that the replica's own entry is deleted.
func (m *machine) gaveUp(a entryAnswer) {
	if a.op != opDelete {
		return
	}
	m.revision, m.checkAt = 0, m.now+resignedCheck
	if a.err == nil {
		m.do(action{kind: doSayGaveUp, term: m.term})
	} else {
		m.checkAt = m.now
	}
}

// found acts on an entry.
func (m *machine) found(a entryAnswer) {
	term := a.base + a.revision
	mine := a.owner == m.me
	// Two owners cannot have one term, except where the store was set back.
	stale := term < m.term || term == m.term && a.owner != m.owner
	switch {
	case m.role == Owner && mine && term == m.term:
		m.checkAt = m.now + recheckAfter
	case mine && !m.local && m.role != Owner:
		m.begin(opDelete, action{kind: doDelete, revision: a.revision})
	case mine && !stale && !m.resigned, stale && m.mayTakeBack():
		// The entry is a claim whose answer was lost, or the store was set back behind the terms that the replica has heard of.
		// The new revision makes sure that no earlier request which is still on its way changes the entry.
		m.update(a.revision, max(a.base, m.term))
	case stale || mine:
		m.revision, m.base = a.revision, a.base
		m.checkAt = m.now + recheckAfter
	default:
		m.adopt(a, term)
	}
}

// mayTakeBack reports whether the replica claims an entry whose term is not above the one that it has heard of. The owner in
// such an entry is not the one that the other replicas hear.
func (m *machine) mayTakeBack() bool {
	return m.role == Owner && !m.resigned || m.local && (m.role == Joining || m.dead || m.owner == "" || m.owner == m.me)
}

// adopt learns from an entry that another replica owns the key.
func (m *machine) adopt(a entryAnswer, term uint64) {
	known := a.owner == m.owner && term == m.term
	m.learn(a.owner, term, a.revision, a.base)
	switch {
	case m.role == Owner, m.role == Joining:
		m.follow()
	case m.role == Follower && !known:
		m.do(action{kind: doAsk})
	case m.role == Alone:
		m.checkAt = m.now + mostRetry
	}
}

// foundNone acts on there being no entry.
func (m *machine) foundNone() {
	switch {
	case m.role == Owner && m.resigned:
		m.revision = 0
		m.checkAt = m.now + resignedCheck
	case m.role == Owner, m.local && (m.role != Follower || m.dead || m.owner == ""):
		m.create()
	default:
		m.forgetOwner()
		m.checkAt = m.now + m.retry
	}
}

func (m *machine) create() { m.begin(opCreate, action{kind: doCreate}) }

func (m *machine) update(revision, base uint64) {
	m.begin(opUpdate, action{kind: doUpdate, revision: revision, base: base})
}

func answered(err error) bool {
	return err == nil || errors.Is(err, ErrExists) || errors.Is(err, ErrConflict) || errors.Is(err, ErrNoEntry)
}
