package transcode

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// AppendText appends the text of the value that the path leads to. Integers and floats are decimal, bools are true or false,
// and an enum value is its name, or its number where it has no name. Strings and bytes are appended as they are. For a oneof it
// appends the name of the field that is set. For a google.protobuf.Timestamp or Duration it appends the JSON without its quotes
// ("2006-01-02T15:04:05Z", "1.500s"), and for a wrapper such as Int64Value the wrapped value.
//
// AppendText reports false and appends nothing where there is no value: the field is not set, or it has no presence and holds
// its default (0, false, ""), which the wire bytes cannot tell apart. A Timestamp, Duration or wrapper that is set has a value,
// even if that is zero: the epoch, 0s, 0. A path to any other message always reports false; see [Path.HasText] and
// [Path.Message].
//
// Strings may hold any bytes, also line breaks: the caller must check them. An error is an [*Error] that matches ErrMalformed,
// or ErrUnrepresentable for a Timestamp or Duration that is out of its range.
func (p *Path) AppendText(dst, wire []byte) (out []byte, ok bool, err error) {
	var m match
	if err := p.find(&m, wire); err != nil {
		return dst, false, err
	}
	switch {
	case !m.set || !p.HasText():
		return dst, false, nil
	case p.text != nil:
		if out, err = p.text.append(dst, m.value); err != nil {
			err.(*Error).Message, err.(*Error).Path = p.root, p.path
			return dst, false, err
		}
		return out, true, nil
	case p.kind == PathOneof:
		return append(dst, m.member...), true, nil
	}
	out, zero := appendScalarText(dst, p.field, m.value)
	if zero && !p.field.HasPresence() {
		return dst, false, nil
	}
	return out, true, nil
}

// Has reports whether the field, or a member of the oneof, is set. A field without presence is set if it does not hold its
// default. An error is an [*Error] that matches ErrMalformed.
func (p *Path) Has(wire []byte) (bool, error) {
	var m match
	if err := p.find(&m, wire); err != nil || !m.set {
		return false, err
	}
	if p.kind != PathScalar || p.field.HasPresence() {
		return true, nil
	}
	var scratch [32]byte
	_, zero := appendScalarText(scratch[:0], p.field, m.value)
	return !zero, nil
}

// Message returns the wire bytes of the sub-message that the path leads to. They are empty if it is not set, or if the path
// leads to something else. They are a part of wire where the sub-message is in one piece there, and a copy where its parts were
// joined. The bytes inside are not checked. An error is an [*Error] that matches ErrMalformed.
func (p *Path) Message(wire []byte) (sub []byte, err error) {
	if p.kind != PathMessage {
		return nil, nil
	}
	var m match
	if err := p.find(&m, wire); err != nil {
		return nil, err
	}
	return m.value, nil
}

// match is what was found of a path so far.
type match struct {
	set    bool
	value  []byte // a scalar's encoded value without its tag, or a message's bytes
	member string // the name of the oneof's member
	joined bool   // value is a copy, not a part of the wire bytes
}

func (p *Path) find(m *match, wire []byte) error {
	offset, ok := p.walk(m, p.steps, wire)
	if !ok {
		return &Error{Kind: ErrMalformed, Message: p.root, Path: p.path, Offset: offset}
	}
	return nil
}

// walk reads one message. It returns false, and the offset in wire, where the message is malformed.
func (p *Path) walk(m *match, steps []step, wire []byte) (int, bool) {
	s := &steps[0]
	for at := 0; at < len(wire); {
		num, typ, n := protowire.ConsumeTag(wire[at:])
		if n < 0 || num > protowire.MaxValidNumber {
			return at, false
		}
		size := protowire.ConsumeFieldValue(num, typ, wire[at+n:])
		if size < 0 {
			return at, false
		}
		start, end := at+n, at+n+size
		at = end
		switch {
		case num == s.target.number && typ == s.target.typ:
			value := wire[start:end]
			if len(steps) == 1 && p.kind == PathScalar {
				m.set, m.value = true, value
				continue
			}
			value, skipped := content(value, num, typ)
			if len(steps) == 1 {
				m.addMessage(value)
			} else if offset, ok := p.walk(m, steps[1:], value); !ok {
				return start + skipped + offset, false
			}
		case s.members != nil:
			if f := lookup(s.members, num, typ); f != nil {
				m.set, m.member = true, f.name
			}
		case s.rivals != nil && lookup(s.rivals, num, typ) != nil:
			*m = match{}
		}
	}
	return 0, true
}

// addMessage adds another part of the message that the path leads to. A parser merges parts that follow each other on the wire.
func (m *match) addMessage(part []byte) {
	switch {
	case !m.set:
		m.value = part
	case m.joined:
		m.value = append(m.value, part...)
	default:
		m.value = append(append(make([]byte, 0, len(m.value)+len(part)), m.value...), part...)
		m.joined = true
	}
	m.set = true
}

// content removes the length, or the end of a group, from the value of a message field. It returns how many bytes it removed in
// front.
func content(value []byte, num protowire.Number, typ protowire.Type) ([]byte, int) {
	if typ == protowire.StartGroupType {
		v, _ := protowire.ConsumeGroup(num, value)
		return v, 0
	}
	v, n := protowire.ConsumeBytes(value)
	return v, n - len(v)
}

func lookup(fields []wireField, num protowire.Number, typ protowire.Type) *wireField {
	for i := range fields {
		if fields[i].number == num && fields[i].typ == typ {
			return &fields[i]
		}
	}
	return nil
}

// appendScalarText appends a value's text. It reports whether the value is the default of a field without presence.
func appendScalarText(dst []byte, fd protoreflect.FieldDescriptor, value []byte) (out []byte, zero bool) {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		v, _ := protowire.ConsumeBytes(value)
		return append(dst, v...), len(v) == 0
	case protoreflect.Fixed32Kind:
		v := binary.LittleEndian.Uint32(value)
		return strconv.AppendUint(dst, uint64(v), 10), v == 0
	case protoreflect.Sfixed32Kind:
		v := binary.LittleEndian.Uint32(value)
		return strconv.AppendInt(dst, int64(int32(v)), 10), v == 0
	case protoreflect.Fixed64Kind:
		v := binary.LittleEndian.Uint64(value)
		return strconv.AppendUint(dst, v, 10), v == 0
	case protoreflect.Sfixed64Kind:
		v := binary.LittleEndian.Uint64(value)
		return strconv.AppendInt(dst, int64(v), 10), v == 0
	case protoreflect.FloatKind:
		v := binary.LittleEndian.Uint32(value)
		return strconv.AppendFloat(dst, float64(math.Float32frombits(v)), 'g', -1, 32), v == 0
	case protoreflect.DoubleKind:
		v := binary.LittleEndian.Uint64(value)
		return strconv.AppendFloat(dst, math.Float64frombits(v), 'g', -1, 64), v == 0
	default:
		v, _ := protowire.ConsumeVarint(value)
		return appendVarintText(dst, fd, v)
	}
}

// appendVarintText is appendScalarText for kinds that are varints on the wire.
func appendVarintText(dst []byte, fd protoreflect.FieldDescriptor, v uint64) (out []byte, zero bool) {
	signed := int64(v)
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v != 0), v == 0
	case protoreflect.Uint32Kind:
		return strconv.AppendUint(dst, uint64(uint32(v)), 10), uint32(v) == 0
	case protoreflect.Uint64Kind:
		return strconv.AppendUint(dst, v, 10), v == 0
	case protoreflect.EnumKind:
		number := protoreflect.EnumNumber(v)
		if value := fd.Enum().Values().ByNumber(number); value != nil {
			return append(dst, value.Name()...), number == 0
		}
		signed = int64(number)
	case protoreflect.Int32Kind:
		signed = int64(int32(v))
	case protoreflect.Sint32Kind:
		signed = int64(int32(protowire.DecodeZigZag(v & math.MaxUint32)))
	case protoreflect.Int64Kind:
	case protoreflect.Sint64Kind:
		signed = protowire.DecodeZigZag(v)
	default:
		panic(fmt.Sprintf("field %s: kind %s is not a varint", fd.FullName(), fd.Kind()))
	}
	return strconv.AppendInt(dst, signed, 10), signed == 0
}
