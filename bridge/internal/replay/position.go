package replay

import "strconv"

// Position is a place in a log: that of an event, or the one where the next event will be. The zero Position is no place: the
// epoch of a log is empty until the first one begins.
type Position struct {
	Epoch  string
	Offset uint64 // counts from 0 in each epoch
}

// String returns "epoch-offset", the text that identifies an event that has no id of its own.
func (p Position) String() string { return p.Epoch + "-" + strconv.FormatUint(p.Offset, 10) }

// State is what a log holds: the events from First to before Next.
type State struct {
	Epoch string // "" before the first one
	First uint64 // the offset of the oldest event that is held; Next where none is
	Next  uint64 // the offset of the next event; as many events as the epoch has had
	Bytes int64  // what is held, in memory or wherever the log is: what [Bounds] bounds
}

// Start returns the position of the oldest event that is held.
func (s State) Start() Position { return Position{s.Epoch, s.First} }

// End returns the position of the next event.
func (s State) End() Position { return Position{s.Epoch, s.Next} }

// Lag is how far behind the end of a log a reader is.
type Lag struct {
	Events uint64 // that the reader has not read; 0 for a position of another epoch, about which nothing is known
	Bytes  int64  // of their blocks, as far as the log still has them
	// Share is how near the reader's next event is to being evicted: 0 where it is the newest, which is always held, or where
	// there is none; 1 where it is gone or the next one evicts it. It is the greatest of the shares of the bounds that the events
	// from there on make use of.
	Share float64
}
