package replay

import (
	"bytes"
	"fmt"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// Event is one event of a log. Once it is appended, it belongs to the log and must not be changed: any number of goroutines may
// read it.
type Event struct {
	Position

	// Frame is the event's block in each form that a subscriber asks for, ready to be written. [NewEvent] makes it.
	Frame   frame.Frame
	ID      string  // the event's id as it stands on the wire; "" is none
	Key     string  // the key whose newest value the event is; "" is none
	Subject Subject // what the event replaces older events of, for [Ring.ReadNewest]; zero is none
	Mark    bool    // whether the events that a new subscriber is shown may begin with this one
	// At is when the event was received. Append sets it where it is zero. It is not before the At of the event before it, except
	// by as much as a clock is set back.
	At time.Time
}

// blockEnd is a blank line, which ends each block.
const blockEnd = "\n\n"

// NewEvent returns the event at a position. It copies block, the whole event as the package sse appends it, which ends in a blank
// line. data is the index in block at which the only data line, "data: …", begins. The caller sets the other fields.
func NewEvent(at Position, block []byte, data int) (*Event, error) {
	if !bytes.HasSuffix(block, []byte(blockEnd)) {
		return nil, fmt.Errorf("event %s: expected a block that ends in a blank line, found %d bytes that do not", at, len(block))
	}
	if data < 0 || data > len(block) || !bytes.HasPrefix(block[data:], []byte("data: ")) {
		return nil, fmt.Errorf("event %s: expected a data line at byte %d of %d, found none", at, data, len(block))
	}
	e := &Event{Position: at}
	e.Frame.Init(block, data)
	return e, nil
}

// Block returns the event as it stands in a stream without compression. The caller must not change it.
func (e *Event) Block() []byte { return e.Frame.Block() }

// Data returns the index in the block at which the data line begins, or -1 where there is none.
func (e *Event) Data() int { return e.Frame.Data() }
