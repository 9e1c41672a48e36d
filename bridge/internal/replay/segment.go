package replay

import (
	"bytes"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// segment holds as many events that follow each other as segmentEvents says. They are packed in one piece of memory without pointers:
// beside its block an event takes about 40 bytes, where an [Event] takes 250, and the garbage collector does not look at it. Where
// one of the events is read, all of the segment are made again, and stay. So all who read them from then on share their forms.
//
// The log's lock is held for writing where a segment changes, except where its events are made.
type segment struct {
	mu     sync.Mutex
	packed []byte // guarded by mu; all blocks, and then the text: ids and keys. nil where the events are made
	made   atomic.Pointer[[segmentEvents]*Event]
	topics *topics // nil where no event has a subject
	epoch  string

	received time.Time // when the first event was received
	first    uint64    // its offset
	before   int64     // bytes of the blocks of all events before it, since the epoch began
	places   [segmentEvents]place
	marks    uint16               // a bit for each event: [Event.Mark]
	ends     [segmentEvents]uint8 // the length of the id in which the event's block ends, or 0 where the id is in the text
}

const (
	segmentEvents = 16
	// segmentBytes bounds what is packed in a segment. Larger events stay as they are: packing them would gain little.
	segmentBytes = 16 << 10
)

// place says where the parts of an event end. They begin where those of the event before end.
type place struct {
	block   int64         // in the blocks
	after   time.Duration // when the event was received, since the first one was
	data    int32         // [Event.Data]
	id, key uint16        // in the text
}

// topics is what the events of a segment replace, and are replaced by.
type topics struct {
	of    [segmentEvents]Subject
	newer [segmentEvents]uint64 // see slot
}

// newSegment returns a segment of the events in slots. held is the sum that counts them.
func newSegment(slots []slot, held *atomic.Int64) *segment {
	oldest := slots[0].event
	s := &segment{epoch: oldest.Epoch, first: oldest.Offset, received: oldest.At, before: slots[0].before}
	events := new([segmentEvents]*Event)
	size := 0
	for i := range slots {
		e := slots[i].event
		events[i] = e
		s.place(i, &slots[i])
		size += len(e.Block()) + len(e.ID) + len(e.Key)
	}
	if size > segmentBytes {
		s.made.Store(events)
		return s
	}
	s.pack(events)
	for i, e := range events {
		held.Add(s.size(i))
		release(e, held)
	}
	return s
}

// place notes what is needed of an event where it is packed and where it is not.
func (s *segment) place(i int, in *slot) {
	e := in.event
	s.places[i] = place{block: in.before + int64(len(e.Block())) - s.before, after: e.At.Sub(s.received), data: int32(e.Data())}
	if e.Subject == (Subject{}) {
		return
	}
	if s.topics == nil {
		s.topics = new(topics)
	}
	s.topics.of[i], s.topics.newer[i] = e.Subject, in.newer
}

// pack packs the events.
func (s *segment) pack(events *[segmentEvents]*Event) {
	text := 0
	for i, e := range events {
		if len(e.ID) <= math.MaxUint8 && endsInID(e.Block(), e.ID) {
			s.ends[i] = uint8(len(e.ID))
		} else {
			text += len(e.ID)
		}
		s.places[i].id = uint16(text)
		text += len(e.Key)
		s.places[i].key = uint16(text)
		if e.Mark {
			s.marks |= 1 << i
		}
	}
	s.packed = make([]byte, 0, s.blocks()+int64(text))
	for _, e := range events {
		s.packed = append(s.packed, e.Block()...)
	}
	for i, e := range events {
		if s.ends[i] == 0 {
			s.packed = append(s.packed, e.ID...)
		}
		s.packed = append(s.packed, e.Key...)
	}
}

// blocks returns how many bytes all blocks have.
func (s *segment) blocks() int64 { return s.places[segmentEvents-1].block }

// endsInID reports whether a block ends in a field with an id.
func endsInID(block []byte, id string) bool {
	rest, ok := bytes.CutSuffix(block, []byte(blockEnd))
	rest, found := bytes.CutSuffix(rest, []byte(id))
	return ok && found && bytes.HasSuffix(rest, []byte("\nid: "))
}

// starts returns where the parts of an event begin.
func (s *segment) starts(i int) place {
	if i == 0 {
		return place{}
	}
	p := &s.places[i-1]
	return place{block: p.block, id: p.key, key: s.places[i].id}
}

// size returns how many bytes are counted for an event while it is packed: as many as for one that is made and has no other form.
func (s *segment) size(i int) int64 {
	from, to := s.starts(i), &s.places[i]
	return eventBytes + int64(s.ends[i]) + int64(to.key-from.id) + int64(frame.PlainSize(int(to.block-from.block)))
}

// at returns when an event was received.
func (s *segment) at(i int) time.Time { return s.received.Add(s.places[i].after) }

// bytes returns how many bytes the blocks of all events before this one have, since the epoch began.
func (s *segment) bytes(i int) int64 { return s.before + s.starts(i).block }

// id returns the id of an event. The log's lock is held for writing.
func (s *segment) id(i int) string {
	if made := s.made.Load(); made != nil {
		return made[i].ID
	}
	return string(s.packedID(i))
}

// packedID returns the id of an event that is packed.
func (s *segment) packedID(i int) []byte {
	from, to := s.starts(i), &s.places[i]
	if n := int64(s.ends[i]); n > 0 {
		end := to.block - int64(len(blockEnd))
		return s.packed[end-n : end]
	}
	return s.packed[s.blocks():][from.id:to.id]
}

// event returns an event. It makes the events of the segment where they are not made, without those of which the first ones are
// evicted. held is the sum that counts them.
func (s *segment) event(i, evicted int, held *atomic.Int64) *Event {
	if made := s.made.Load(); made != nil {
		return made[i]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.made.Load()
	if made == nil {
		made = s.make(evicted, held)
		s.packed = nil
		s.made.Store(made)
	}
	return made[i]
}

// make makes the events of the segment. The segment's lock is held.
func (s *segment) make(evicted int, held *atomic.Int64) *[segmentEvents]*Event {
	made := new([segmentEvents]*Event)
	text := string(s.packed[s.blocks():])
	for i := evicted; i < segmentEvents; i++ {
		from, to := s.starts(i), &s.places[i]
		block := s.packed[from.block:to.block]
		e := new(Event) // not one of an array: who keeps one event must not keep all
		e.Position = Position{Epoch: s.epoch, Offset: s.first + uint64(i)}
		e.ID, e.Key = string(s.packedID(i)), text[to.id:to.key]
		e.Mark, e.At = s.marks&(1<<i) != 0, s.at(i)
		if s.topics != nil {
			e.Subject = s.topics.of[i]
		}
		e.Frame.Init(block, int(to.data))
		held.Add(-s.size(i)) // first, so that the sum is never more than what is held
		hold(e, held)
		made[i] = e
	}
	return made
}

// release no longer counts an event that is evicted. The log's lock is held for writing.
func (s *segment) release(i int, held *atomic.Int64) {
	made := s.made.Load()
	if made == nil {
		held.Add(-s.size(i))
		return
	}
	release(made[i], held)
	made[i] = nil
}
