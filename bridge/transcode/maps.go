package transcode

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// mapRun appends a map as a JSON object: all entries that follow each other. The tag of the first entry was read.
func (w *walk) mapRun(f *field, b, wire []byte, i int) ([]byte, int) {
	if w.depth == 0 {
		return w.fail(ErrTooDeep, i), i
	}
	w.depth--
	var keys keySet
	b = append(appendKey(b, f), '{')
	for {
		n, next := length(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, i), i
		}
		if b = w.entry(f, &keys, b, wire[next:next+n]); b == nil {
			w.failure.offset += next
			return nil, i
		}
		b = append(b, ',')
		i = next + n
		tag, next := nextTag(wire, i)
		if next < 0 || tag != f.tag {
			break
		}
		i = next
	}
	w.release(&keys)
	w.depth++
	b[len(b)-1] = '}' // in the place of the last comma
	return b, i
}

// entry appends one `"key":value` of a map.
func (w *walk) entry(f *field, keys *keySet, b, wire []byte) []byte {
	start := len(b)
	if cap(b)-start < valueRoom {
		if b = w.grow(b, valueRoom); b == nil {
			return nil
		}
	}
	// The usual entry: a key, then a value, and nothing else.
	if len(wire) < 2 || uint32(wire[0]) != f.keyField.tag {
		return w.oddEntry(f, keys, b, wire)
	}
	i, ok := 0, false
	if n := int(wire[1]); f.keyField.shape == shapeText && n < 0x80 && n <= len(wire)-2 {
		i = 2 + n
		if !w.addText(keys, wire[2:i]) {
			return w.fail(errDuplicate, 0)
		}
		if b, ok = w.appendString(b, wire[2:i]); !ok {
			return w.fail(ErrInvalidUTF8, 2)
		}
	} else if b, i = w.mapKey(f.keyField, keys, b, wire, 1); b == nil {
		return nil
	}
	b = append(b, ':')
	if i+2 <= len(wire) && uint32(wire[i]) == f.value.tag {
		if n := int(wire[i+1]); f.value.kind == kindString && n < 0x80 && n == len(wire)-i-2 {
			if b, ok = w.appendString(b, wire[i+2:]); !ok {
				return w.fail(ErrInvalidUTF8, i+2)
			}
			return b
		}
		if b, i = w.element(f.value, f.value.shape, b, wire, i+1); b == nil {
			return nil
		}
		if i == len(wire) {
			return b
		}
	}
	keys.dropLast()
	return w.oddEntry(f, keys, b[:start], wire)
}

// oddEntry is entry for an entry that lacks its key or value, has them in another order, or holds more.
func (w *walk) oddEntry(f *field, keys *keySet, b, wire []byte) []byte {
	key, value := -1, -1
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if i = w.skip(wire, next, tag, at); i < 0 {
			return nil
		}
		switch {
		case tag == f.keyField.tag && key < 0:
			key = next
		case tag == f.value.tag && value < 0:
			value = next
		case tag == f.keyField.tag || tag == f.value.tag:
			return w.fail(errDuplicate, at)
		}
	}
	var zeros [8]byte // stands for a missing key or scalar value, which is zero or empty
	if key < 0 {
		b, _ = w.mapKey(f.keyField, keys, b, zeros[:], 0)
	} else {
		b, _ = w.mapKey(f.keyField, keys, b, wire, key)
	}
	if b == nil {
		return nil
	}
	b = append(b, ':')
	if value < 0 {
		b, _ = w.element(f.value, f.value.shape, b, zeros[:], 0)
		return b
	}
	b, _ = w.element(f.value, f.value.shape, b, wire, value)
	return b
}

// mapKey appends a map's key, which is always a string in JSON.
func (w *walk) mapKey(f *field, keys *keySet, b, wire []byte, i int) ([]byte, int) {
	if f.shape == shapeText {
		n, next := length(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, i), i
		}
		key := wire[next : next+n]
		if !w.addText(keys, key) {
			return w.fail(errDuplicate, i), i
		}
		b, ok := w.appendString(b, key)
		if !ok {
			return w.fail(ErrInvalidUTF8, next), i
		}
		return b, next + n
	}
	v, next := keyNumber(f, wire, i)
	if next < 0 {
		return w.fail(ErrMalformed, i), i
	}
	if !w.addNumber(keys, v) {
		return w.fail(errDuplicate, i), i
	}
	b = append(b, '"')
	switch f.kind {
	case protoreflect.BoolKind:
		b = appendVarint(b, f, v)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		b = appendUint(b, v)
	default:
		b = appendInt(b, int64(v))
	}
	return append(b, '"'), next
}

// keyNumber reads a numeric or bool key as the value that it stands for. Equal keys are equal numbers.
func keyNumber(f *field, wire []byte, i int) (v uint64, next int) {
	switch f.shape {
	case shapeFixed64:
		if len(wire)-i < 8 {
			return 0, -1
		}
		return binary.LittleEndian.Uint64(wire[i:]), i + 8
	case shapeFixed32:
		if len(wire)-i < 4 {
			return 0, -1
		}
		v, next = uint64(binary.LittleEndian.Uint32(wire[i:])), i+4
		if f.kind == protoreflect.Sfixed32Kind {
			v = uint64(int64(int32(v)))
		}
		return v, next
	}
	v, next = varint(wire, i)
	switch f.kind {
	case protoreflect.BoolKind:
		if v != 0 {
			v = 1
		}
	case protoreflect.Int32Kind:
		v = uint64(int64(int32(v)))
	case protoreflect.Uint32Kind:
		v = uint64(uint32(v))
	case protoreflect.Sint32Kind:
		v = uint64(int64(int32(protowire.DecodeZigZag(v & math.MaxUint32))))
	case protoreflect.Sint64Kind:
		v = uint64(protowire.DecodeZigZag(v))
	}
	return v, next
}
