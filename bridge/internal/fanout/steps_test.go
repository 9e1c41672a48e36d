package fanout_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// join connects a page with any kind of id.
func (m *machine) join(s step) error {
	if m.clients[s.who] != nil {
		return nil
	}
	kind := cursorKinds()[s.kind]
	l := kind.of(m, s)
	if l.lastID == "" {
		kind = cursorKinds()[0]
	}
	m.seen.pair(kind.name, m.answer)
	n := fanout.Newcomer{LastEventID: l.lastID, Malformed: kind.malformed}
	l.follows, l.values = l.lastID != "", false
	made := false
	subscriber, err := m.registry.Join("key", n, func() (fanout.Settings, reading.Upstream) {
		made = true
		m.stream = &streamModel{settings: &m.settings, upstream: newFakeUpstream(), beganAt: time.Now()}
		return m.settings, m.stream.upstream
	})
	if err != nil {
		return err
	}
	synctest.Wait() // a new stream may begin its log at once
	if !made && m.stream.over != "" {
		return fmt.Errorf("joined a stream that is over: %s", m.stream.over)
	}
	c := &clientModel{Subscriber: subscriber, stream: m.stream, id: n.LastEventID, epoch: -1, ledger: l}
	c.early = !m.stream.accepted
	switch {
	case n.Malformed:
		c.reset = "invalid"
	case c.id != "":
		c.resume()
	}
	if m.stream.accepted && !c.anchored {
		c.place()
	}
	c.stop = c.Topic().Watch(func() { c.rang.Store(true) })
	m.clients[s.who] = c
	return nil
}

// cursorKind is a kind of id with which a page comes.
type cursorKind struct {
	name      string
	malformed bool
	of        func(m *machine, s step) ledger // without an id where there is none of the kind
}

func cursorKinds() []cursorKind {
	is := func(id string) ledger { // as if the page had had the message with this id
		at := had{index: -9}
		at.seq, _ = strconv.Atoi(id)
		return ledger{lastID: id, idAt: at, last: at}
	}
	return []cursorKind{
		{name: "none", of: func(*machine, step) ledger { return ledger{} }},
		{name: "its own", of: func(m *machine, s step) ledger { return m.pages[s.who] }},
		{name: "one that some page had", of: func(m *machine, s step) ledger {
			if len(m.ids) == 0 {
				return ledger{}
			}
			return m.ids[(s.n*7+s.take)*13%len(m.ids)]
		}},
		{name: "made up", of: func(*machine, step) ledger { return is("9223372036854775807") }},
		{name: "of what comes later", of: func(m *machine, s step) ledger { return is(strconv.Itoa(m.published + 1 + s.take)) }},
		{name: "refused", of: func(m *machine, _ step) ledger { return is(m.refused) }},
		{name: "of another process", of: func(_ *machine, s step) ledger { return is(fmt.Sprint("abcdefgh-", s.n)) }},
		{name: "the beginning of another process", of: func(*machine, step) ledger { return is("abcdefgh-start") }},
		{name: "malformed", malformed: true, of: func(*machine, step) ledger { return is("mal formed") }},
	}
}

// leave disconnects a page. The page comes back with its newest id.
func (m *machine) leave(s step) error {
	c := m.clients[s.who]
	if c == nil {
		return nil
	}
	c.stop()
	c.Close()
	m.clients[s.who] = nil
	m.idleSince = time.Now()
	if m.pages[s.who] = (ledger{lastID: c.lastID, idAt: c.idAt, last: c.idAt}); c.lastID != "" {
		m.ids = append(m.ids, m.pages[s.who])
	}
	return nil
}

// read takes some of the pieces that there are for a page.
func (m *machine) read(s step) error {
	c := m.clients[s.who]
	if c == nil {
		return nil
	}
	c.idle = false
	pieces, end, err := c.peek(10 * s.n)
	if err != nil {
		return err
	}
	take := min(s.take, len(pieces))
	if end != nil && take == len(pieces) {
		return errors.Join(c.advance(take), m.leave(s))
	}
	return c.advance(take)
}

// drain takes all pieces that there are for a page, and checks that no more follow.
func (m *machine) drain(s step) error {
	for {
		c := m.clients[s.who]
		if c == nil {
			return nil
		}
		c.idle = true
		c.rang.Store(false)
		pieces, end, err := c.peek(100)
		if err == nil {
			err = c.advance(len(pieces))
		}
		switch {
		case err != nil:
			return err
		case end != nil:
			return m.leave(s)
		case len(pieces) > 0 && !c.Drained():
			continue
		}
		e, _ := c.stream.log.newest()
		if waits := c.epoch < 0; c.index < len(e.events) && !waits {
			return fmt.Errorf("the client at %d does not get what is there until %d", c.index, len(e.events))
		}
		return nil
	}
}

// overdue calls Overdue for a page, as a pump does whose write is blocked.
func (m *machine) overdue(s step) error {
	c := m.clients[s.who]
	if c == nil {
		return nil
	}
	lacks, stalled := s.n-4, s.take%2 == 0
	want, got := c.overdue(lacks, stalled), c.Overdue(lacks, stalled)
	switch {
	case got != want:
		return fmt.Errorf("expected overdue to be %v, found %v", want, got)
	case got:
		return m.leave(s)
	}
	return nil
}

// publish has the upstream send messages. While the upstream is not read, the messages are missed.
func (m *machine) publish(s step) error {
	m.published += s.n
	return m.send()
}

func (m *machine) send() (err error) {
	st := m.stream
	if st == nil || st.current == nil || !st.current.accepted {
		return nil
	}
	at := st.current
	at.do(func() *reading.Result {
		for ; st.sent < m.published; st.sent++ {
			err = errors.Join(err, at.sink.Event(at.ctx, m.message(st.sent+1)))
			at.brought++
		}
		return nil
	})
	return err
}

// message is what the upstream sends. Some messages have no id, some no key, some a mark.
func (m *machine) message(seq int) *reading.Event {
	text := strconv.Itoa(seq)
	e := &reading.Event{Block: []byte("data: " + text), ID: []byte(text), Mark: seq%4 == 0}
	if m.gaps && seq%5 == 0 {
		e.ID = nil
	}
	if key := seq * seq % 5; key > 0 {
		e.Key = []byte{byte('a' + key)}
	}
	return e
}

// accept has the upstream accept and send the messages that it owes.
func (m *machine) accept(s step) error {
	st := m.stream
	if st == nil || st.current == nil || st.current.accepted {
		return nil
	}
	at := st.current
	st.sent = max(0, m.published-m.history)
	if at.HasCursor {
		m.seen.answers[m.answer]++
		switch m.answer {
		case "refuses":
			return m.refuse(s)
		case "ends":
			return m.end(s)
		case "is silent":
			return nil
		case "ignores":
			st.sent = max(0, m.published-5)
		default:
			seq, err := strconv.Atoi(at.Cursor)
			if err != nil {
				return fmt.Errorf("the upstream got the cursor %q, which it never gave", at.Cursor)
			}
			st.sent = seq
		}
	}
	at.accepted = true
	st.accept()
	if st.dropped = false; s.n%2 == 0 || st.sent >= m.published { // else an event says so
		at.accept()
	}
	return m.send()
}

// breakUp ends an upstream stream so that it may be opened again.
func (m *machine) breakUp(step) error {
	if m.stream == nil || m.stream.current == nil {
		return nil
	}
	st, at := m.stream, m.stream.current
	if st.current = nil; !st.accepted {
		st.over = "broken"
	}
	st.broken()
	at.end(reading.Broken, "broken")
	return nil
}

// restart ends an upstream stream that has begun. The upstream accepts the next one, which brings the cursor.
func (m *machine) restart(s step) error {
	if m.stream == nil || m.stream.current == nil || !m.stream.current.accepted {
		return m.accept(s)
	}
	if err := errors.Join(m.publish(step{n: 1}), m.breakUp(s), m.look()); err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	return errors.Join(m.look(), m.accept(s))
}

// refuse has the upstream refuse a cursor.
func (m *machine) refuse(step) error {
	if m.stream == nil || m.stream.current == nil {
		return nil
	}
	st, at := m.stream, m.stream.current
	st.current = nil
	if !at.HasCursor || at.brought > 0 {
		st.over = "refused"
	} else {
		st.dropped, m.refused = true, at.Cursor
		st.log.past[at.Cursor] = "invalid"
		st.aged = st.aged || !m.connected()
	}
	at.end(reading.Refused, "refused")
	return nil
}

// end ends the stream.
func (m *machine) end(step) error {
	if m.stream == nil || m.stream.current == nil {
		return nil
	}
	st, at := m.stream, m.stream.current
	st.current, st.over = nil, "ended"
	at.end(reading.Over, "ended")
	return nil
}

func (m *machine) sleep(s step) error {
	time.Sleep(s.d)
	return nil
}

// change sets how the upstream answers a cursor from now on.
func (m *machine) change(s step) error {
	m.answer = answers()[s.n%len(answers())]
	return nil
}

// show has the log show events that it took.
func (m *machine) show(s step) error {
	if m.stream != nil {
		m.stream.log.show(s.n + 1)
	}
	return nil
}

// other joins another stream. There is room for it only where the first stream has no subscribers.
func (m *machine) other(step) error {
	needed := slices.ContainsFunc(m.clients[:], func(c *clientModel) bool { return c != nil && c.stream.over == "" })
	s := m.settings
	s.Linger = -1
	made := m.stream
	log := made
	c, err := m.registry.Join("other", fanout.Newcomer{}, func() (fanout.Settings, reading.Upstream) {
		log = &streamModel{}
		m.stream = log
		return s, newFakeUpstream()
	})
	m.stream = made
	switch {
	case needed && !errors.Is(err, fanout.ErrLimit):
		return fmt.Errorf("expected that there is no room, found %w", err)
	case needed:
		return nil
	case err != nil:
		return err
	}
	if made != nil && made.over == "" {
		made.evicted = true
	}
	c.Close()
	return nil
}
