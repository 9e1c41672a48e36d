package transcode

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plans holds the plans of one Transcoder. The plans of the Transcoder's type, and of the types that it refers to, are compiled
// at once. Plans of types inside google.protobuf.Any and of extensions are compiled when a message first has them. plans may be
// used concurrently.
type plans struct {
	opts Options

	mu   sync.Mutex
	done map[planKey]*plan // compiled
	open map[planKey]*plan // being compiled; a recursive type finds itself here
	// longest is the most room that the key and value of any field need, except for texts and messages.
	longest int
}

// planKey tells plans apart. A message that is encoded as a group needs a plan for each field number, because the number is in
// the tag that ends it.
type planKey struct {
	desc   protoreflect.MessageDescriptor
	endTag uint32
}

// message returns the plan of a message type.
func (c *plans) message(md protoreflect.MessageDescriptor) (*plan, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.plan(md, 0)
	return p, c.settle(err)
}

// extension returns a field for an extension.
func (c *plans) extension(fd protoreflect.FieldDescriptor) ([]*field, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fields, err := c.fields(fd)
	for _, f := range fields {
		f.extension, f.emptyKept = true, false
	}
	return fields, c.settle(err)
}

// settle keeps the compiled plans, unless one of them failed.
func (c *plans) settle(err error) error {
	if err == nil {
		for k, p := range c.open {
			c.done[k] = p
		}
	}
	clear(c.open)
	return err
}

func (c *plans) plan(md protoreflect.MessageDescriptor, endTag uint32) (*plan, error) {
	k := planKey{md, endTag}
	if p := c.done[k]; p != nil {
		return p, nil
	}
	if p := c.open[k]; p != nil {
		return p, nil
	}
	p := &plan{desc: md, endTag: endTag, extensible: md.ExtensionRanges().Len() > 0}
	c.open[k] = p
	if isMessageSet(md) {
		p.form = formMessageSet
		return p, nil
	}
	if known, err := c.wellKnown(p); known || err != nil {
		return p, err
	}
	return p, c.object(p)
}

// isMessageSet reports whether a message is a MessageSet of proto1. The protobuf module answers this only through an unexported
// interface.
func isMessageSet(md protoreflect.MessageDescriptor) bool {
	m, ok := md.(interface{ IsMessageSet() bool })
	return ok && m.IsMessageSet()
}

// object compiles a message that becomes a JSON object.
func (c *plans) object(p *plan) error {
	descs := make([]protoreflect.FieldDescriptor, p.desc.Fields().Len())
	for i := range descs {
		descs[i] = p.desc.Fields().Get(i)
	}
	// Fields mostly come in the order of their numbers. Their slots have the same order, so that defaults can be written in
	// runs.
	slices.SortFunc(descs, func(a, b protoreflect.FieldDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	oneofs := map[protoreflect.OneofDescriptor]int{}
	var all []*field
	for _, fd := range descs {
		fields, err := c.fields(fd)
		if err != nil {
			return err
		}
		slot := p.slots
		// The members of a oneof share a slot: two different members are a duplicate, as the same member twice is.
		od := fd.ContainingOneof()
		if first, met := oneofs[od]; met && od != nil {
			slot = first
		} else {
			oneofs[od] = slot
			p.slots++
			p.addDefault(c.defaultMember(fields[0]))
		}
		for _, f := range fields {
			f.slot = slot
			if slot < 64 {
				f.bit = 1 << slot
			}
		}
		if fd.Cardinality() == protoreflect.Required {
			p.required = setBit(p.required, slot)
		}
		all = append(all, fields...)
	}
	p.defaultAt = append(p.defaultAt, uint32(len(p.defaults)))
	p.index(all)
	return nil
}

// fields makes the fields of a descriptor: two where the field may be packed or not, otherwise one.
func (c *plans) fields(fd protoreflect.FieldDescriptor) ([]*field, error) {
	f, err := c.single(fd)
	if err != nil {
		return nil, err
	}
	if err := c.nameField(f, fd); err != nil {
		return nil, err
	}
	switch {
	case fd.IsMap():
		f.shape = shapeMap
		if f.keyField, err = c.single(fd.MapKey()); err == nil {
			f.value, err = c.single(fd.MapValue())
		}
		if err != nil {
			return nil, err
		}
	case fd.IsList():
		f.elem, f.shape = f.shape, shapeList
		f.dropZero = false
		f.emptyKept = c.emitsDefaults()
		if f.elem > shapeFixed64 {
			return []*field{f}, nil
		}
		packed := *f
		packed.shape, packed.tag = shapePacked, tagOf(fd.Number(), protowire.BytesType)
		packed.twin, f.twin = f, &packed
		return []*field{f, &packed}, nil
	}
	return []*field{f}, nil
}

// single makes a field without a name, as if the field were not repeated.
func (c *plans) single(fd protoreflect.FieldDescriptor) (*field, error) {
	f := &field{
		desc:     fd,
		kind:     fd.Kind(),
		tag:      tagOf(fd.Number(), wireType(fd.Kind())),
		dropZero: !fd.HasPresence() && !c.emitsDefaults(),
		zeroMask: ^uint64(0),
		room:     valueRoom,
	}
	var err error
	switch fd.Kind() {
	case protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.Sint32Kind:
		f.shape, f.zeroMask = shapeVarint, 1<<32-1
	case protoreflect.EnumKind:
		f.shape, f.zeroMask = shapeVarint, 1<<32-1
		switch {
		case fd.Enum().FullName() == "google.protobuf.NullValue":
			f.kind = kindNull
		case c.opts.EnumNumbers:
			f.kind = protoreflect.Int32Kind
		default:
			f.names = newEnumText(fd.Enum())
			f.room += f.names.longest
			c.longest = max(c.longest, f.room)
		}
	case protoreflect.BoolKind, protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind:
		f.shape = shapeVarint
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		f.shape = shapeFixed32
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		f.shape = shapeFixed64
	case protoreflect.StringKind, protoreflect.BytesKind:
		f.shape = shapeText
	case protoreflect.MessageKind:
		f.shape = shapeSub
		if !fd.IsMap() {
			f.sub, err = c.plan(fd.Message(), 0)
		}
	case protoreflect.GroupKind:
		f.shape = shapeGroup
		f.sub, err = c.plan(fd.Message(), tagOf(fd.Number(), protowire.EndGroupType))
	default:
		err = fmt.Errorf("field %s: unknown kind %s", fd.FullName(), fd.Kind())
	}
	return f, err
}

// nameField gives a field its key.
func (c *plans) nameField(f *field, fd protoreflect.FieldDescriptor) error {
	name := fd.JSONName()
	if c.opts.ProtoNames {
		name = fd.TextName()
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("field %s: its JSON name %q is not valid UTF-8", fd.FullName(), name)
	}
	w := walk{budget: budget{limit: math.MaxInt}}
	key, _ := w.appendString([]byte{','}, []byte(name))
	key = append(key, ':')
	f.keySize = copy(f.key[:], key)
	if len(key) > keyBlock {
		f.keySize, f.longKey = 0, string(key)
		f.room += len(key)
	}
	c.longest = max(c.longest, f.room)
	return nil
}

func setBit(set []uint64, i int) []uint64 {
	for i/64 >= len(set) {
		set = append(set, 0)
	}
	set[i/64] |= 1 << (i % 64)
	return set
}
