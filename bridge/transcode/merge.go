package transcode

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// merger rewrites the wire bytes of a message so that a walk can read them: each singular field once, each list and map in one
// run, no map key twice. The output means the same to a parser, without the values that a parser would drop. Of a scalar that
// comes again the last value counts. The parts of a message are joined. A member of a oneof unsets the other members. A later
// map entry replaces an earlier one with the same key. Dropped values are checked as a parser checks them.
//
// The merger needs memory for one more copy of the message, and little more: it does not join the parts of a message, but reads
// them one after the other where they are. Its methods return false after a failure. The walk then has the reason.
type merger struct {
	w    *walk
	wire []byte
	out  []byte

	parts   []part  // a stack of the parts of all open messages
	slots   []mslot // a stack of the slots of all open messages
	depth   int     // how many more levels of messages may follow
	groups  int     // how many more levels of groups may follow: everything inside a group must be read to find its end
	dropped int     // how many of the open messages are dropped
}

const maxMergedGroups = 100

// part is a piece of the wire bytes.
type part struct{ from, to uint32 }

// span is a range of merger.parts: the parts of one message, in their order.
type span struct{ from, to int }

// mslot is what was seen of one field of a message or of one oneof.
type mslot struct {
	key    protoreflect.FieldNumber // the number of the field, or of the oneof's first member
	member protoreflect.FieldNumber // the member that came last
	from   uint32                   // where the tag of its first value that counts is
	last   uint32                   // where the tag of its last value is
	many   bool                     // it came again; for a list: it came again behind another field
}

// merge returns wire bytes that mean the same as wire and need no merging.
func (w *walk) merge(md protoreflect.MessageDescriptor, wire []byte) ([]byte, bool) {
	if uint64(len(wire)) > math.MaxUint32 {
		w.fail(ErrTooLarge, -1)
		return nil, false
	}
	m := merger{w: w, wire: wire, depth: protowire.DefaultRecursionLimit, groups: maxMergedGroups}
	m.out = make([]byte, 0, len(wire))
	ok := m.message(md, m.push(part{0, uint32(len(wire))}))
	return m.out, ok
}

// push stacks one piece.
func (m *merger) push(p part) span {
	m.parts = append(m.parts, p)
	return span{len(m.parts) - 1, len(m.parts)}
}

// message writes the message with these parts, and removes the parts from the stack.
func (m *merger) message(md protoreflect.MessageDescriptor, pieces span) bool {
	if m.depth == 0 {
		return m.fail(ErrTooDeep)
	}
	if !m.affordable() {
		return false
	}
	m.depth--
	slots := len(m.slots)
	ok := false
	if md.FullName() == anyName {
		ok = m.any(pieces)
	} else {
		ok = m.survey(md, pieces, slots) && m.fields(md, pieces, slots)
	}
	m.slots, m.parts = m.slots[:slots], m.parts[:pieces.from]
	m.depth++
	return ok
}

// survey notes which fields there are, and checks their texts.
func (m *merger) survey(md protoreflect.MessageDescriptor, pieces span, slots int) bool {
	previous := protoreflect.FieldNumber(0)
	c := m.read(pieces)
	for c.next() {
		fd := m.fieldOf(md, c.num, c.typ)
		if fd == nil {
			continue
		}
		if !m.validText(fd, &c) {
			return false
		}
		s, fresh := m.slot(slots, keyOf(fd))
		switch {
		case fresh, s.member != c.num:
			*s = mslot{key: s.key, member: c.num, from: c.tagAt, last: c.tagAt}
		case !fd.IsList() || previous != c.num:
			s.many, s.last = true, c.tagAt
		}
		previous = c.num
	}
	return !c.failed
}

// fields writes the fields. A field that came in several places is written at the first of them.
func (m *merger) fields(md protoreflect.MessageDescriptor, pieces span, slots int) bool {
	c := m.read(pieces)
	for ok := true; ok && c.next(); {
		fd := m.fieldOf(md, c.num, c.typ)
		if fd == nil {
			continue
		}
		s, _ := m.slot(slots, keyOf(fd))
		switch {
		case c.tagAt < s.from: // a later member of the oneof has unset this one
			ok = m.drop(fd, &c)
		case !s.many:
			ok = m.occurrence(fd, &c)
		case fd.Message() == nil && !fd.IsList():
			if c.tagAt == s.last {
				ok = m.occurrence(fd, &c)
			}
		case c.tagAt == s.from:
			ok = m.all(fd, c)
		}
		if !ok {
			return false
		}
	}
	return !c.failed
}

// all writes a field that came in several places. c is at the first one.
func (m *merger) all(fd protoreflect.FieldDescriptor, c cursor) bool {
	switch {
	case fd.IsMap():
		return m.entries(fd, c)
	case fd.IsList():
		for ok := true; ok; ok = c.again(fd) {
			if !m.occurrence(fd, &c) {
				return false
			}
		}
		return true
	}
	pieces := span{len(m.parts), len(m.parts)}
	for ok := true; ok; ok = c.again(fd) {
		pieces.to = m.gather(&c)
	}
	return m.submessage(fd, pieces)
}

// occurrence writes one value of a field.
func (m *merger) occurrence(fd protoreflect.FieldDescriptor, c *cursor) bool {
	switch {
	case fd.IsMap():
		return m.entry(fd, c.content())
	case fd.Message() == nil:
		m.out = append(m.out, m.wire[c.tagAt:c.end]...)
		return true
	}
	from := len(m.parts)
	return m.submessage(fd, span{from, m.gather(c)})
}

// submessage writes a field whose value is the message with these parts.
func (m *merger) submessage(fd protoreflect.FieldDescriptor, pieces span) bool {
	if fd.Kind() == protoreflect.GroupKind {
		if m.groups == 0 {
			return m.fail(ErrTooDeep)
		}
		m.groups--
		m.out = protowire.AppendTag(m.out, fd.Number(), protowire.StartGroupType)
		ok := m.message(fd.Message(), pieces)
		m.out = protowire.AppendTag(m.out, fd.Number(), protowire.EndGroupType)
		m.groups++
		return ok
	}
	e := m.open(fd.Number(), m.size(pieces))
	return m.message(fd.Message(), pieces) && m.close(e)
}

// drop checks a value that is not written.
func (m *merger) drop(fd protoreflect.FieldDescriptor, c *cursor) bool {
	written := len(m.out)
	m.dropped++
	ok := m.occurrence(fd, c)
	m.dropped--
	m.out = m.out[:written]
	return ok
}

const anyName = "google.protobuf.Any"

// any writes a google.protobuf.Any. It merges the message inside where its type is known.
func (m *merger) any(pieces span) bool {
	const urlNumber, valueNumber = 1, 2
	var url, value part
	c := m.read(pieces)
	for c.next() {
		switch {
		case c.typ != protowire.BytesType:
		case c.num == urlNumber:
			if url = c.content(); !utf8.Valid(m.bytes(url)) {
				return m.fail(ErrInvalidUTF8)
			}
		case c.num == valueNumber:
			value = c.content()
		}
	}
	if c.failed {
		return false
	}
	if url.from < url.to {
		m.out = protowire.AppendTag(m.out, urlNumber, protowire.BytesType)
		m.out = protowire.AppendBytes(m.out, m.bytes(url))
	}
	if value.from == value.to {
		return true
	}
	var p *plan
	if m.dropped == 0 {
		p = m.w.t.anyPlan(m.bytes(url))
	}
	if p == nil {
		m.out = protowire.AppendTag(m.out, valueNumber, protowire.BytesType)
		m.out = protowire.AppendBytes(m.out, m.bytes(value))
		return true
	}
	e := m.open(valueNumber, int(value.to-value.from))
	return m.message(p.desc, m.push(value)) && m.close(e)
}
