package sseclient

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what a [Parser] keeps. A server may send lines without an end.
const (
	MaxEventBytes = 16 << 20 // the data of one event
	MaxFieldBytes = 8 << 10  // an id, a name of an event, or a time in retry
	MaxRetry      = 24 * time.Hour
	headBytes     = 16 // decides what kind of line it is; of lines that mean nothing, no more is kept
	maxUnknown    = 8  // names of unknown fields
)

// ErrTooLong is the error for an event over [MaxEventBytes], and for a field over [MaxFieldBytes].
var ErrTooLong = errors.New("too long")

// Event is what an EventSource dispatches, or one block without data, which an EventSource does not dispatch.
type Event struct {
	Name    string // empty for an event that arrives as "message"
	Data    string
	ID      string // of this event; empty where the block has none
	HasID   bool
	HasData bool // an EventSource dispatches only events with data
}

// Parser reads a stream of events as the HTML standard says an EventSource does. It takes the bytes as they arrive, in
// pieces of any size. Its zero value is ready. One goroutine uses it.
type Parser struct {
	line    []byte
	data    []byte
	event   Event
	begun   bool // the block has a field
	afterCR bool // a line feed that comes next belongs to the line break before it
	started bool // the first line was read, which may begin with a byte order mark

	cursor   string
	retry    time.Duration
	hasRetry bool
	comments int
	unknown  []string
	repaired bool
}

// Cursor returns the id with which an EventSource would come back.
func (p *Parser) Cursor() string { return p.cursor }

// SetCursor gives the id with which the connection was opened.
func (p *Parser) SetCursor(id string) { p.cursor = id }

// Retry returns the newest time of the field retry, and whether there was one. It is at most [MaxRetry].
func (p *Parser) Retry() (time.Duration, bool) { return p.retry, p.hasRetry }

// Comments returns how many comments there were.
func (p *Parser) Comments() int { return p.comments }

// Unknown returns the beginnings of names of fields that an EventSource ignores, at most a few.
func (p *Parser) Unknown() []string { return p.unknown }

// Repaired reports whether there were bytes that are no UTF-8. An EventSource shows them as U+FFFD.
func (p *Parser) Repaired() bool { return p.repaired }

// Inside reports whether the bytes have ended within a block. An EventSource ignores such a block at the end of a stream.
func (p *Parser) Inside() bool { return p.begun || len(p.line) > 0 }

// Feed reads the next bytes of the stream, and gives each block with a field to take. It keeps no reference to chunk. After
// an error, which is [ErrTooLong] with the details, the parser must not be used.
func (p *Parser) Feed(chunk []byte, take func(Event)) error {
	for len(chunk) > 0 {
		if p.afterCR && chunk[0] == '\n' {
			p.afterCR = false
			chunk = chunk[1:]
			continue
		}
		p.afterCR = false
		end := lineEnd(chunk)
		if end < 0 {
			return p.hold(chunk)
		}
		if err := p.hold(chunk[:end]); err != nil {
			return err
		}
		p.afterCR = chunk[end] == '\r'
		chunk = chunk[end+1:]
		p.endLine(take)
	}
	return nil
}

// lineEnd returns where the first line of chunk ends, or -1.
func lineEnd(chunk []byte) int {
	feed := bytes.IndexByte(chunk, '\n')
	before := chunk
	if feed >= 0 {
		before = chunk[:feed]
	}
	if cr := bytes.IndexByte(before, '\r'); cr >= 0 {
		return cr
	}
	return feed
}

// hold keeps a part of a line, as far as the line means something.
func (p *Parser) hold(part []byte) error {
	head := min(len(part), max(0, headBytes-len(p.line)))
	p.line = append(p.line, part[:head]...)
	part = part[head:]
	if len(part) == 0 {
		return nil
	}
	switch name, _, _ := bytes.Cut(p.text(), []byte(":")); string(name) {
	case "data":
		if len(p.data)+len(p.line)+len(part) > MaxEventBytes {
			return fmt.Errorf("an event is %w: its data has more than %d MiB", ErrTooLong, MaxEventBytes>>20)
		}
	case "id", "event", "retry":
		if len(p.line)+len(part) > MaxFieldBytes {
			return fmt.Errorf("a field %s is %w: it has more than %d KiB", name, ErrTooLong, MaxFieldBytes>>10)
		}
	default:
		return nil
	}
	p.line = append(p.line, part...)
	return nil
}

// text returns the line without the byte order mark with which a stream may begin.
func (p *Parser) text() []byte {
	if p.started {
		return p.line
	}
	return bytes.TrimPrefix(p.line, []byte("\ufeff"))
}

func (p *Parser) endLine(take func(Event)) {
	line := p.text()
	p.started = true
	switch {
	case len(line) == 0:
		p.dispatch(take)
	case line[0] == ':':
		p.comments++
	default:
		name, value, _ := bytes.Cut(line, []byte(":"))
		p.field(string(name), bytes.TrimPrefix(value, []byte(" ")))
	}
	p.line = p.line[:0]
}

func (p *Parser) field(name string, value []byte) {
	switch name {
	case "data":
		p.data = append(append(p.data, value...), '\n')
		p.event.HasData = true
	case "event":
		p.event.Name = p.valid(value)
	case "id":
		if bytes.IndexByte(value, 0) >= 0 {
			return
		}
		p.event.ID, p.event.HasID = p.valid(value), true
	case "retry":
		if delay, ok := milliseconds(value); ok {
			p.retry, p.hasRetry = delay, true
		}
		return
	default:
		if len(p.unknown) < maxUnknown {
			p.unknown = append(p.unknown, name)
		}
		return
	}
	p.begun = true
}

// dispatch ends a block.
func (p *Parser) dispatch(take func(Event)) {
	if p.event.HasID {
		p.cursor = p.event.ID
	}
	if p.begun {
		p.event.Data = p.valid(bytes.TrimSuffix(p.data, []byte("\n")))
		take(p.event)
	}
	p.event, p.begun, p.data = Event{}, false, p.data[:0]
	const usual = 64 << 10 // the room of one huge event is not kept
	if cap(p.data) > usual {
		p.data, p.line = nil, nil
	}
}

// valid returns value as text, with U+FFFD for what is no UTF-8.
func (p *Parser) valid(value []byte) string {
	if utf8.Valid(value) {
		return string(value)
	}
	p.repaired = true
	return strings.ToValidUTF8(string(value), "\ufffd")
}

// milliseconds reads a number of ASCII digits.
func milliseconds(value []byte) (time.Duration, bool) {
	var delay time.Duration
	for _, digit := range value {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		delay = min(delay*10+time.Duration(digit-'0')*time.Millisecond, MaxRetry)
	}
	return delay, len(value) > 0
}
