package replay

import (
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// Entry is an event as a reader of a log gets it: a value that refers to the log's memory. To read the plain form of an event
// makes nothing, and takes no lock. An entry stays valid when the event is evicted, whose memory it keeps. All methods may be called
// concurrently.
type Entry struct {
	Offset uint64
	place  place
	in     *segment // nil for an event that is in no log
	event  *Event   // the event, where it is in no log or was made; nil otherwise
}

// Block returns the event as it stands in a stream without compression. The caller must not change it.
func (e *Entry) Block() []byte { return e.place.piece().Block() }

// Bytes returns the block in a form, as [frame.Frame.Bytes] does.
func (e *Entry) Bytes(form frame.Form) []byte {
	if form.Encoding == frame.Identity {
		return e.place.piece().Plain(form.Chunked)
	}
	return e.Event().Frame.Bytes(form)
}

// After returns the block in a form, for a connection whose last bytes are those of another event, as [frame.Frame.After] does.
func (e *Entry) After(prev *Entry, form frame.Form) []byte {
	if form.Encoding != frame.Gzip { // others have no references
		return e.Bytes(form)
	}
	return e.Event().Frame.After(&prev.Event().Frame, form)
}

// Line returns the data with its line end, or nil where there is none.
func (e *Entry) Line() []byte { return e.place.piece().Line(int(e.place.data)) }

// ID returns the event's id as it stands on the wire, or "".
func (e *Entry) ID() string {
	if e.event != nil {
		return e.event.ID
	}
	return string(e.place.id())
}

// Key returns the key whose newest value the event is, or "".
func (e *Entry) Key() string {
	if e.event != nil {
		return e.event.Key
	}
	return string(e.place.key())
}

// Mark reports whether what a new subscriber is shown may begin with the event.
func (e *Entry) Mark() bool { return e.place.mark }

// Epoch returns the name of the event's epoch.
func (e *Entry) Epoch() string {
	if e.event != nil {
		return e.event.Epoch
	}
	return e.in.epoch
}

// At returns when the event was received.
func (e *Entry) At() time.Time {
	if e.event != nil {
		return e.event.At
	}
	return e.in.received.Add(e.place.after)
}

// Event returns the event with the forms that all readers of the log share.
func (e *Entry) Event() *Event {
	if e.event != nil {
		return e.event
	}
	e.in.log.mu.RLock()
	defer e.in.log.mu.RUnlock()
	i := int(e.Offset - e.in.first)
	if i >= e.in.evicted {
		return e.in.event(i)
	}
	return e.in.build(i, &e.place) // it is counted nowhere
}
