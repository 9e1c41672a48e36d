package transcode

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plan is a message type in the form that a walk needs: what to do for each tag. It does not change once it is compiled.
type plan struct {
	desc protoreflect.MessageDescriptor
	form form

	byTag []*field          // fields by their tags, for tags below its length
	far   map[uint32]*field // fields by their tags, for all others
	// endTag ends the message where it is encoded as a group. It is 0 where the message has a length.
	endTag uint32
	// extensible says that the message may have extensions, which only the resolver knows.
	extensible bool

	slots    int      // how many fields and oneofs can be present
	required []uint64 // the slots that must be present, as a bit set
	// defaults holds the members to write for slots that are absent: that of slot i is defaults[defaultAt[i]:defaultAt[i+1]].
	defaults  string
	defaultAt []uint32
	// defaulted is the set of the slots that have such a member.
	defaulted []uint64

	entry *field // the only field of a google.protobuf.Struct, ListValue or wrapper
}

// form is the JSON that a message becomes.
type form uint8

const (
	formObject form = iota
	formTimestamp
	formDuration
	formFieldMask
	formStruct
	formValue
	formListValue
	formAny
	formWrapper
	formMessageSet // refused, as protojson does
)

// shape says how a field's values lie on the wire.
type shape uint8

const (
	shapeVarint shape = iota
	shapeFixed32
	shapeFixed64
	shapeText  // string and bytes
	shapeSub   // a message with a length
	shapeGroup // a message with an end tag
	shapeList  // the elements of a repeated field, each with its tag
	shapePacked
	shapeMap
)

// kindNull is a kind for google.protobuf.NullValue, besides those of protoreflect.
const kindNull protoreflect.Kind = 32

// keyBlock is the room for a member's key that is copied as one block.
const keyBlock = 32

// valueRoom is enough for a key block and a number, time or enum number.
const valueRoom = keyBlock + 64

// field is one field of a plan with one of its tags. A repeated scalar has two fields, one of them packed.
type field struct {
	key     [keyBlock]byte // `,"name":` if it fits
	keySize int            // the length of the key; 0 where key does not hold it
	room    int            // the output room for key and value, without texts and messages

	bit   uint64 // the bit of its slot; 0 for an extension, and where the slot is not among the first 64
	slot  int
	shape shape
	elem  shape // for a list: how one element lies on the wire
	kind  protoreflect.Kind
	// dropZero leaves out a zero, because the field has no presence. zeroMask says which bits count.
	dropZero  bool
	emptyKept bool // an empty packed list is written as []
	extension bool
	zeroMask  uint64
	tag       uint32 // the tag of this field
	twin      *field // the same repeated field with its other tag; may be nil

	sub   *plan     // for a message
	names *enumText // for an enum
	// keyField and value are set for a map.
	keyField, value *field

	longKey string // the key where key cannot hold it
	desc    protoreflect.FieldDescriptor
}

// find returns the field that a tag stands for, or nil.
func (p *plan) find(tag uint32) *field {
	if int(tag) < len(p.byTag) {
		return p.byTag[tag]
	}
	return p.far[tag]
}

// maxNearTag bounds the table of tags. Field numbers below 512 are found by index.
const maxNearTag = 512 << 3

// index builds the tables of tags.
func (p *plan) index(fields []*field) {
	top := uint32(0)
	for _, f := range fields {
		if f.tag < maxNearTag {
			top = max(top, f.tag+1)
		}
	}
	p.byTag = make([]*field, top)
	for _, f := range fields {
		if f.tag < top {
			p.byTag[f.tag] = f
			continue
		}
		if p.far == nil {
			p.far = map[uint32]*field{}
		}
		p.far[f.tag] = f
	}
}

func tagOf(num protowire.Number, typ protowire.Type) uint32 {
	return uint32(protowire.EncodeTag(num, typ))
}

// enumText holds the JSON of an enum's values.
type enumText struct {
	near []string // the quoted names of 0, 1, 2, …; "" for a number without a name
	far  map[int32]string
	// longest is the length of the longest quoted name.
	longest int
}

func newEnumText(ed protoreflect.EnumDescriptor) *enumText {
	t := &enumText{far: map[int32]string{}}
	values := ed.Values()
	for i := range values.Len() {
		n := values.Get(i).Number()
		text := `"` + string(values.ByNumber(n).Name()) + `"`
		t.longest = max(t.longest, len(text))
		if n < 0 || n >= 256 {
			t.far[int32(n)] = text
			continue
		}
		for int(n) >= len(t.near) {
			t.near = append(t.near, "")
		}
		t.near[n] = text
	}
	return t
}

// lookup returns a value's quoted name, or "".
func (t *enumText) lookup(n int32) string {
	if uint32(n) < uint32(len(t.near)) {
		return t.near[n]
	}
	return t.far[n]
}
