package transcode

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// walk is the state of one AppendJSON call. It reads the wire bytes once, from front to back, and appends JSON as it goes.
//
// Its methods take the output b and the wire bytes of one message. They return the extended output, or nil after a failure.
// failure then holds the reason, and each caller on the way out adds its place.
type walk struct {
	t       *Transcoder
	depth   int  // how many more levels of messages may follow
	partial bool // required fields are not checked: inside google.protobuf.Any
	merged  bool // nothing comes twice: the bytes were merged
	budget

	unknowns unknowns
	end      int      // where the last group ended, behind its end tag
	marks    []uint64 // which slots were seen of the innermost message with more than 64 slots
	scratch  *scratch // taken from the Transcoder when it is first needed
	failure  failure
	inAny    bool // the failure lies in the value of a google.protobuf.Any
}

// value appends the JSON of a whole message of any form.
func (w *walk) value(p *plan, b, wire []byte) []byte {
	if w.depth == 0 {
		return w.fail(ErrTooDeep, 0)
	}
	if w.steps++; cap(b)-len(b) < valueRoom || w.steps%stepsToStop == 0 {
		if b = w.grow(b, valueRoom); b == nil {
			return nil
		}
	}
	w.depth--
	switch p.form {
	case formObject:
		start := len(b)
		if p.slots > 64 {
			b = w.wideMembers(p, b, wire)
		} else {
			b = w.members(p, b, wire)
		}
		b = w.braced(b, start)
	case formTimestamp:
		b = w.timestamp(b, wire)
	case formValue:
		b = w.structValue(p, b, wire)
	case formStruct:
		b = w.structObject(p, b, wire)
	default:
		b = w.rareForm(p, b, wire)
	}
	w.depth++
	return b
}

// rareForm is value for the less frequent forms.
func (w *walk) rareForm(p *plan, b, wire []byte) []byte {
	switch p.form {
	case formDuration:
		return w.duration(b, wire)
	case formFieldMask:
		return w.fieldMask(b, wire)
	case formListValue:
		return w.listValue(p, b, wire)
	case formWrapper:
		return w.wrapper(p, b, wire)
	case formAny:
		return w.any(b, wire)
	default:
		return w.failDetail(ErrUnrepresentable, 0, "proto1 MessageSets are not supported")
	}
}

// wideMembers is members for a message with more slots than a word has bits.
func (w *walk) wideMembers(p *plan, b, wire []byte) []byte {
	outer := w.marks
	w.marks = w.takeMarks(p.slots)
	b = w.members(p, b, wire)
	w.returnMarks()
	w.marks = outer
	return b
}

// braced makes an object of the members that begin at start, each with a comma in front. The output must have room for one
// byte.
func (w *walk) braced(b []byte, start int) []byte {
	if b == nil {
		return nil
	}
	if cap(b)-len(b) < 3 {
		if b = w.grow(b, 3); b == nil {
			return nil
		}
	}
	if len(b) == start {
		return append(b, '{', '}')
	}
	b[start] = '{' // in the place of the first comma
	return append(b, '}')
}

// members appends the fields of a message, each as `,"key":value`.
func (w *walk) members(p *plan, b, wire []byte) []byte { //nolint:gocognit // the hottest loop, which calls little
	var seen uint64
	start := len(b)
	for i := 0; i < len(wire); {
		at := i
		tag := uint32(wire[i])
		i++
		if tag >= 0x80 {
			if tag, i = longTag(wire, at); i < 0 {
				return w.fail(ErrMalformed, at)
			}
		}
		f := p.find(tag)
		if f == nil {
			if tag == p.endTag && tag != 0 {
				w.end = i
				return w.finish(p, b, seen)
			}
			if f, i = w.unknown(p, wire, i, tag, at); i < 0 {
				return nil
			}
			if f == nil {
				continue
			}
		}
		if seen&f.bit != 0 || f.bit == 0 && w.marked(f, start) {
			return w.fail(errDuplicate, at)
		}
		seen |= f.bit
		if cap(b)-len(b) < f.room {
			if b = w.grow(b, f.room); b == nil {
				return nil
			}
		}
		if f.shape <= shapeFixed64 {
			b, i = w.number(f, b, wire, i)
		} else {
			b, i = w.field(f, b, wire, i)
		}
		if b == nil {
			return w.inside(f)
		}
	}
	if p.endTag != 0 {
		return w.fail(ErrMalformed, len(wire))
	}
	return w.finish(p, b, seen)
}

// unknown handles a tag that the plan does not have: it returns the field of an extension, or passes over the field. The
// position is -1 after a failure.
func (w *walk) unknown(p *plan, wire []byte, i int, tag uint32, at int) (*field, int) {
	if f := w.extension(p, tag); f != nil {
		return f, i
	}
	return nil, w.skip(wire, i, tag, at)
}

// number appends a field that is a number, bool or enum value.
func (w *walk) number(f *field, b, wire []byte, i int) ([]byte, int) {
	switch f.shape {
	case shapeVarint:
		var v uint64
		if i < len(wire) && wire[i] < 0x80 {
			v = uint64(wire[i])
			i++
		} else {
			at := i
			if v, i = longVarint(wire, i); i < 0 {
				return w.fail(ErrMalformed, at), at
			}
		}
		if v&f.zeroMask == 0 && f.dropZero {
			return b, i
		}
		return appendVarint(appendKey(b, f), f, v), i
	case shapeFixed64:
		if len(wire)-i < 8 {
			return w.fail(ErrMalformed, i), i
		}
		v := binary.LittleEndian.Uint64(wire[i:])
		if v == 0 && f.dropZero {
			return b, i + 8
		}
		if f.kind == protoreflect.DoubleKind {
			return appendDouble(appendKey(b, f), math.Float64frombits(v)), i + 8
		}
		return appendFixed64(appendKey(b, f), f.kind, v), i + 8
	default:
		if len(wire)-i < 4 {
			return w.fail(ErrMalformed, i), i
		}
		v := binary.LittleEndian.Uint32(wire[i:])
		if v == 0 && f.dropZero {
			return b, i + 4
		}
		return appendFixed32(appendKey(b, f), f.kind, v), i + 4
	}
}

// field appends a field of any other kind, whose tag was just read. For a list or map it reads the whole run.
func (w *walk) field(f *field, b, wire []byte, i int) ([]byte, int) {
	switch f.shape {
	case shapeList, shapePacked:
		return w.list(f, b, wire, i)
	case shapeMap:
		return w.mapRun(f, b, wire, i)
	case shapeGroup:
		return w.group(f, appendKey(b, f), wire, i)
	}
	n, next := length(wire, i)
	if next < 0 {
		return w.fail(ErrMalformed, i), i
	}
	end := next + n
	switch {
	case f.shape == shapeSub:
		b = w.value(f.sub, appendKey(b, f), wire[next:end])
	case n == 0 && f.dropZero:
	case f.kind == kindString:
		var ok bool
		if b, ok = w.appendString(appendKey(b, f), wire[next:end]); !ok {
			b = w.fail(ErrInvalidUTF8, 0)
		}
	default:
		b = w.text(f, appendKey(b, f), wire[next:end])
	}
	if b == nil {
		w.failure.offset += next
	}
	return b, end
}

// text appends a string or bytes value.
func (w *walk) text(f *field, b, value []byte) []byte {
	if f.kind == kindBytes {
		return w.appendBase64(b, value)
	}
	b, ok := w.appendString(b, value)
	if !ok {
		return w.fail(ErrInvalidUTF8, 0)
	}
	return b
}

// group appends a message that ends with a tag.
func (w *walk) group(f *field, b, wire []byte, i int) ([]byte, int) {
	if f.sub.form == formObject {
		b = w.value(f.sub, b, wire[i:])
		if b == nil {
			w.failure.offset += i
			return nil, i
		}
		return b, i + w.end
	}
	content, n := protowire.ConsumeGroup(protowire.Number(f.tag>>3), wire[i:])
	if n < 0 {
		return w.fail(ErrMalformed, i), i
	}
	if b = w.value(f.sub, b, content); b == nil {
		w.failure.offset += i
	}
	return b, i + n
}

// finish checks the required fields of a message and appends the defaults of those that were absent.
func (w *walk) finish(p *plan, b []byte, seen uint64) []byte {
	if p.required == nil && p.defaulted == nil {
		return b
	}
	for word := range max(len(p.required), len(p.defaulted)) {
		if word > 0 {
			seen = w.marks[word]
		}
		if !w.partial {
			if fd := p.missingRequired(word, seen); fd != nil {
				w.fail(ErrRequiredMissing, 0)
				return w.within(fd)
			}
		}
		if word < len(p.defaulted) {
			if b = w.defaults(p, b, word, seen); b == nil {
				return nil
			}
		}
	}
	return b
}
