package fanout

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// lastValues is the newest event of each key, in the order of the log, which may have evicted some of them. It is bounded in
// keys and in bytes: what was replaced longest ago goes, but for the newest. The zero value, which has no bounds, is empty.
//
// Newcomers walk it while it changes: what is replaced after they came has moved behind the place in the log from which they
// read on, so they see each event once and in order, and nobody copies anything.
type lastValues struct {
	maxKeys  int   // 0 is no bound
	maxBytes int64 // 0 is no bound

	slots []valueSlot    // by offset
	head  int            // before it all are empty
	byKey map[string]int // the index of a key's slot
	held  atomic.Int64   // bytes; frames add to it when a form is made
}

// valueSlot is the place of an event, empty when its key has a newer one.
type valueSlot struct {
	offset uint64
	event  *replay.Event
}

// valueBytes is about what an event takes here besides its frame, id and key.
const valueBytes = 384

func (v *lastValues) bytes() int64 { return v.held.Load() }

// put makes e, which is newer than all there is, the newest event of its key.
func (v *lastValues) put(e *replay.Event) {
	if v.byKey == nil {
		v.byKey = map[string]int{}
	}
	if i, ok := v.byKey[e.Key]; ok {
		v.empty(i)
	}
	if len(v.slots) >= 2*len(v.byKey)+minSlots {
		v.compact()
	}
	v.byKey[e.Key] = len(v.slots)
	v.slots = append(v.slots, valueSlot{e.Offset, e})
	v.held.Add(overhead(e))
	e.Frame.Hold(&v.held)
	for len(v.byKey) > 1 && (v.maxKeys > 0 && len(v.byKey) > v.maxKeys || v.maxBytes > 0 && v.bytes() > v.maxBytes) {
		v.dropOldest()
	}
}

// minSlots is how many slots may be empty whatever the number of keys.
const minSlots = 64

func overhead(e *replay.Event) int64 { return int64(valueBytes + len(e.ID) + len(e.Key)) }

// empty gives up the event of a slot. Its key's index is the caller's to correct.
func (v *lastValues) empty(i int) {
	e := v.slots[i].event
	v.slots[i].event = nil
	e.Frame.Release(&v.held)
	v.held.Add(-overhead(e))
}

// dropOldest gives up the event that is oldest, and its key.
func (v *lastValues) dropOldest() {
	for v.slots[v.head].event == nil {
		v.head++
	}
	delete(v.byKey, v.slots[v.head].event.Key)
	v.empty(v.head)
}

// trim gives up the oldest events until at most so many bytes are held, or the newest event alone.
func (v *lastValues) trim(bytes int64) {
	for len(v.byKey) > 1 && v.bytes() > bytes {
		v.dropOldest()
	}
}

// compact takes out the empty slots.
func (v *lastValues) compact() {
	v.slots = slices.DeleteFunc(v.slots, func(s valueSlot) bool { return s.event == nil })
	v.head = 0
	for i, s := range v.slots {
		v.byKey[s.event.Key] = i
	}
}

// clear gives up all.
func (v *lastValues) clear() {
	for _, i := range v.byKey {
		v.empty(i)
	}
	v.slots, v.head, v.byKey = nil, 0, nil
}

// read appends to dst the events from an offset to before another one, at most limit of them.
func (v *lastValues) read(dst []*replay.Event, from, to uint64, limit int) []*replay.Event {
	i, _ := slices.BinarySearchFunc(v.slots, from, func(s valueSlot, offset uint64) int { return cmp.Compare(s.offset, offset) })
	for i = max(i, v.head); i < len(v.slots) && v.slots[i].offset < to && limit > 0; i++ {
		if e := v.slots[i].event; e != nil {
			dst = append(dst, e)
			limit--
		}
	}
	return dst
}
