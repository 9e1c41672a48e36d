package replay

import (
	"bytes"
	"fmt"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// Event is one event of a log. It belongs to the log once it is appended, and nobody changes it any more: any number of
// goroutines read it.
type Event struct {
	Position

	// Frame is the event's block, finished for the wire in each form that a subscriber asks for. [NewEvent] makes it.
	Frame *frame.Frame
	ID    string    // the event's id as it stands on the wire, "" none
	Key   string    // what the event is the newest value of, "" nothing
	Mark  bool      // whether newcomers are shown the stream from here on
	At    time.Time // when the event was received; Append sets it where it is zero. Does not go backwards by more than clocks do
}

// NewEvent returns the event at a position, with a copy of its block: whole, as the package sse appends it, so ending in a blank
// line. Its only data line, "data: …", begins at data. The caller sets the other fields.
func NewEvent(at Position, block []byte, data int) (*Event, error) {
	if !bytes.HasSuffix(block, []byte("\n\n")) {
		return nil, fmt.Errorf("event %s: expected a block that ends in a blank line, found %d bytes that do not", at, len(block))
	}
	if data < 0 || data > len(block) || !bytes.HasPrefix(block[data:], []byte("data: ")) {
		return nil, fmt.Errorf("event %s: expected a data line at byte %d of %d, found none", at, data, len(block))
	}
	return &Event{Position: at, Frame: frame.New(block, data)}, nil
}

// Block returns the event as it stands in a plain stream. It is shared: it must not be changed.
func (e *Event) Block() []byte { return e.Frame.Block() }

// Data returns where the data line begins in the block, -1 where there is none.
func (e *Event) Data() int { return e.Frame.Data() }
