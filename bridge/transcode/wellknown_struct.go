package transcode

import (
	"encoding/binary"
	"math"
)

// structObject appends a google.protobuf.Struct as the object that it describes.
func (w *walk) structObject(p *plan, b, wire []byte) []byte {
	if w.depth == 0 {
		return w.fail(ErrTooDeep, 0)
	}
	w.depth--
	var keys keySet
	b = append(b, '{')
	empty := len(b)
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if tag != p.entry.tag {
			if i = w.skip(wire, next, tag, at); i < 0 {
				return nil
			}
			continue
		}
		n, next := length(wire, next)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if b = w.entry(p.entry, &keys, b, wire[next:next+n]); b == nil {
			w.failure.offset += next
			return nil
		}
		b = append(b, ',')
		i = next + n
	}
	w.release(&keys)
	w.depth++
	return closing(b, empty, '}')
}

// listValue appends a google.protobuf.ListValue as the array that it describes.
func (w *walk) listValue(p *plan, b, wire []byte) []byte {
	b = append(b, '[')
	empty := len(b)
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if tag != p.entry.tag {
			if i = w.skip(wire, next, tag, at); i < 0 {
				return nil
			}
			continue
		}
		if b, i = w.element(p.entry, p.entry.elem, b, wire, next); b == nil {
			return nil
		}
		b = append(b, ',')
	}
	return closing(b, empty, ']')
}

// closing ends an object or array. Its members begin at empty, each with a comma behind it.
func closing(b []byte, empty int, c byte) []byte {
	if len(b) == empty {
		return append(b, c)
	}
	b[len(b)-1] = c
	return b
}

// These are the tags of google.protobuf.Value that are looked for first.
const (
	valueNumberTag = 2<<3 | 1
	valueStringTag = 3<<3 | 2
)

// structValue appends a google.protobuf.Value as the value that it stands for.
func (w *walk) structValue(p *plan, b, wire []byte) []byte {
	// Usually a Value is one number or text.
	if len(wire) == 9 && wire[0] == valueNumberTag {
		if cap(b)-len(b) < valueRoom {
			if b = w.grow(b, valueRoom); b == nil {
				return nil
			}
		}
		v := math.Float64frombits(binary.LittleEndian.Uint64(wire[1:]))
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return w.fail(ErrUnrepresentable, 0)
		}
		return appendDouble(b, v)
	}
	if len(wire) >= 2 && wire[0] == valueStringTag && wire[1] < 0x80 && int(wire[1]) == len(wire)-2 {
		b, ok := w.appendString(b, wire[2:])
		if !ok {
			return w.fail(ErrInvalidUTF8, 2)
		}
		return b
	}
	return w.structValueFields(p, b, wire)
}

// structValueFields is structValue for all forms. At least one field must be set.
func (w *walk) structValueFields(p *plan, b, wire []byte) []byte {
	start := len(b)
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		f := p.find(tag)
		if f == nil {
			if i = w.skip(wire, next, tag, at); i < 0 {
				return nil
			}
			continue
		}
		if len(b) > start {
			return w.fail(errDuplicate, at)
		}
		if f.shape == shapeFixed64 && len(wire)-next >= 8 {
			if v := math.Float64frombits(binary.LittleEndian.Uint64(wire[next:])); math.IsNaN(v) || math.IsInf(v, 0) {
				return w.fail(ErrUnrepresentable, at)
			}
		}
		if b, i = w.element(f, f.shape, b, wire, next); b == nil {
			return nil
		}
	}
	if len(b) == start {
		return w.failDetail(ErrUnrepresentable, 0, "google.protobuf.Value without any value")
	}
	return b
}

// wrapper appends google.protobuf.Int32Value, or another wrapper, as the bare value.
func (w *walk) wrapper(p *plan, b, wire []byte) []byte {
	f := p.entry
	value := -1
	for i := 0; i < len(wire); {
		at := i
		tag, next := nextTag(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, at)
		}
		if tag == f.tag {
			if value >= 0 && f.shape == shapeText {
				return w.fail(errDuplicate, at) // the dropped value must be UTF-8 too
			}
			value = next
		}
		if i = w.skip(wire, next, tag, at); i < 0 {
			return nil
		}
	}
	if value < 0 {
		var zeros [8]byte
		b, _ = w.element(f, f.shape, b, zeros[:], 0)
		return b
	}
	b, _ = w.element(f, f.shape, b, wire, value)
	return b
}
