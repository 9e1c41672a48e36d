package transcode

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// entryTable finds the newest entry of each key of a map. It keeps the places of the entries, and reads the keys there.
type entryTable struct {
	m     *merger
	key   field    // the kind of the keys
	slots []uint32 // 1 + the place of an entry's length; 0 is free. A power of two. At most three quarters are used
	n     int
}

// entries writes a map whose entries may come in several runs and may have equal keys. c is at the first entry.
func (m *merger) entries(fd protoreflect.FieldDescriptor, c cursor) bool {
	t := entryTable{m: m, key: keyField(fd.MapKey()), slots: make([]uint32, 16)}
	rest := c
	for ok := true; ok; ok = rest.again(fd) {
		if !t.put(rest.value) {
			return false
		}
	}
	if rest.failed {
		return false
	}
	for ok := true; ok; ok = c.again(fd) {
		written := len(m.out)
		newest := t.newest(c.value)
		if !newest {
			m.dropped++
		}
		if !m.entry(fd, c.content()) {
			return false
		}
		if !newest {
			m.dropped--
			m.out = m.out[:written]
		}
	}
	return !c.failed
}

// keyField returns the part of a field that is needed to read keys.
func keyField(fd protoreflect.FieldDescriptor) field {
	f := field{kind: fd.Kind()}
	switch wireType(fd.Kind()) {
	case protowire.BytesType:
		f.shape = shapeText
	case protowire.Fixed32Type:
		f.shape = shapeFixed32
	case protowire.Fixed64Type:
		f.shape = shapeFixed64
	}
	f.tag = tagOf(1, wireType(fd.Kind()))
	return f
}

// keyOf returns the key of the entry whose length is at a place. Equal keys are equal bytes. Where the entry has several keys,
// the last one counts.
func (t *entryTable) keyOf(place uint32, scratch *[8]byte) (key []byte, ok bool) {
	at := -1
	wire, _ := protowire.ConsumeBytes(t.m.wire[place:])
	for i := 0; i < len(wire); {
		num, typ, n := protowire.ConsumeTag(wire[i:])
		size := -1
		if n > 0 {
			size = protowire.ConsumeFieldValue(num, typ, wire[i+n:])
		}
		if size < 0 {
			return nil, t.m.fail(ErrMalformed)
		}
		if tagOf(num, typ) == t.key.tag {
			at = i + n
		}
		i += n + size
	}
	if t.key.shape == shapeText {
		if at < 0 {
			return nil, true
		}
		key, _ = protowire.ConsumeBytes(wire[at:])
		return key, true
	}
	number := uint64(0)
	if at >= 0 {
		number, _ = keyNumber(&t.key, wire[:len(wire):len(wire)], at)
	}
	binary.LittleEndian.PutUint64(scratch[:], number)
	return scratch[:], true
}

// find returns the slot of the entry with a key, or a free one.
func (t *entryTable) find(key []byte) int {
	var scratch [8]byte
	for at := maphash.Bytes(t.m.w.t.seed, key); ; at++ {
		i := int(at & uint64(len(t.slots)-1))
		if t.slots[i] == 0 {
			return i
		}
		if other, _ := t.keyOf(t.slots[i]-1, &scratch); bytes.Equal(key, other) {
			return i
		}
	}
}

// put adds an entry, or replaces an earlier one with the same key.
func (t *entryTable) put(place uint32) bool {
	var scratch [8]byte
	key, ok := t.keyOf(place, &scratch)
	if !ok {
		return false
	}
	i := t.find(key)
	if t.slots[i] == 0 {
		t.n++
	}
	t.slots[i] = place + 1
	if 4*t.n > 3*len(t.slots) {
		return t.double()
	}
	return true
}

// double makes the table twice as large, where the budget allows it.
func (t *entryTable) double() bool {
	if 8*len(t.slots) > max(t.m.w.limit, 1<<16) {
		t.m.w.overspent(ErrTooLarge)
		return false
	}
	slots := t.slots
	t.slots = make([]uint32, 2*len(slots))
	var scratch [8]byte
	for _, place := range slots {
		if place > 0 {
			key, _ := t.keyOf(place-1, &scratch)
			t.slots[t.find(key)] = place
		}
	}
	return true
}

// newest reports whether an entry is the one that counts for its key.
func (t *entryTable) newest(place uint32) bool {
	var scratch [8]byte
	key, _ := t.keyOf(place, &scratch)
	return t.slots[t.find(key)] == place+1
}

// entry writes one entry of a map: its last key, then its value.
func (m *merger) entry(fd protoreflect.FieldDescriptor, entry part) bool {
	const keyNumber, valueNumber = 1, 2
	e := m.open(fd.Number(), int(entry.to-entry.from))
	base := len(m.parts)
	var key, scalar part
	value, met := fd.MapValue(), false
	pieces := m.push(entry)
	c := m.read(pieces)
	top := len(m.parts)
	for c.next() {
		switch {
		case c.num == keyNumber && fits(fd.MapKey(), c.typ):
			if key = (part{c.tagAt, c.end}); !m.validText(fd.MapKey(), &c) {
				return false
			}
		case c.num != valueNumber || !fits(value, c.typ):
		case value.Message() != nil:
			m.gather(&c)
			met = true
		default:
			if scalar = (part{c.tagAt, c.end}); !m.validText(value, &c) {
				return false
			}
		}
	}
	if c.failed {
		return false
	}
	m.out = append(append(m.out, m.bytes(key)...), m.bytes(scalar)...)
	if met && !m.submessage(value, span{top, len(m.parts)}) {
		return false
	}
	m.parts = m.parts[:base]
	return m.close(e)
}
