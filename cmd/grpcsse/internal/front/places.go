package front

import (
	"container/list"
	"io"
	"sync"
	"time"
)

// These decide which connections make room for others.
const (
	// firstRequest is how long a new connection keeps its place although it has sent no request. A TLS handshake over a slow
	// network takes most of it.
	firstRequest = 2 * time.Second
	// nearIdle is how long an idle connection keeps its place while few places are left.
	nearIdle = time.Second
	// lobbyIdle, lobbyNew and lobbyBusy are how long a connection in a full lobby keeps its place: after its answer, before its
	// request, and between them.
	lobbyIdle = 250 * time.Millisecond
	lobbyNew  = time.Second
	lobbyBusy = 5 * time.Second
)

// places counts the connections of a listener. Where all places are taken, a connection that waits for a request makes room:
// an idle one at once, a new one after a time. A browser opens an idle connection again without a word to the page. Where no
// connection waits, the newcomer gets a place in the lobby: its request is turned away, and the connection is closed. All
// methods may be called concurrently.
type places struct {
	room Room

	mu    sync.Mutex
	taken int       // places with a connection that is served
	idle  list.List // of *place: served connections between two requests, the one that waits longest first
	fresh list.List // of *place: served connections before their first request, in the same order
	lobby list.List // of *place, in the order of their arrival
	freed chan struct{}

	handedOverEnded func() // gives up the place of a connection that was handed over
}

func newPlaces(room Room) *places {
	p := &places{room: room, freed: make(chan struct{}, 1)}
	p.handedOverEnded = func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.giveUp()
	}
	return p
}

// place is that of one connection.
type place struct {
	of *places
	// turnedAway is true in the lobby.
	turnedAway bool

	// These are guarded by of.mu.
	conn  io.Closer // nil once the connection was handed over
	state state
	since time.Time     // the beginning of state
	in    *list.List    // nil where the place is in no list
	item  *list.Element // of in
}

// state is what a connection does.
type state uint8

const (
	fresh state = iota // it has sent no request yet
	busy
	idle // it waits for its next request
	gone
)

// inLobby returns how long a connection in a full lobby may be in a state.
func (s state) inLobby() time.Duration {
	switch s {
	case fresh:
		return lobbyNew
	case busy:
		return lobbyBusy
	}
	return lobbyIdle
}

// take gives a connection a place. Where there is none, take returns nil, and the caller should try again after wait, or when
// freed receives a value. take closes the connections that make room.
func (p *places) take(conn io.Closer) (s *place, wait time.Duration) {
	p.mu.Lock()
	now := time.Now()
	out := p.makeRoom(now)
	s = &place{of: p, conn: conn, since: now}
	switch {
	case p.taken < p.room.Connections:
		p.taken++
		s.join(&p.fresh)
	case p.lobby.Len() < p.room.Lobby:
		s.turnedAway = true
		s.join(&p.lobby)
	default:
		s, wait = nil, lobbyIdle/4
	}
	p.mu.Unlock()
	closeAll(out)
	return s, wait
}

// makeRoom takes places from connections that must give them up for a newcomer, and returns those connections. The caller holds
// the lock.
func (p *places) makeRoom(now time.Time) (out []io.Closer) {
	if p.taken >= p.room.Connections-p.room.Connections/8 {
		for range 2 { // more than newcomers arrive, so that idle connections become fewer
			out = p.evict(out, p.idle.Front(), now, nearIdle)
		}
	}
	if p.taken >= p.room.Connections {
		out = p.evict(out, p.idle.Front(), now, 0)
	}
	if p.taken >= p.room.Connections {
		out = p.evict(out, p.fresh.Front(), now, firstRequest)
	}
	if p.taken < p.room.Connections || p.lobby.Len() < p.room.Lobby {
		return out
	}
	for item := p.lobby.Front(); item != nil; item = item.Next() {
		if more := p.evict(out, item, now, item.Value.(*place).state.inLobby()); len(more) > len(out) {
			return more
		}
	}
	return out
}

// evict takes the place of a connection that has been in its state for so long, and appends the connection to out. The caller
// holds the lock.
func (p *places) evict(out []io.Closer, item *list.Element, now time.Time, after time.Duration) []io.Closer {
	if item == nil {
		return out
	}
	s := item.Value.(*place)
	if now.Sub(s.since) < after {
		return out
	}
	out = append(out, s.conn)
	s.leaveLocked()
	return out
}

// evictIdle closes the connection that has been idle for longest, and reports whether there was one.
func (p *places) evictIdle() bool {
	p.mu.Lock()
	out := p.evict(nil, p.idle.Front(), time.Now(), 0)
	p.mu.Unlock()
	closeAll(out)
	return len(out) > 0
}

// open returns how many connections there are.
func (p *places) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken + p.lobby.Len()
}

// enter is called when the connection changes its state.
func (s *place) enter(next state) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.state == gone {
		return
	}
	s.state, s.since = next, time.Now()
	if s.turnedAway { // the lobby has all its connections in one list
		return
	}
	s.quit()
	if next == idle {
		s.join(&s.of.idle)
	}
}

// handOver is called when the connection is no longer to be closed for others. It returns what to call once at its end. Until
// then the connection counts, but no memory is kept for it, since it may have a stream for hours. handOver returns nil where the
// connection was closed for another one.
func (s *place) handOver() (ended func()) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	switch {
	case s.state == gone:
		return nil
	case s.turnedAway: // a place in the lobby must be found in its list
		s.conn = noConn{}
		return s.leave
	}
	s.quit()
	s.state = gone
	return s.of.handedOverEnded
}

// noConn takes the place of a connection that was handed over.
type noConn struct{}

func (noConn) Close() error { return nil }

// leave gives the place up. Further calls do nothing.
func (s *place) leave() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.leaveLocked()
}

func (s *place) leaveLocked() {
	if s.state == gone {
		return
	}
	s.state = gone
	s.quit()
	if s.turnedAway {
		s.of.tellFreed()
		return
	}
	s.of.giveUp()
}

// giveUp has a place taken no longer. The caller holds the lock.
func (p *places) giveUp() {
	p.taken--
	p.tellFreed()
}

func (p *places) tellFreed() {
	select {
	case p.freed <- struct{}{}:
	default:
	}
}

func (s *place) join(l *list.List) { s.in, s.item = l, l.PushBack(s) }

func (s *place) quit() {
	if s.in != nil {
		s.in.Remove(s.item)
		s.in, s.item = nil, nil
	}
}

func closeAll(conns []io.Closer) {
	for _, c := range conns {
		_ = c.Close() // the goroutine that serves the connection notices that, and ends
	}
}
