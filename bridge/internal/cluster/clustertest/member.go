package clustertest

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Upstream is what the members of one key read: events with the ids 1, 2, 3 and so on. Its methods may be called concurrently.
type Upstream struct {
	mu      sync.Mutex
	sent    int
	readers map[*Member]bool
}

// NewUpstream returns an upstream without events.
func NewUpstream() *Upstream { return &Upstream{readers: map[*Member]bool{}} }

// Send has the upstream send events to all who read it and are not stopped.
func (u *Upstream) Send(events int) {
	u.mu.Lock()
	u.sent += events
	readers := make([]*Member, 0, len(u.readers))
	for m := range u.readers {
		readers = append(readers, m)
	}
	u.mu.Unlock()
	for _, m := range readers {
		m.read()
	}
}

// Sent returns how many events the upstream has sent.
func (u *Upstream) Sent() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sent
}

// Readers returns how many members read the upstream.
func (u *Upstream) Readers() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.readers)
}

func (u *Upstream) open(m *Member, open bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if open {
		u.readers[m] = true
	} else {
		delete(u.readers, m)
	}
}

// Seen is an event as a member has shown it to its subscribers. Reset says that they were told before it that the events do
// not follow those before.
type Seen struct {
	Reset bool
	Epoch string
	At    uint64
	ID    string
}

// Member is a stream for tests: a log, and a reader of an upstream. It implements [fanout.Member].
type Member struct {
	Name      string
	Positions bool // the upstream takes no cursor, and ids are positions: each reader begins an epoch, with the newest event
	up        *Upstream

	mu       sync.Mutex
	led      bool // reads the upstream
	stopped  bool // the process stands still
	term     uint64
	epoch    string
	epochs   int
	first    uint64 // the offset of events[0]
	events   []*replay.Event
	version  uint64
	cursor   int
	reset    bool
	seen     []Seen
	calls    []string
	terms    []uint64 // of Lead
	watchers map[int]func()
	watches  int

	published fanout.Place
}

// NewMember returns a member that reads an upstream when it is to.
func NewMember(name string, up *Upstream) *Member {
	return &Member{Name: name, up: up, watchers: map[int]func(){}}
}

// Lead implements [fanout.Member].
func (m *Member) Lead(term uint64) {
	m.mu.Lock()
	m.term = term
	m.calls, m.terms = append(m.calls, "lead"), append(m.terms, term)
	m.open()
	m.mu.Unlock()
	m.read()
}

// Alone implements [fanout.Member].
func (m *Member) Alone() {
	m.mu.Lock()
	m.calls = append(m.calls, "alone")
	m.open()
	m.mu.Unlock()
	m.read()
}

// open begins to read the upstream. The lock is held.
func (m *Member) open() {
	if m.led {
		return
	}
	m.led = true
	m.up.open(m, true)
	if m.epoch == "" || m.Positions {
		m.begin(fmt.Sprintf("%s%d", m.Name, m.epochs), 0)
		m.epochs++
	}
	if m.Positions {
		m.cursor = max(0, m.up.Sent()-1)
	}
}

// begin begins an epoch. The lock is held.
func (m *Member) begin(epoch string, first uint64) {
	m.reset = m.reset || m.epoch != ""
	m.epoch, m.first, m.events = epoch, first, nil
}

// Follow implements [fanout.Member].
func (m *Member) Follow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, "follow")
	m.led = false
	m.up.open(m, false)
}

// Close has the member stop to read, as the end of its process does.
func (m *Member) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.led = false
	m.up.open(m, false)
}

// Stop has the reading half of the member stand still, or go on.
func (m *Member) Stop(stopped bool) {
	m.mu.Lock()
	m.stopped = stopped
	m.mu.Unlock()
	m.read()
}

// read appends what the upstream has sent.
func (m *Member) read() {
	m.mu.Lock()
	if !m.led || m.stopped {
		m.mu.Unlock()
		return
	}
	for sent := m.up.Sent(); m.cursor < sent; {
		m.append(event(m.epoch, m.next(), strconv.Itoa(m.cursor+1)))
	}
	var notify []func()
	for _, w := range m.watchers {
		notify = append(notify, w)
	}
	m.mu.Unlock()
	for _, w := range notify {
		w()
	}
}

// append shows an event. The lock is held.
func (m *Member) append(e *replay.Event) {
	m.events = append(m.events, e)
	m.cursor, _ = strconv.Atoi(e.ID)
	m.seen = append(m.seen, Seen{Reset: m.reset, Epoch: m.epoch, At: e.Offset, ID: e.ID})
	m.reset = false
}

// event returns an event. Its block is large enough that pages and parts have something to do.
func event(epoch string, at uint64, id string) *replay.Event {
	block := fmt.Sprintf("id: %s\ndata: {\"n\":%s}\n\n", id, id)
	e, err := replay.NewEvent(replay.Position{Epoch: epoch, Offset: at}, []byte(block), len(id)+5)
	if err != nil {
		panic(err)
	}
	e.ID, e.At = id, time.Now()
	return e
}

func (m *Member) next() uint64 { return m.first + uint64(len(m.events)) }

// Place implements [fanout.Member].
func (m *Member) Place() fanout.Place {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := fanout.Place{Term: m.term, Epoch: m.epoch, Next: m.next(), Version: m.version}
	if n := len(m.events); n > 0 {
		at.LastID = m.events[n-1].ID
	}
	return at
}

// Take implements [fanout.Member].
func (m *Member) Take(p *fanout.Page) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.Term < m.term {
		return true
	}
	if p.Epoch != m.epoch {
		if !p.Oldest {
			return false
		}
		m.begin(p.Epoch, p.Offset)
	}
	if p.Offset > m.next() {
		if !p.Oldest {
			return false
		}
		m.begin(p.Epoch, p.Offset)
	}
	for i, e := range p.Events {
		at := p.Offset + uint64(i)
		switch {
		case at < m.first:
		case at < m.next() && m.events[at-m.first].ID != e.ID:
			m.begin("", 0)
			m.reset = true
			return false
		case at == m.next():
			m.append(event(m.epoch, at, e.ID))
		}
	}
	m.term, m.version = p.Term, p.Version
	return true
}

// mostHeld is how many events a member's log holds for others.
const mostHeld = 50

// Page implements [fanout.Member].
func (m *Member) Page(from fanout.Place, _ int) *fanout.Page {
	m.mu.Lock()
	defer m.mu.Unlock()
	const most, back = 20, 5
	oldest := max(m.first, m.next()-min(m.next(), mostHeld))
	begin := from.Next
	if from.Term != m.term {
		begin -= min(begin, back)
	}
	if from.Epoch != m.epoch || begin < oldest || begin > m.next() {
		begin = oldest
	}
	p := &fanout.Page{Term: m.term, Epoch: m.epoch, Offset: begin, Oldest: begin == oldest, Version: m.version}
	if begin > m.first {
		p.After = m.events[begin-m.first-1].ID
	}
	p.Events = m.events[begin-m.first:]
	if len(p.Events) > most {
		p.Events, p.More = p.Events[:most], true
	}
	return p
}

// Watch implements [fanout.Member].
func (m *Member) Watch(notify func()) (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watches++
	id := m.watches
	m.watchers[id] = notify
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, id)
	}
}

// Published implements [fanout.Member].
func (m *Member) Published(to fanout.Place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.published = to
}

// LastPublished returns the newest place that the member was told as published.
func (m *Member) LastPublished() fanout.Place {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.published
}

// Watched reports whether the member is watched.
func (m *Member) Watched() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.watchers) > 0
}

// Seen returns what the member has shown.
func (m *Member) Seen() []Seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Seen(nil), m.seen...)
}

// Newest returns the number of the newest event that the member has.
func (m *Member) Newest() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cursor
}

// Leads reports whether the member reads the upstream.
func (m *Member) Leads() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.led
}

// Calls returns the changes of the member's role: "lead", "follow" and "alone".
func (m *Member) Calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.calls...)
}

// Terms returns the terms in which the member was to lead.
func (m *Member) Terms() []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]uint64(nil), m.terms...)
}
