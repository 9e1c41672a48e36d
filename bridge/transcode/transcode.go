package transcode

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Options say what the JSON looks like. The zero value gives protojson's default output.
type Options struct {
	// ProtoNames uses the field names of the .proto file (event_time) instead of the JSON names (eventTime).
	ProtoNames bool
	// EnumNumbers writes enum values as numbers instead of names.
	EnumNumbers bool
	// EmitDefaults also writes fields without presence that hold their default value, empty lists and empty maps.
	// This is protojson's EmitDefaultValues.
	EmitDefaults bool
	// EmitUnpopulated does what EmitDefaults does and writes null for fields with presence that are not set, but for members
	// of a oneof, which includes the optional fields of proto3. This is protojson's EmitUnpopulated.
	EmitUnpopulated bool
	// Resolver finds the types of google.protobuf.Any values and of extensions; nil means protoregistry.GlobalTypes.
	// It is called concurrently, and what it has found once is taken to be true from then on.
	Resolver Resolver
}

// Resolver finds message types by type URL and extensions by number, as protojson.MarshalOptions wants it.
// *protoregistry.Types and *dynamicpb.Types implement it.
type Resolver interface {
	protoregistry.ExtensionTypeResolver
	protoregistry.MessageTypeResolver
}

// A Transcoder turns the wire bytes of one message type into JSON. It may be used concurrently.
type Transcoder struct {
	md        protoreflect.MessageDescriptor
	root      *plan
	plans     plans
	reference reference
	fallbacks atomic.Uint64

	// What messages brought up that the descriptor does not tell.
	anyTypes   growingMap[string, *plan]
	extensions growingMap[extensionKey, extensionAnswer]

	seed    maphash.Seed // of the hashes by which duplicate map keys are found
	secrets [2]uint64    // for the same
	pool    sync.Pool    // of *scratch

	lastDate atomic.Uint64 // see dateDigits
}

// New returns a Transcoder for messages of type md. It fails if a descriptor is not usable: a message that has the name of a
// well-known type but not its fields, or a JSON name that is not UTF-8.
func New(md protoreflect.MessageDescriptor, opts Options) (*Transcoder, error) {
	if opts.Resolver == nil {
		opts.Resolver = protoregistry.GlobalTypes
	}
	t := &Transcoder{
		md:        md,
		plans:     plans{opts: opts, done: map[planKey]*plan{}, open: map[planKey]*plan{}},
		reference: newReference(md, opts),
		seed:      maphash.MakeSeed(),
		pool:      sync.Pool{New: func() any { return new(scratch) }},
	}
	t.secrets = newSecrets(t.seed)
	var err error
	t.root, err = t.plans.message(md)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Descriptor returns the message type that the Transcoder was made for.
func (t *Transcoder) Descriptor() protoreflect.MessageDescriptor { return t.md }

// Fallbacks returns how many messages took the slow way so far: those in which a field occurs twice, a list or map in two parts, two
// members of a oneof or a map key twice. The encoders of the protobuf projects write no such messages, so a number that grows
// points at an upstream that merges messages by concatenation.
func (t *Transcoder) Fallbacks() uint64 { return t.fallbacks.Load() }

// AppendJSON appends the JSON of the message in wire to dst and returns the extended slice. The bytes of wire are neither
// changed nor kept. Nothing is allocated if dst has room, but on the slow way (see [Transcoder.Fallbacks]).
//
// An error is an [*Error]. Then the result is dst with the length that it had; what its capacity holds beyond that is undefined.
func (t *Transcoder) AppendJSON(dst, wire []byte) ([]byte, error) {
	w := walk{t: t, depth: protowire.DefaultRecursionLimit}
	wire = wire[:len(wire):len(wire)] // strings look beyond their ends, but not further than this
	b := dst
	if cap(b)-len(b) < valueRoom {
		b = grow(b, 2*len(wire)+valueRoom)
	}
	b = w.value(t.root, b, wire)
	if w.scratch != nil {
		w.giveBack()
	}
	if b != nil {
		return b, nil
	}
	return t.slowWay(dst, wire, &w)
}

// slowWay does what a walk could not. What is malformed or too deep stays so. Other failures may lie in a value that a later
// one replaces or completes, so the reference has the last word on them; where it agrees, the walk knows better where it was.
func (t *Transcoder) slowWay(dst, wire []byte, w *walk) ([]byte, error) {
	if w.failure.kind == ErrMalformed || w.failure.kind == ErrTooDeep {
		return dst, w.err()
	}
	out, err := t.reference.appendJSON(dst, wire)
	if err != nil && w.failure.kind != errDuplicate {
		return dst, w.err()
	}
	t.fallbacks.Add(1)
	return out, err
}
