package replay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// segment holds as many events that follow each other as segmentEvents says, the newest segment up to as many. An event costs one
// piece of memory without pointers, which the garbage collector does not look at, and its place. Many logs get events at the same
// time, and the runtime puts what is allocated in turn side by side. So this memory is in the processor's caches when it is written,
// where a piece for several events of one log would not be: seconds pass between them.
//
// Where somebody needs more of an event than its plain form, an [Event] is made for it. All readers share it and its forms.
type segment struct {
	// These never change.
	log      *Ring
	epoch    string
	received time.Time // when the first event was received
	first    uint64    // its offset

	// The log's lock guards these.
	events  []place
	topics  *topics // nil where no event has a subject
	evicted int     // how many events at the front are evicted

	// made is nil where no event is made. It changes with the log's lock held for writing, or for reading together with mu.
	made atomic.Pointer[made]
	mu   sync.Mutex
}

const segmentEvents = 16

// made has the events of a segment that are made.
type made [segmentEvents]atomic.Pointer[Event]

// place is what a segment has of an event. The zero place is that of an event that is evicted.
type place struct {
	bytes     []byte        // the block within the framing of a chunk, and then the id, where it does not stand in the block, and the key
	before    int64         // bytes of the blocks of all events before it, since the epoch began
	after     time.Duration // when the event was received, since the first one of the segment was
	chunk     int32         // the length of the block with its framing
	idLength  int32
	data      int32 // [Draft.Data]
	start     uint8 // [frame.Piece.Start]
	idInBlock bool  // the block ends in the id
	mark      bool
}

func (p *place) piece() frame.Piece { return frame.PieceIn(p.bytes, int(p.chunk), int(p.start)) }

// id returns the event's id.
func (p *place) id() []byte {
	if p.idInBlock {
		block := p.piece().Block()
		end := len(block) - len(blockEnd)
		return block[end-int(p.idLength) : end]
	}
	return p.bytes[p.chunk : p.chunk+p.idLength]
}

// key returns the event's key.
func (p *place) key() []byte {
	if p.idInBlock {
		return p.bytes[p.chunk:]
	}
	return p.bytes[p.chunk+p.idLength:]
}

// size returns how many bytes are counted for the event, where no other form of it is made.
func (p *place) size() int64 {
	n := eventBytes + len(p.bytes)
	if p.idInBlock {
		n += int(p.idLength)
	}
	return int64(n)
}

// topics is what the events of a segment replace, and are replaced by.
type topics struct {
	of    [segmentEvents]Subject
	newer [segmentEvents]uint64 // the offset of the next event with the same subject; 0 is none
}

// full reports whether no event has room in the segment.
func (s *segment) full() bool { return len(s.events) == segmentEvents }

// add adds an event. before is how many bytes the blocks of all events before it have, since the epoch began.
func (s *segment) add(d *Draft, before int64) {
	inBlock := d.endsInID()
	n := frame.PlainSize(len(d.Block)) + len(d.Key)
	if !inBlock {
		n += len(d.ID)
	}
	all, piece := frame.AppendPiece(make([]byte, 0, n), d.Block)
	chunk := len(all)
	if !inBlock {
		all = append(all, d.ID...)
	}
	p := place{
		bytes: append(all, d.Key...), before: before, after: d.At.Sub(s.received), chunk: int32(chunk), idLength: int32(len(d.ID)),
		data: int32(d.Data), start: uint8(piece.Start()), idInBlock: inBlock, mark: d.Mark,
	}
	s.events = append(s.events, p)
	s.log.held.Add(p.size())
	if d.Subject != (Subject{}) {
		if s.topics == nil {
			s.topics = new(topics)
		}
		s.topics.of[len(s.events)-1] = d.Subject
	}
}

// at returns when an event was received.
func (s *segment) at(i int) time.Time { return s.received.Add(s.events[i].after) }

// event returns an event, which must not be evicted. It is made where it is not made yet.
func (s *segment) event(i int) *Event {
	if e := s.known(i); e != nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.known(i); e != nil {
		return e
	}
	if s.made.Load() == nil {
		s.made.Store(new(made))
	}
	p := &s.events[i]
	e := s.build(i, p)
	held := &s.log.held
	held.Add(-p.size()) // first, so that the sum is never more than what is held
	hold(e, held)
	s.made.Load()[i].Store(e)
	return e
}

// known returns an event, or nil where it is not made.
func (s *segment) known(i int) *Event {
	if all := s.made.Load(); all != nil {
		return all[i].Load()
	}
	return nil
}

// build returns an event. p is its place, or was it before the event was evicted.
func (s *segment) build(i int, p *place) *Event {
	e := &Event{
		Position: Position{Epoch: s.epoch, Offset: s.first + uint64(i)},
		ID:       string(p.id()), Key: string(p.key()), Mark: p.mark, At: s.received.Add(p.after),
	}
	e.Frame.Over(p.piece(), int(p.data))
	if s.topics != nil {
		e.Subject = s.topics.of[i]
	}
	return e
}

// evict evicts the oldest event.
func (s *segment) evict() {
	p := &s.events[s.evicted]
	if e := s.known(s.evicted); e != nil {
		release(e, &s.log.held)
		s.made.Load()[s.evicted].Store(nil)
	} else {
		s.log.held.Add(-p.size())
	}
	*p = place{}
	s.evicted++
}

// forget drops the events that were made, with their forms.
func (s *segment) forget() {
	for i := range s.events {
		if e := s.known(i); e != nil {
			s.log.held.Add(s.events[i].size())
			release(e, &s.log.held)
		}
	}
	s.made.Store(nil)
}

// hold counts an event that is made.
func hold(e *Event, held *atomic.Int64) {
	held.Add(overhead(e))
	e.Frame.Hold(held)
}

// release no longer counts an event.
func release(e *Event, held *atomic.Int64) {
	e.Frame.Release(held)
	held.Add(-overhead(e))
}

// overhead returns how many bytes an event takes besides those of its frame.
func overhead(e *Event) int64 { return int64(eventBytes + len(e.ID) + len(e.Key)) }
