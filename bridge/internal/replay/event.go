package replay

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// Event is one event with everything that is known of it. Once others have it, it must not be changed: any number of goroutines may
// read it. The fields are those of [Draft].
type Event struct {
	Position

	// Frame is the event's block in each form that a subscriber asks for, ready to be written.
	Frame   frame.Frame
	ID      string
	Key     string
	Subject Subject
	Mark    bool
	At      time.Time
}

// NewEvent returns the event at a position with a copy of block. Its parameters and its error are those of [NewDraft].
func NewEvent(at Position, block []byte, data int) (*Event, error) {
	d, err := NewDraft(at, block, data)
	if err != nil {
		return nil, err
	}
	return d.Event(), nil
}

// Block returns the event as it stands in a stream without compression. The caller must not change it.
func (e *Event) Block() []byte { return e.Frame.Block() }

// Data returns the index in the block at which the data line begins, or -1 where there is none.
func (e *Event) Data() int { return e.Frame.Data() }

// Draft returns a draft of the event, which shares the block.
func (e *Event) Draft() Draft {
	return Draft{
		Position: e.Position, Block: e.Block(), Data: e.Data(), ID: e.ID, Key: e.Key, Subject: e.Subject, Mark: e.Mark, At: e.At,
	}
}

// Entry returns the event as a reader of a log gets it.
func (e *Event) Entry() Entry {
	p := e.Frame.Piece()
	chunk := p.Plain(true)
	return Entry{
		Offset: e.Offset, event: e,
		place: place{bytes: chunk, chunk: int32(len(chunk)), start: uint8(p.Start()), data: int32(e.Data()), mark: e.Mark},
	}
}
