package replay

import (
	"bytes"
	"fmt"
	"time"
)

// Draft is an event that is not in a log yet. A log that appends it copies it.
type Draft struct {
	Position
	// Block is the whole event as the package sse appends it, which ends in a blank line. Data is the index in it at which the only
	// data line begins, "data: …", or -1 where there is none.
	Block   []byte
	Data    int
	ID      string  // the event's id as it stands on the wire; "" is none
	Key     string  // the key whose newest value the event is; "" is none
	Subject Subject // what the event replaces older events of, for [Ring.ReadNewest]; zero is none
	Mark    bool    // whether the events that a new subscriber is shown may begin with this one
	// At is when the event was received. A log sets it where it is zero. It is not before the At of the event before it, except
	// by as much as a clock is set back.
	At time.Time
}

// blockEnd is a blank line, which ends each block.
const blockEnd = "\n\n"

// maxBlock bounds the blocks, in bytes. An event with its id and key must be shorter than 2 GiB.
const maxBlock = 1 << 30

// NewDraft returns a draft of the event at a position, which keeps block. The caller sets the other fields. The error says what is
// wrong with block and data.
func NewDraft(at Position, block []byte, data int) (Draft, error) {
	if len(block) > maxBlock {
		return Draft{}, fmt.Errorf("event %s: expected a block of at most %d bytes, found %d", at, maxBlock, len(block))
	}
	if !bytes.HasSuffix(block, []byte(blockEnd)) {
		return Draft{}, fmt.Errorf("event %s: expected a block that ends in a blank line, found %d bytes that do not", at, len(block))
	}
	if data < 0 || data > len(block) || !bytes.HasPrefix(block[data:], []byte("data: ")) {
		return Draft{}, fmt.Errorf("event %s: expected a data line at byte %d of %d, found none", at, data, len(block))
	}
	return Draft{Position: at, Block: block, Data: data}, nil
}

// Event returns the event with a copy of the block.
func (d *Draft) Event() *Event {
	e := &Event{Position: d.Position, ID: d.ID, Key: d.Key, Subject: d.Subject, Mark: d.Mark, At: d.At}
	e.Frame.Init(d.Block, d.Data)
	return e
}

// endsInID reports whether the block ends in a field with the id.
func (d *Draft) endsInID() bool {
	rest, ok := bytes.CutSuffix(d.Block, []byte(blockEnd))
	if !ok || d.ID == "" || len(rest) < len(d.ID) || string(rest[len(rest)-len(d.ID):]) != d.ID {
		return false
	}
	return bytes.HasSuffix(rest[:len(rest)-len(d.ID)], []byte("\nid: "))
}
