package cluster

import "time"

// settle does what follows from the state and the time, and notes when the next step is due if nothing happens before.
func (m *machine) settle() {
	switch m.role {
	case Joining, Follower:
		m.settleOther()
	case Owner:
		m.settleOwner()
	case Alone:
		m.settleAlone()
	case Gone:
		if m.leaves && m.op == noOp && m.revision != 0 {
			m.leaves = false
			m.begin(opDelete, action{kind: doDelete, revision: m.revision})
		}
	}
	m.wake = m.next()
}

// lacksOwner reports whether no replica is known that reads the upstream.
func (s *state) lacksOwner() bool { return s.role == Joining || s.owner == "" || s.dead }

// mayAsk reports whether a request to the store may begin at a time.
func (s *state) mayAsk(now time.Duration) bool {
	return s.op == noOp && s.connected && now >= s.retryAt
}

// settleOther is for a replica that does not read the upstream.
func (m *machine) settleOther() {
	switch {
	case !m.local, !m.lacksOwner():
		m.claimAt, m.unasked = never, never
	case m.claimAt == never && m.role == Joining:
		m.claimAt = m.now
	case m.claimAt == never:
		m.claimAt = m.now + m.jitter
		if m.resigned {
			m.claimAt += resignedClaims
		}
	}
	if m.mayAsk(m.now) && m.now >= m.claimAt {
		m.claim()
	}
	if m.mayAsk(m.now) && m.now >= m.checkAt {
		m.checkAt = never
		m.begin(opGet, action{kind: doGet})
	}
	if m.local && (m.linkIsOver() || m.unasked != never && m.now >= m.unasked+claimPatience) {
		m.goAlone()
	}
}

// claim tries to make the replica the owner, by what it knows of the entry.
func (m *machine) claim() {
	switch {
	case m.revision != 0 && m.base+m.revision >= m.term:
		m.update(m.revision, m.base)
	case m.revision != 0:
		m.update(m.revision, m.term)
	case m.role == Joining && !m.looked: // a key that another replica owns is joined with one question to the store, not three
		m.looked = true
		m.begin(opGet, action{kind: doGet})
	case m.owner == "":
		m.create()
	default:
		m.begin(opGet, action{kind: doGet})
	}
}

func (m *machine) settleOwner() {
	switch {
	case m.linkIsOver():
		m.goAlone()
	case !m.mayAsk(m.now):
	case m.resigned && m.revision != 0:
		m.begin(opDelete, action{kind: doDelete, revision: m.revision})
	case m.now >= m.checkAt:
		m.checkAt = never
		m.begin(opGet, action{kind: doGet})
	}
}

func (m *machine) settleAlone() {
	foreign := m.owner != "" && m.owner != m.me
	switch {
	case foreign && m.alive && !m.dead && m.connected:
		m.follow()
	case !m.mayAsk(m.now):
	case foreign && m.dead && m.local:
		m.claim()
	case m.now >= m.checkAt:
		m.checkAt = never
		m.begin(opGet, action{kind: doGet})
	}
}

// linkIsOver reports whether the connection is lost for so long that the replica must do without.
func (m *machine) linkIsOver() bool { return !m.connected && m.now >= m.lost+m.patience }

func (m *machine) goAlone() {
	m.role, m.claimAt, m.unasked = Alone, never, never
	m.checkAt = max(m.retryAt, m.now+firstRetry)
	m.do(action{kind: doAlone})
}

// next returns when time alone makes the next step due.
func (m *machine) next() time.Duration {
	due := never
	at := func(t time.Duration) {
		if t > m.now {
			due = min(due, t)
		}
	}
	if m.role == Gone {
		return never
	}
	if !m.connected && m.role != Alone {
		at(m.lost + m.patience)
	}
	if m.unasked != never && m.role != Alone {
		at(m.unasked + claimPatience)
	}
	if m.connected && m.op == noOp {
		at(m.retryAt)
		at(m.checkAt)
		at(m.claimAt)
	}
	return due
}
