package fanout_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// join connects a page: without an id, with its own, with one that any page had, or with one that none had.
func (m *machine) join(s step) error {
	if m.clients[s.who] != nil {
		return nil
	}
	l, n := m.newcomer(s)
	made := false
	subscriber, err := m.registry.Join("key", n, func() (fanout.Settings, fanout.Upstream) {
		made = true
		m.stream = &streamModel{settings: &m.settings, upstream: newFakeUpstream()}
		fromBeginning := m.settings.LateJoin.Mode == fanout.Since || m.settings.LateJoin.Mode == fanout.LatestBy
		if _, _, own := positionOf(n.Cursor); n.HasCursor && (m.settings.HasID || !own) && !fromBeginning {
			m.stream.opener = n.Cursor
		}
		return m.settings, m.stream.upstream
	})
	if err != nil {
		return err
	}
	if !made && m.stream.over != "" {
		return fmt.Errorf("joined a stream that is over: %s", m.stream.over)
	}
	c := &clientModel{Subscriber: subscriber, stream: m.stream, id: n.LastEventID, cursor: n.HasCursor, epoch: -1, ledger: l}
	if n.Malformed {
		c.reset = "invalid"
	}
	if c.early = !m.stream.accepted; !c.early {
		c.place()
	}
	c.stop = c.Topic().Watch(func() { c.rang.Store(true) })
	m.clients[s.who] = c
	return nil
}

func (m *machine) newcomer(s step) (l ledger, n fanout.Newcomer) {
	switch {
	case s.n < 2:
	case s.n < 6:
		l = m.pages[s.who]
	case s.n < 8 && len(m.ids) > 0:
		l = m.ids[(s.n*7+s.take)*13%len(m.ids)]
	case s.n == 8:
		l = ledger{lastID: "foreign", idSeq: -9, lastSeq: -9}
	case s.n == 9:
		l = ledger{lastID: "mal formed", idSeq: -9, lastSeq: -9}
	}
	if l.lastID == "" {
		return ledger{}, fanout.Newcomer{}
	}
	l.follows, l.values = true, false
	malformed := s.n == 9
	n = fanout.Newcomer{LastEventID: l.lastID, Cursor: l.lastID, HasCursor: !malformed, Malformed: malformed}
	return l, n
}

// leave disconnects a page. It comes back with the newest id that it has.
func (m *machine) leave(s step) error {
	c := m.clients[s.who]
	if c == nil {
		return nil
	}
	c.stop()
	c.Close()
	m.clients[s.who] = nil
	m.idleSince = time.Now()
	if m.pages[s.who] = (ledger{lastID: c.lastID, idSeq: c.idSeq, lastSeq: c.idSeq}); c.lastID != "" {
		m.ids = append(m.ids, m.pages[s.who])
	}
	return nil
}

// read takes some of what there is for a page.
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

// drain takes all that there is for a page, and sees that this is all.
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
		case len(pieces) > 0:
			continue
		}
		e, _ := c.stream.log.newest()
		if waits := c.epoch < 0; c.index < len(e.events) && !waits {
			return fmt.Errorf("the client at %d does not get what is there until %d", c.index, len(e.events))
		}
		return nil
	}
}

// overdue asks whether a page is so far behind that it is to be cut off, as a pump does that is blocked.
func (m *machine) overdue(s step) error {
	c := m.clients[s.who]
	if c == nil {
		return nil
	}
	want, got := c.overdue(), c.Overdue()
	switch {
	case got != want:
		return fmt.Errorf("expected overdue to be %v, found %v", want, got)
	case got:
		return m.leave(s)
	}
	return nil
}

// publish has the upstream bring messages, or miss them while it is not read.
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
	at.do(func() *fanout.Ending {
		for ; st.sent < m.published; st.sent++ {
			err = errors.Join(err, at.sink.Event(at.ctx, m.message(st.sent+1)))
			at.brought++
		}
		return nil
	})
	return err
}

// message is what the upstream has to say: some have no id, some no key, some a mark.
func (m *machine) message(seq int) fanout.Event {
	text := strconv.Itoa(seq)
	e := fanout.Event{Block: []byte("data: " + text), ID: []byte(text), Mark: seq%4 == 0}
	if m.gaps && seq%5 == 0 {
		e.ID = nil
	}
	if key := seq * seq % 5; key > 0 {
		e.Key = []byte{byte('a' + key)}
	}
	return e
}

// accept has the upstream answer, and bring what it owes.
func (m *machine) accept(s step) error {
	st := m.stream
	if st == nil || st.current == nil || st.current.accepted {
		return nil
	}
	at := st.current
	st.sent = max(0, m.published-m.history)
	if at.HasCursor {
		seq, err := strconv.Atoi(at.Cursor)
		if err != nil {
			return m.refuse(s)
		}
		st.sent = seq
	}
	at.accepted = true
	first := !st.accepted
	st.accept()
	if st.dropped = false; s.n%2 == 0 || st.sent == m.published { // else an event says so
		at.accept()
	}
	err := m.send()
	if first && st.log.after != at.Cursor {
		return fmt.Errorf("expected the log to go on after %q, found %q", at.Cursor, st.log.after)
	}
	return err
}

// breakUp ends an upstream stream that may be opened again.
func (m *machine) breakUp(step) error {
	if m.stream == nil || m.stream.current == nil {
		return nil
	}
	st, at := m.stream, m.stream.current
	if st.current = nil; !st.accepted {
		st.over = "broken"
	}
	st.broken()
	at.end(fanout.Broken, "broken")
	return nil
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
		st.refused, st.dropped = at.Cursor, true
		st.aged = st.aged || !m.connected()
	}
	at.end(fanout.Refused, "refused")
	return nil
}

// end ends the stream.
func (m *machine) end(step) error {
	if m.stream == nil || m.stream.current == nil {
		return nil
	}
	st, at := m.stream, m.stream.current
	st.current, st.over = nil, "ended"
	at.end(fanout.Over, "ended")
	return nil
}

func (m *machine) sleep(s step) error {
	time.Sleep(s.d)
	return nil
}

// show has the log show what it took.
func (m *machine) show(s step) error {
	if m.stream != nil {
		m.stream.log.show(s.n + 1)
	}
	return nil
}

// other has somebody ask for another stream, for which there is room only where nobody needs this one.
func (m *machine) other(step) error {
	needed := slices.ContainsFunc(m.clients[:], func(c *clientModel) bool { return c != nil && c.stream.over == "" })
	s := m.settings
	s.Linger = -1
	made := m.stream
	log := made
	c, err := m.registry.Join("other", fanout.Newcomer{}, func() (fanout.Settings, fanout.Upstream) {
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
