package transcode

import (
	"context"
	"hash/maphash"
	"math"
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
	// Resolver finds the types of google.protobuf.Any values and of extensions; nil means protoregistry.GlobalTypes. It is
	// called concurrently, from within AppendJSON, which waits for it. A type that it has found is remembered. For a type that
	// it has not found (any error means this) it is asked again. So a Resolver that looks types up elsewhere should remember
	// them.
	Resolver Resolver
	// MaxBytes bounds the JSON of one message. Longer JSON ends in ErrTooLarge before it is written. 0 is no bound. AppendJSON
	// allocates less than twice MaxBytes for its output.
	MaxBytes int
	// TypeUnknown, if it is set, is called for each message that has google.protobuf.Any values of a type that the Resolver
	// does not know: once for each type URL, for at most 16 of them, each cut to 1,024 bytes. The URLs come from the message,
	// so their number is not bounded. TypeUnknown is called concurrently, from within AppendJSON.
	TypeUnknown func(typeURL string)
}

// Resolver finds message types by type URL and extensions by number, as protojson.MarshalOptions requires. *protoregistry.Types
// and *dynamicpb.Types implement it.
type Resolver interface {
	protoregistry.ExtensionTypeResolver
	protoregistry.MessageTypeResolver
}

// A Transcoder turns the wire bytes of one message type into JSON. It may be used concurrently.
type Transcoder struct {
	md        protoreflect.MessageDescriptor
	root      *plan
	plans     plans
	fallbacks atomic.Uint64

	// These hold types and extensions that messages had and the descriptor does not name.
	anyTypes   growingMap[string, *plan]
	extensions growingMap[extensionKey, extensionAnswer]

	seed    maphash.Seed // for the hashes that find duplicate map keys
	secrets [2]uint64    // for the same hashes
	pool    sync.Pool    // holds *scratch
	slack   int          // how many bytes over MaxBytes the capacity of the output may be

	lastDate atomic.Uint64 // see dateDigits
}

// New returns a Transcoder for messages of type md. It fails if a descriptor is not usable: a message has the name of a
// well-known type but not its fields, or a JSON name is not UTF-8.
func New(md protoreflect.MessageDescriptor, opts Options) (*Transcoder, error) {
	if opts.Resolver == nil {
		opts.Resolver = protoregistry.GlobalTypes
	}
	t := &Transcoder{
		md:    md,
		plans: plans{opts: opts, done: map[planKey]*plan{}, open: map[planKey]*plan{}},
		seed:  maphash.MakeSeed(),
		pool:  sync.Pool{New: func() any { return new(scratch) }},
	}
	t.secrets = newSecrets(t.seed)
	var err error
	t.root, err = t.plans.message(md)
	if err != nil {
		return nil, err
	}
	t.slack = 2*t.plans.longest + valueRoom
	return t, nil
}

// Descriptor returns the message type of the Transcoder.
func (t *Transcoder) Descriptor() protoreflect.MessageDescriptor { return t.md }

// Fallbacks returns how many messages so far had to be rewritten. These are messages in which a field occurs twice, a list or
// map comes in two parts, two members of a oneof are set, or a map has a key twice, and messages with a map of more than 32,768
// keys. Apart from such large maps, the encoders of the protobuf projects do not write such messages. So a number that grows
// points at an upstream that merges messages by concatenation.
func (t *Transcoder) Fallbacks() uint64 { return t.fallbacks.Load() }

// AppendJSON appends the JSON of the message in wire to dst and returns the extended slice. It neither changes nor keeps the
// bytes of wire. It allocates nothing if dst has room, except for a message that has to be rewritten (see
// [Transcoder.Fallbacks]).
//
// An error is an [*Error]. Then the result is dst with the length that it had. What its capacity holds beyond that length is
// undefined.
func (t *Transcoder) AppendJSON(dst, wire []byte) ([]byte, error) {
	w := walk{t: t, depth: protowire.DefaultRecursionLimit}
	return w.appendJSON(dst, wire)
}

// AppendJSONContext is AppendJSON with a context. When ctx ends, the work ends soon, with an [*Error] that matches ctx.Err().
func (t *Transcoder) AppendJSONContext(ctx context.Context, dst, wire []byte) ([]byte, error) {
	w := walk{t: t, depth: protowire.DefaultRecursionLimit, budget: budget{ctx: ctx}}
	return w.appendJSON(dst, wire)
}

// appendJSON is AppendJSON with a new walk.
func (w *walk) appendJSON(dst, wire []byte) ([]byte, error) {
	w.limit = w.t.limit(dst)
	wire = wire[:len(wire):len(wire)] // a walk reads beyond the ends of strings, but not beyond this
	if b := w.run(dst, wire); b != nil {
		w.tell()
		return b, nil
	}
	return w.t.slowWay(w, dst, wire)
}

// limit returns the largest capacity of an output that begins with dst.
func (t *Transcoder) limit(dst []byte) int {
	if most := t.plans.opts.MaxBytes; most > 0 && most < math.MaxInt/4 {
		return len(dst) + most + t.slack
	}
	return math.MaxInt
}

// run walks over the whole message.
func (w *walk) run(dst, wire []byte) []byte {
	b := dst
	if cap(b) > w.limit {
		b = b[:len(b):w.limit]
	}
	if cap(b)-len(b) < valueRoom {
		room := min(2*len(wire)+valueRoom, w.limit-len(b))
		if w.merged && 8*len(wire) > w.limit { // at once, so that there is never a second one beside it
			room = w.limit - len(b)
		}
		if b = w.grow(b, room); b == nil {
			return nil
		}
	}
	b = w.value(w.t.root, b, wire)
	if w.scratch != nil {
		w.giveBack()
	}
	if most := w.t.plans.opts.MaxBytes; b != nil && most > 0 && len(b)-len(dst) > most {
		return w.overspent(ErrTooLarge)
	}
	return b
}

// slowWay merges a message that a walk could not do, and walks again. A message that is malformed or too deep fails without
// that, unless the fault lies in an Any, which a parser does not look into. Other failures may lie in a value that a later
// value replaces or completes. So the second walk decides about them. Where it fails too, the failure of the first walk is
// returned, because it knows the place better.
func (t *Transcoder) slowWay(first *walk, dst, wire []byte) ([]byte, error) {
	reason := first.failure.kind
	if first.spent || (reason == ErrMalformed || reason == ErrTooDeep) && !first.inAny {
		return dst, first.err()
	}
	w := walk{t: t, depth: protowire.DefaultRecursionLimit, budget: first.budget, merged: true}
	var b []byte
	if merged, ok := w.merge(t.md, wire); ok {
		b = w.run(dst, merged[:len(merged):len(merged)])
	}
	if b != nil || reason == errDuplicate {
		t.fallbacks.Add(1)
	}
	switch {
	case b != nil:
		w.tell()
		return b, nil
	case w.spent:
		return dst, w.err()
	case reason != errDuplicate:
		return dst, first.err()
	case w.failure.kind == errDuplicate: // two different keys of a map have the same mark
		w.failDetail(ErrUnrepresentable, -1, "map keys cannot be told apart")
	}
	w.failure.offset = -1 // an offset in the merged bytes is no place in the message
	return dst, w.err()
}
