package transcode

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// list appends a repeated field as a JSON array: all elements that follow each other, packed or not. The tag of the first
// element was read.
func (w *walk) list(f *field, b, wire []byte, i int) ([]byte, int) {
	start := len(b)
	b = append(appendKey(b, f), '[')
	empty := len(b)
	for {
		switch {
		case f.elem == shapeSub:
			n, next := length(wire, i)
			if next < 0 {
				return w.fail(ErrMalformed, i), i
			}
			if b = w.value(f.sub, b, wire[next:next+n]); b == nil {
				w.failure.offset += next
				return nil, i
			}
			b = append(b, ',')
			i = next + n
		case f.shape == shapePacked:
			n, next := length(wire, i)
			if next < 0 {
				return w.fail(ErrMalformed, i), i
			}
			if b = w.packed(f, b, wire[next:next+n]); b == nil {
				w.failure.offset += next
				return nil, i
			}
			i = next + n
		default:
			if b, i = w.element(f, f.elem, b, wire, i); b == nil {
				return nil, i
			}
			b = append(b, ',')
		}
		tag, next := nextTag(wire, i)
		if next < 0 {
			break // the end, or bytes that the caller finds malformed
		}
		if tag != f.tag {
			if f.twin == nil || tag != f.twin.tag {
				break
			}
			f = f.twin
		}
		i = next
	}
	if len(b) > empty {
		b[len(b)-1] = ']' // in the place of the last comma
		return b, i
	}
	if f.emptyKept {
		return append(b, ']'), i
	}
	return b[:start], i
}

// element appends a value of a list or a map. It writes zeros too.
func (w *walk) element(f *field, s shape, b, wire []byte, i int) ([]byte, int) {
	if cap(b)-len(b) < f.room {
		if b = w.grow(b, f.room); b == nil {
			return nil, i
		}
	}
	switch s {
	case shapeSub, shapeText:
		n, next := length(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, i), i
		}
		if s == shapeSub {
			b = w.value(f.sub, b, wire[next:next+n])
		} else {
			b = w.text(f, b, wire[next:next+n])
		}
		if b == nil {
			w.failure.offset += next
		}
		return b, next + n
	case shapeVarint:
		v, next := varint(wire, i)
		if next < 0 {
			return w.fail(ErrMalformed, i), i
		}
		return appendVarint(b, f, v), next
	case shapeFixed64:
		if len(wire)-i < 8 {
			return w.fail(ErrMalformed, i), i
		}
		return appendFixed64(b, f.kind, binary.LittleEndian.Uint64(wire[i:])), i + 8
	case shapeFixed32:
		if len(wire)-i < 4 {
			return w.fail(ErrMalformed, i), i
		}
		return appendFixed32(b, f.kind, binary.LittleEndian.Uint32(wire[i:])), i + 4
	default:
		return w.group(f, b, wire, i)
	}
}

// packed appends the elements of one packed block, each followed by a comma.
func (w *walk) packed(f *field, b, block []byte) []byte { //nolint:gocognit // a loop for each size of elements
	switch f.elem {
	case shapeVarint:
		for i := 0; i < len(block); {
			v, next := varint(block, i)
			if next < 0 {
				return w.fail(ErrMalformed, i)
			}
			i = next
			if cap(b)-len(b) < f.room {
				if b = w.grow(b, f.room); b == nil {
					return nil
				}
			}
			b = append(appendVarint(b, f, v), ',')
		}
	case shapeFixed64:
		if len(block)%8 != 0 {
			return w.fail(ErrMalformed, len(block))
		}
		for ; len(block) >= 8; block = block[8:] {
			if cap(b)-len(b) < f.room {
				if b = w.grow(b, f.room); b == nil {
					return nil
				}
			}
			if f.kind == protoreflect.DoubleKind {
				b = append(appendDouble(b, math.Float64frombits(binary.LittleEndian.Uint64(block))), ',')
				continue
			}
			b = append(appendFixed64(b, f.kind, binary.LittleEndian.Uint64(block)), ',')
		}
	default:
		if len(block)%4 != 0 {
			return w.fail(ErrMalformed, len(block))
		}
		for ; len(block) >= 4; block = block[4:] {
			if cap(b)-len(b) < f.room {
				if b = w.grow(b, f.room); b == nil {
					return nil
				}
			}
			b = append(appendFixed32(b, f.kind, binary.LittleEndian.Uint32(block)), ',')
		}
	}
	return b
}
