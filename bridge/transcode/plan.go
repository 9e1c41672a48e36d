package transcode

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// plan is a message type as the walk wants it: what to do for each tag. It does not change once it is compiled.
type plan struct {
	desc protoreflect.MessageDescriptor
	form form

	byTag []*field          // fields by their tags, for tags below its length
	far   map[uint32]*field // fields by their tags, for all others
	// endTag ends the message when it is encoded as a group; 0 when it has a length.
	endTag uint32
	// extensible messages may have fields that only the resolver knows.
	extensible bool

	slots    int      // how many fields and oneofs can be present
	required []uint64 // the slots that must be, as a bit set
	// defaults holds the members to write for slots that are absent: that of slot i is defaults[defaultAt[i]:defaultAt[i+1]].
	defaults  string
	defaultAt []uint32
	// defaulted has the bits of those slots that have such a member.
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

// shape is how a field's values lie on the wire.
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

// kindNull is google.protobuf.NullValue, beside protoreflect's own kinds.
const kindNull protoreflect.Kind = 32

// keyBlock is the room for a member's key that is copied as one block.
const keyBlock = 32

// valueRoom is enough for a key block and a number, time or enum number.
const valueRoom = keyBlock + 64

// field is one field of a plan as seen through one of its tags: a repeated scalar has two, one of them packed.
type field struct {
	key     [keyBlock]byte // `,"name":` if it fits
	keySize int            // of key; 0 if it did not fit
	room    int            // the output room needed for key and value, but for text and messages

	bit   uint64 // the bit of its slot; 0 if that is not among the first 64, or this is an extension
	slot  int
	shape shape
	elem  shape // of a list: how one element lies on the wire
	kind  protoreflect.Kind
	// dropZero leaves a zero out, because the field has no presence. Which bits count is in zeroMask.
	dropZero  bool
	emptyKept bool // an empty packed list is written as []
	extension bool
	zeroMask  uint64
	tag       uint32 // the tag that leads here
	twin      *field // the same repeated field through its other tag; may be nil

	sub   *plan     // of messages
	names *enumText // of enums
	// keyField and value are those of a map.
	keyField, value *field

	longKey string // the key if it does not fit into key
	desc    protoreflect.FieldDescriptor
}

// find returns the field that a tag stands for, or nil.
func (p *plan) find(tag uint32) *field {
	if int(tag) < len(p.byTag) {
		return p.byTag[tag]
	}
	return p.far[tag]
}

// maxNearTag bounds the table of tags: field numbers below 512 are found by index.
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

// enumText has the JSON of an enum's values.
type enumText struct {
	near []string // quoted names of 0, 1, 2, …; "" where there is none
	far  map[int32]string
	// longest is the length of the longest of them.
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
