package wire

import (
	"bytes"
	"errors"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// eventBytes is the least size of an event: its flags, its data index, and the lengths of its id, key and block.
const eventBytes = 5

func appendPage(dst []byte, p *fanout.Page, now time.Time) ([]byte, error) {
	if p == nil {
		return nil, errors.New("message: expected a page, found none")
	}
	dst = appendFlags(dst, p.Oldest, p.More, p.Condition != nil)
	dst = appendUint(dst, p.Term)
	dst = appendText(dst, p.Epoch)
	dst = appendUint(dst, p.Offset)
	dst = appendText(dst, p.After)
	dst = appendUint(dst, p.Version)
	dst, err := appendAll(dst, "values", p.Values, func(dst []byte, e *replay.Event) []byte {
		return appendEvent(appendUint(dst, e.Offset), e, now)
	})
	if err != nil {
		return nil, err
	}
	dst, err = appendAll(dst, "events", p.Events, func(dst []byte, e *replay.Event) []byte { return appendEvent(dst, e, now) })
	if err != nil || p.Condition == nil {
		return dst, err
	}
	return appendCondition(dst, p.Condition)
}

func (r *reader) page(sent time.Time) *fanout.Page {
	flags := r.flags("the flags of a page", 3)
	p := &fanout.Page{
		Oldest:  flags[0],
		More:    flags[1],
		Term:    r.number("a term"),
		Epoch:   r.text("an epoch", maxName),
		Offset:  r.number("an offset"),
		After:   r.id(),
		Version: r.number("a version"),
	}
	p.Values = readAll(r, "values", 1+eventBytes, func(r *reader) *replay.Event {
		return r.event(replay.Position{Epoch: p.Epoch, Offset: r.number("an offset")}, sent)
	})
	next := p.Offset
	p.Events = readAll(r, "events", eventBytes, func(r *reader) *replay.Event {
		e := r.event(replay.Position{Epoch: p.Epoch, Offset: next}, sent)
		next++
		return e
	})
	if next < p.Offset {
		r.fail("expected offsets of 64 bits, found events behind the last one")
	}
	if flags[2] {
		p.Condition = r.condition()
	}
	return p
}

// appendEvent appends an event without its position. Clocks of replicas differ, so that the time of an event becomes its age. The
// replica that reads the event adds its way.
func appendEvent(dst []byte, e *replay.Event, now time.Time) []byte {
	hasSubject := e.Subject != (replay.Subject{})
	dst = appendFlags(dst, e.Mark, !e.At.IsZero(), hasSubject)
	if hasSubject {
		dst = append(dst, e.Subject[:]...)
	}
	if !e.At.IsZero() {
		dst = appendUint(dst, uint64(max(0, now.Sub(e.At))))
	}
	dst = appendUint(dst, uint64(e.Data()+1))
	dst = appendText(dst, e.ID)
	dst = appendText(dst, e.Key)
	return appendText(dst, e.Block())
}

func (r *reader) event(at replay.Position, sent time.Time) *replay.Event {
	flags := r.flags("the flags of an event", 3)
	var subject replay.Subject
	if flags[2] {
		copy(subject[:], r.take("a subject", uint64(len(subject))))
	}
	var received time.Time
	if flags[1] {
		received = sent.Add(-time.Duration(r.uint("an age", maxAge)))
	}
	data := int(r.uint("the index of the data", maxMessage)) - 1
	id := r.id()
	key := r.text("the key of a value", maxMessage)
	block := r.bytes("a block", maxMessage)
	if r.err != nil {
		return nil
	}
	e, err := newEvent(at, block, data)
	if err != "" {
		r.fail("%s", err)
		return nil
	}
	e.ID, e.Key, e.Subject, e.Mark, e.At = id, key, subject, flags[0], received
	return e
}

// maxAge is the greatest age of an event. An older one would have a time that Go cannot subtract.
const maxAge = uint64(100 * 365 * 24 * time.Hour)

// newEvent returns the event with a copy of block, or what is wrong with the block. A block is one event, so that a message
// cannot bring a page an event that the bridge does not count.
func newEvent(at replay.Position, block []byte, data int) (e *replay.Event, problem string) {
	switch {
	case bytes.Index(block, []byte("\n\n")) != len(block)-2 || len(block) < 2:
		return nil, "expected a block that has a blank line at its end and nowhere else"
	case bytes.ContainsAny(block, "\r\x00") || block[0] == '\n':
		return nil, "expected a block without CR, NUL and a line end in front"
	case data < 0:
		e := &replay.Event{Position: at}
		e.Frame.Init(block, -1)
		return e, ""
	case data > 0 && block[min(data, len(block))-1] != '\n':
		return nil, "expected the data at the beginning of a line"
	}
	e, err := replay.NewEvent(at, block, data)
	if err != nil {
		return nil, "expected a block with a data line where the message says"
	}
	return e, ""
}
