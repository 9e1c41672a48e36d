package transcode

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// keySet notices when a map has a key twice. It keeps a 64-bit mark of each key. The mark of a number is the number. The mark
// of a text is a hash with a secret seed. Two texts with the same mark count as the same key, and the message is rewritten. The
// result is still right, and this does not happen in practice.
type keySet struct {
	seen  uint64 // a bit for each mark; most new marks are recognized by it
	n     int
	few   [24]uint64
	table *keyTable // for more marks than few holds
}

// addText adds a key. It reports false if the key is there already.
func (w *walk) addText(s *keySet, key []byte) bool {
	var first, last uint64
	switch n := len(key); {
	case n > 16:
		return w.addMark(s, maphash.Bytes(w.t.seed, key))
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(key)), uint64(binary.LittleEndian.Uint32(key[n-4:]))
	case n > 0:
		first, last = uint64(key[0]), uint64(key[n/2])<<8|uint64(key[n-1])
	}
	// The first bytes, the last bytes and the length tell keys of up to 16 bytes apart. The secrets make the product a hash.
	hi, lo := bits.Mul64(first^w.t.secrets[0], last^w.t.secrets[1]^uint64(len(key))*0x9e3779b97f4a7c15)
	return w.addMark(s, hi^lo)
}

// addNumber adds a key. It reports false if the key is there already.
func (w *walk) addNumber(s *keySet, key uint64) bool { return w.addMark(s, key) }

func (w *walk) addMark(s *keySet, mark uint64) bool {
	if s.n == len(s.few) {
		return w.addMany(s, mark)
	}
	bit := uint64(1) << (mark * 0x9e3779b97f4a7c15 >> 58)
	if s.seen&bit != 0 {
		for _, m := range s.few[:s.n] {
			if m == mark {
				return false
			}
		}
	}
	s.seen |= bit
	s.few[s.n] = mark
	s.n++
	return true
}

// dropLast removes the newest key. A key that addMark added to few is removed exactly. A key in a table is removed by its mark.
func (s *keySet) dropLast() {
	if s.table != nil {
		s.table.removeLast()
		return
	}
	s.n--
}

// maxMarks is how many keys of one map a walk tells apart.
const maxMarks = 1 << 15

func (w *walk) addMany(s *keySet, mark uint64) bool {
	if w.merged {
		return true
	}
	if s.table != nil && len(s.table.order) == maxMarks {
		return false // merging needs less memory for more keys
	}
	if s.table == nil {
		s.table = w.takeTable()
		for _, m := range s.few {
			s.table.add(m)
		}
	}
	return s.table.add(mark)
}

// release gives back the memory that a keySet has borrowed.
func (w *walk) release(s *keySet) {
	if s.table != nil && len(s.table.slots) <= 1<<14 {
		w.scratch.tables = append(w.scratch.tables, s.table)
	}
}

// keyTable is a hash table of marks.
type keyTable struct {
	secrets [2]uint64
	order   []uint64 // all marks, in the order in which they came
	slots   []uint32 // 1 + the index of a mark in order; 0 is free. The length is a power of two. At most half is used
}

func newKeyTable(secrets [2]uint64) *keyTable {
	return &keyTable{secrets: secrets, slots: make([]uint32, 128)}
}

// newSecrets returns two numbers that a sender of messages cannot know.
func newSecrets(seed maphash.Seed) [2]uint64 {
	return [2]uint64{maphash.String(seed, "first"), maphash.String(seed, "second") | 1}
}

func (t *keyTable) reset() {
	t.order = t.order[:0]
	clear(t.slots)
}

func (t *keyTable) add(mark uint64) bool {
	if 2*len(t.order) >= len(t.slots) {
		t.slots = make([]uint32, 2*len(t.slots))
		for i, m := range t.order {
			t.slots[t.find(m)] = uint32(i + 1)
		}
	}
	at := t.find(mark)
	if t.slots[at] != 0 {
		return false
	}
	t.order = append(t.order, mark)
	t.slots[at] = uint32(len(t.order))
	return true
}

// find returns the slot of a mark, or the free slot where it belongs.
func (t *keyTable) find(mark uint64) int {
	hi, lo := bits.Mul64(mark^t.secrets[0], t.secrets[1])
	for at := hi ^ lo; ; at++ {
		i := int(at & uint64(len(t.slots)-1))
		if n := t.slots[i]; n == 0 || t.order[n-1] == mark {
			return i
		}
	}
}

// removeLast removes the newest mark. Nothing was added behind it, so no other mark depends on its slot.
func (t *keyTable) removeLast() {
	last := len(t.order) - 1
	t.slots[t.find(t.order[last])] = 0
	t.order = t.order[:last]
}
