package transcode

import (
	"math/bits"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func (c *plans) emitsDefaults() bool { return c.opts.EmitDefaults || c.opts.EmitUnpopulated }

// defaultMember returns the member for an absent field: its key and value with a leading comma, or "" where none is written.
func (c *plans) defaultMember(f *field) string {
	fd := f.desc
	if !c.emitsDefaults() || fd.ContainingOneof() != nil {
		return ""
	}
	b := appendKey(make([]byte, 0, 2*f.room), f)
	switch {
	case fd.IsMap():
		return string(b) + "{}"
	case fd.IsList():
		return string(b) + "[]"
	case fd.HasPresence():
		if !c.opts.EmitUnpopulated {
			return ""
		}
		return string(b) + "null"
	}
	switch f.shape {
	case shapeVarint:
		return string(appendVarint(b, f, 0))
	case shapeFixed64:
		return string(appendFixed64(b, f.kind, 0))
	case shapeFixed32:
		return string(appendFixed32(b, f.kind, 0))
	default:
		return string(b) + `""`
	}
}

// addDefault adds the member of the next slot.
func (p *plan) addDefault(member string) {
	p.defaultAt = append(p.defaultAt, uint32(len(p.defaults)))
	p.defaults += member
	if member != "" {
		p.defaulted = setBit(p.defaulted, len(p.defaultAt)-1)
	}
}

// defaults writes the members of all slots that are in one word of the set and not in seen.
func (w *walk) defaults(p *plan, b []byte, word int, seen uint64) []byte {
	missing := p.defaulted[word] &^ seen
	for missing != 0 {
		first := bits.TrailingZeros64(missing)
		run := bits.TrailingZeros64(^(missing >> first))
		from, to := p.defaultAt[64*word+first], p.defaultAt[64*word+first+run]
		if room := int(to-from) + 24; cap(b)-len(b) < room {
			if b = w.grow(b, room); b == nil {
				return nil
			}
		}
		b = append(b, p.defaults[from:to]...)
		missing &^= (1<<run - 1) << first
	}
	return b
}

// missingRequired returns the first required field that is in one word of the set and not in seen.
func (p *plan) missingRequired(word int, seen uint64) protoreflect.FieldDescriptor {
	if word >= len(p.required) || p.required[word]&^seen == 0 {
		return nil
	}
	slot := 64*word + bits.TrailingZeros64(p.required[word]&^seen)
	for i := range p.desc.Fields().Len() {
		fd := p.desc.Fields().Get(i)
		if f := p.find(tagOf(fd.Number(), wireType(fd.Kind()))); f.slot == slot {
			return fd
		}
	}
	return nil
}
