package replay

import "strconv"

// Position is a place in a log: the place of an event, or the place of the next event. The zero Position is no place: no epoch
// has an empty name.
type Position struct {
	Epoch  string
	Offset uint64 // counts from 0 in each epoch
}

// String returns "epoch-offset". This text is the id of an event that has no id of its own.
func (p Position) String() string {
	var text [64]byte // so that there is one allocation, as each event has an id
	return string(strconv.AppendUint(append(append(text[:0], p.Epoch...), '-'), p.Offset, 10))
}

// State says what a log holds: the events from First up to Next, without the one at Next.
type State struct {
	Epoch string // "" before the first one
	First uint64 // the offset of the oldest held event; Next where the log holds none
	Next  uint64 // the offset of the next event, which is how many events the epoch has had, read by this log or not
	Bytes int64  // what [Bounds.Bytes] bounds
}

// Start returns the position of the oldest held event.
func (s State) Start() Position { return Position{s.Epoch, s.First} }

// End returns the position of the next event.
func (s State) End() Position { return Position{s.Epoch, s.Next} }

// Lag says how far a reader is behind the end of a log.
type Lag struct {
	Events uint64 // how many events the reader has not read; 0 for a position in another epoch
	Bytes  int64  // bytes of the blocks of those events, without the evicted ones
	// Share says how near the reader's next event is to its eviction. 0 is an event that will stay: the newest one, or one that
	// has not come yet. 1 is an event that is evicted, or that the next event will evict. For each bound, the log computes which
	// part of it is used by the reader's next event and all events behind it; Share is the greatest of these parts.
	Share float64
}
