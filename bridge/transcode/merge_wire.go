package transcode

import (
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// cursor reads the fields of a message that consists of several parts.
type cursor struct {
	m      *merger
	pieces span
	at     uint32 // where the next tag is
	failed bool

	// These describe the field that was read last.
	num               protowire.Number
	typ               protowire.Type
	tagAt, value, end uint32 // where its tag begins, and where its value begins and ends
}

// read returns a cursor before the first field.
func (m *merger) read(pieces span) cursor {
	c := cursor{m: m, pieces: pieces}
	if pieces.from < pieces.to {
		c.at = m.parts[pieces.from].from
	}
	return c
}

// next reads a field. It returns false at the end and after a failure.
func (c *cursor) next() bool {
	if c.failed || c.pieces.from == c.pieces.to {
		return false
	}
	for c.at == c.m.parts[c.pieces.from].to {
		if c.pieces.from++; c.pieces.from == c.pieces.to {
			return false
		}
		c.at = c.m.parts[c.pieces.from].from
	}
	wire := c.m.wire[c.at:c.m.parts[c.pieces.from].to]
	num, typ, n := protowire.ConsumeTag(wire)
	size := -1
	if n > 0 && num <= protowire.MaxValidNumber {
		size = protowire.ConsumeFieldValue(num, typ, wire[n:])
	}
	if size < 0 || c.m.stopped() {
		c.failed = true
		return c.m.fail(ErrMalformed)
	}
	c.num, c.typ = num, typ
	c.tagAt, c.value = c.at, c.at+uint32(n)
	c.end = c.value + uint32(size)
	c.at = c.end
	return true
}

// again reads the next value of a field.
func (c *cursor) again(fd protoreflect.FieldDescriptor) bool {
	for c.next() {
		if c.num == fd.Number() && fits(fd, c.typ) {
			return true
		}
	}
	return false
}

// content returns the value of the field, without its length or the end of its group.
func (c *cursor) content() part {
	switch wire := c.m.wire[c.value:c.end]; c.typ {
	case protowire.BytesType:
		_, n := protowire.ConsumeVarint(wire)
		return part{c.value + uint32(n), c.end}
	case protowire.StartGroupType:
		content, _ := protowire.ConsumeGroup(c.num, wire)
		return part{c.value, c.value + uint32(len(content))}
	}
	return part{c.value, c.end}
}

// gather puts the content of the field on the stack, if there is any, and returns where the stack ends.
func (m *merger) gather(c *cursor) int {
	if p := c.content(); p.from < p.to {
		m.parts = append(m.parts, p)
	}
	return len(m.parts)
}

func (m *merger) bytes(p part) []byte { return m.wire[p.from:p.to] }

func (m *merger) size(pieces span) (n int) {
	for _, p := range m.parts[pieces.from:pieces.to] {
		n += int(p.to - p.from)
	}
	return n
}

// envelope is a field with a length while it is written.
type envelope struct{ at, room int }

// open begins a field of at most so many bytes. That number decides how much room the length gets.
func (m *merger) open(num protowire.Number, most int) envelope {
	m.out = protowire.AppendTag(m.out, num, protowire.BytesType)
	e := envelope{len(m.out), protowire.SizeVarint(uint64(most))}
	m.out = m.out[:e.at+e.room] // as many bytes as were there before
	return e
}

// close writes the length of a field into its room. The room may be larger than the length needs.
func (m *merger) close(e envelope) bool {
	n := len(m.out) - e.at - e.room
	for i := range e.room {
		m.out[e.at+i] = byte(n>>(7*i))&0x7f | 0x80
	}
	m.out[e.at+e.room-1] &= 0x7f
	return true
}

func (m *merger) fail(kind error) bool {
	m.w.fail(kind, -1)
	return false
}

// affordable counts a step, and reports whether the merge may go on: the memory that it needs besides the message is within the
// budget too.
func (m *merger) affordable() bool {
	if 8*cap(m.parts)+20*cap(m.slots) > max(m.w.limit, 1<<16) {
		m.w.overspent(ErrTooLarge)
	}
	return !m.stopped()
}

func (m *merger) stopped() bool {
	if m.w.steps++; m.w.steps%stepsToStop == 0 {
		return m.w.stopped()
	}
	return m.w.spent
}

// slot finds the slot of a field among the slots of a message. They begin at base and are sorted.
func (m *merger) slot(base int, key protoreflect.FieldNumber) (s *mslot, fresh bool) {
	i, found := slices.BinarySearchFunc(m.slots[base:], key, func(s mslot, key protoreflect.FieldNumber) int { return int(s.key - key) })
	if !found {
		m.slots = slices.Insert(m.slots, base+i, mslot{key: key})
	}
	return &m.slots[base+i], !found
}

// fieldOf returns the field or extension that has a number and fits a wire type, or nil.
func (m *merger) fieldOf(md protoreflect.MessageDescriptor, num protowire.Number, typ protowire.Type) protoreflect.FieldDescriptor {
	fd := md.Fields().ByNumber(num)
	if fd == nil && md.ExtensionRanges().Has(num) {
		if f := m.w.t.extension(md.FullName(), num, tagOf(num, typ)); f != nil {
			return f.desc
		}
	}
	if fd != nil && fits(fd, typ) {
		return fd
	}
	return nil
}

// fits reports whether a value of this wire type can be a value of the field, or a packed list of such values.
func fits(fd protoreflect.FieldDescriptor, typ protowire.Type) bool {
	single := wireType(fd.Kind())
	return typ == single || fd.IsList() && typ == protowire.BytesType && single != protowire.StartGroupType
}

// keyOf returns the number that all members of a oneof share.
func keyOf(fd protoreflect.FieldDescriptor) protoreflect.FieldNumber {
	if od := fd.ContainingOneof(); od != nil {
		return od.Fields().Get(0).Number()
	}
	return fd.Number()
}

// validText checks a text as a parser does, also one that is dropped.
func (m *merger) validText(fd protoreflect.FieldDescriptor, c *cursor) bool {
	if fd.Kind() == kindString && enforcesUTF8(fd) && !utf8.Valid(m.bytes(c.content())) {
		return m.fail(ErrInvalidUTF8)
	}
	return true
}

// enforcesUTF8 reports whether a parser refuses texts of the field that are not UTF-8. Texts of other fields are refused in
// JSON only.
func enforcesUTF8(fd protoreflect.FieldDescriptor) bool {
	if fd.Syntax() == protoreflect.Editions {
		if f, ok := fd.(interface{ EnforceUTF8() bool }); ok {
			return f.EnforceUTF8()
		}
	}
	return fd.Syntax() == protoreflect.Proto3
}
