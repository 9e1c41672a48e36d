package fanout

import (
	"cmp"
	"slices"
	"sync/atomic"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// lastValues holds the newest event of each key, in the order of the log. The log may have evicted some of these events. The
// keys and bytes are bounded: over a bound, the event that is oldest goes, but never the newest one. The zero value is empty
// and has no bounds.
//
// A newcomer reads the last values while they change. An event that is replaced meanwhile has a successor behind the place from
// which the newcomer reads the log afterwards. So the newcomer sees each event once and in order, without a copy of the values.
type lastValues struct {
	maxKeys  int   // 0 is no bound
	maxBytes int64 // 0 is no bound

	slots []valueSlot    // sorted by offset
	head  int            // all slots before this index are empty
	byKey map[string]int // the index of a key's slot
	held  atomic.Int64   // bytes; frames add to it when a form is made
}

// valueSlot is the place of an event. A slot without an event is empty: its key has a newer event, or was dropped.
type valueSlot struct {
	offset uint64
	event  *replay.Event
}

// valueBytes is about how many bytes an event takes here besides its frame, id and key.
const valueBytes = 384

func (v *lastValues) bytes() int64 { return v.held.Load() }

// put makes e the newest event of its key. e must be newer than all events that are held.
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

// minSlots is how many slots may be empty even where there are few keys.
const minSlots = 64

func overhead(e *replay.Event) int64 { return int64(valueBytes + len(e.ID) + len(e.Key)) }

// empty removes the event of a slot. The caller corrects the index of its key.
func (v *lastValues) empty(i int) {
	e := v.slots[i].event
	v.slots[i].event = nil
	e.Frame.Release(&v.held)
	v.held.Add(-overhead(e))
}

// dropOldest removes the oldest event and its key.
func (v *lastValues) dropOldest() {
	for v.slots[v.head].event == nil {
		v.head++
	}
	delete(v.byKey, v.slots[v.head].event.Key)
	v.empty(v.head)
}

// trim removes the oldest events until at most so many bytes are held, or the newest event alone.
func (v *lastValues) trim(bytes int64) {
	for len(v.byKey) > 1 && v.bytes() > bytes {
		v.dropOldest()
	}
}

// compact removes the empty slots.
func (v *lastValues) compact() {
	v.slots = slices.DeleteFunc(v.slots, func(s valueSlot) bool { return s.event == nil })
	v.head = 0
	for i, s := range v.slots {
		v.byKey[s.event.Key] = i
	}
}

// clear removes all events.
func (v *lastValues) clear() {
	for _, i := range v.byKey {
		v.empty(i)
	}
	v.slots, v.head, v.byKey = nil, 0, nil
}

// read appends to dst the events from one offset up to another one, without the event at the second. It appends at most limit
// events.
func (v *lastValues) read(dst []replay.Entry, from, to uint64, limit int) []replay.Entry {
	i, _ := slices.BinarySearchFunc(v.slots, from, func(s valueSlot, offset uint64) int { return cmp.Compare(s.offset, offset) })
	for i = max(i, v.head); i < len(v.slots) && v.slots[i].offset < to && limit > 0; i++ {
		if e := v.slots[i].event; e != nil {
			dst = append(dst, e.Entry())
			limit--
		}
	}
	return dst
}
