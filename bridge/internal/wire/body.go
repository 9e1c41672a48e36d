package wire

import (
	"fmt"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// maxName bounds the names of keys, replicas and epochs, in bytes.
const maxName = 128

// The kinds of bodies. The numbers stand in messages, so they must not change within a version.
const (
	kindEntry byte = 1 + iota
	kindPage
	kindQuestion
	kindAnswer
	kindBeat
	kindFollowing
	kindLeft
	kindGaveUp
)

// appendMessage appends a message. The ages of events are those at the time now.
func appendMessage(dst []byte, m Message, now time.Time) ([]byte, error) {
	if len(m.From) == 0 || len(m.From) > maxName {
		return nil, fmt.Errorf("message: expected a sender's name of 1 to %d bytes, found %d", maxName, len(m.From))
	}
	kind := func(k byte) { dst = appendText(append(dst, k), m.From) }
	switch b := m.Body.(type) {
	case Entry:
		kind(kindEntry)
		return appendUint(dst, b.Base), nil
	case Page:
		kind(kindPage)
		return appendPage(appendText(dst, b.Name), b.Page, now)
	case Question:
		kind(kindQuestion)
		return appendPlace(appendText(dst, b.Name), b.Place), nil
	case Answer:
		kind(kindAnswer)
		return appendUint(dst, b.Term), nil
	case Beat:
		kind(kindBeat)
		return appendAll(dst, "ends", b.Ends, appendEnd)
	case Following:
		kind(kindFollowing)
		return appendAll(dst, "names", b.Names, appendText[string])
	case Left:
		kind(kindLeft)
		return appendText(dst, b.Name), nil
	case GaveUp:
		kind(kindGaveUp)
		return appendUint(appendText(dst, b.Name), b.Term), nil
	}
	return nil, fmt.Errorf("message: expected a body that this package has, found %T", m.Body)
}

// readMessage reads what appendMessage has appended. sent is the value of now there, by the clock of this process.
func readMessage(data []byte, sent time.Time) (*Message, error) {
	r := &reader{rest: data, size: len(data)}
	kind := r.byte("the kind of the message")
	m := &Message{From: r.text("the sender's name", maxName)}
	if m.From == "" {
		r.fail("expected a sender's name, found none")
	}
	switch kind {
	case kindEntry:
		m.Body = Entry{Base: r.number("a base")}
	case kindPage:
		m.Body = Page{Name: r.name(), Page: r.page(sent)}
	case kindQuestion:
		m.Body = Question{Name: r.name(), Place: r.place()}
	case kindAnswer:
		m.Body = Answer{Term: r.number("a term")}
	case kindBeat:
		m.Body = Beat{Ends: readAll(r, "ends", endBytes, (*reader).keyEnd)}
	case kindFollowing:
		m.Body = Following{Names: readAll(r, "names", 1, (*reader).name)}
	case kindLeft:
		m.Body = Left{Name: r.name()}
	case kindGaveUp:
		m.Body = GaveUp{Name: r.name(), Term: r.number("a term")}
	default:
		r.fail("expected a kind from %d to %d, found %d", kindEntry, kindGaveUp, kind)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return m, nil
}

// maxCount bounds how many things of one kind a message has. With the size of a message, it bounds the memory that reading
// takes.
const maxCount = 1 << 20

func appendAll[T any](dst []byte, what string, all []T, appendOne func([]byte, T) []byte) ([]byte, error) {
	if len(all) > maxCount {
		return nil, fmt.Errorf("%w: expected at most %d %s, found %d", ErrTooLarge, maxCount, what, len(all))
	}
	dst = appendUint(dst, uint64(len(all)))
	for _, one := range all {
		dst = appendOne(dst, one)
	}
	return dst, nil
}

// readAll reads a count and so many things of at least size bytes each. It returns nil where there are none.
func readAll[T any](r *reader, what string, size int, read func(*reader) T) []T {
	n := r.count(what, size, maxCount)
	if n == 0 {
		return nil
	}
	all := make([]T, 0, n)
	for range n {
		all = append(all, read(r))
		if r.err != nil {
			return nil
		}
	}
	return all
}

func (r *reader) name() string { return r.text("a key's name", maxName) }

func appendPlace(dst []byte, p fanout.Place) []byte {
	dst = appendUint(dst, p.Term)
	dst = appendText(dst, p.Epoch)
	dst = appendUint(dst, p.Next)
	dst = appendText(dst, p.LastID)
	return appendUint(dst, p.Version)
}

func (r *reader) place() fanout.Place {
	return fanout.Place{
		Term:    r.number("a term"),
		Epoch:   r.text("an epoch", maxName),
		Next:    r.number("an offset"),
		LastID:  r.id(),
		Version: r.number("a version"),
	}
}

// endBytes is the least size of an [End]: five bytes, each of them zero.
const endBytes = 5

func appendEnd(dst []byte, e End) []byte {
	dst = appendText(dst, e.Name)
	dst = appendUint(dst, e.Term)
	dst = appendText(dst, e.Epoch)
	dst = appendUint(dst, e.Next)
	return appendUint(dst, e.Version)
}

func (r *reader) keyEnd() End {
	return End{
		Name:    r.name(),
		Term:    r.number("a term"),
		Epoch:   r.text("an epoch", maxName),
		Next:    r.number("an offset"),
		Version: r.number("a version"),
	}
}

// id reads the id of an event as it stands on the wire. An id with a line end could add lines to an event.
func (r *reader) id() string {
	id := r.text("an id", sse.MaxIDBytes)
	for _, c := range []byte(id) {
		if c < 0x21 || c > 0x7e {
			r.fail("expected an id of printable ASCII without spaces, found the byte %#x", c)
			return ""
		}
	}
	return id
}
