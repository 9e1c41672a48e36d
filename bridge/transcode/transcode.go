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
	// Resolver finds the types of google.protobuf.Any values and of extensions; nil means protoregistry.GlobalTypes.
	// It is called concurrently, from within AppendJSON, which waits for it. What it has found once is taken to be true from then on.
	// What it does not find (any error is that) it is asked for again, so it should remember what it would have to look up elsewhere.
	Resolver Resolver
	// MaxBytes bounds the JSON of one message: what would be larger ends in ErrTooLarge, before it is written. 0 means no bound. The
	// memory that AppendJSON allocates for its output is less than twice MaxBytes.
	MaxBytes int
	// TypeUnknown, if it is set, is told of each message that has google.protobuf.Any values of a type that the Resolver does not
	// know: once for each type URL, of at most 16, each cut to 1,024 bytes. The URLs come from the message, so there may be any number
	// of them. It is called concurrently, from within AppendJSON.
	TypeUnknown func(typeURL string)
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
	fallbacks atomic.Uint64

	// What messages brought up that the descriptor does not tell.
	anyTypes   growingMap[string, *plan]
	extensions growingMap[extensionKey, extensionAnswer]

	seed    maphash.Seed // of the hashes by which duplicate map keys are found
	secrets [2]uint64    // for the same
	pool    sync.Pool    // of *scratch
	slack   int          // how much more room than MaxBytes the output may have

	lastDate atomic.Uint64 // see dateDigits
}

// New returns a Transcoder for messages of type md. It fails if a descriptor is not usable: a message that has the name of a
// well-known type but not its fields, or a JSON name that is not UTF-8.
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

// Descriptor returns the message type that the Transcoder was made for.
func (t *Transcoder) Descriptor() protoreflect.MessageDescriptor { return t.md }

// Fallbacks returns how many messages took the slow way so far: those in which a field occurs twice, a list or map in two parts, two
// members of a oneof or a map key twice, and those with a map of more than 32,768 keys. The encoders of the protobuf projects write no other such messages, so a number that grows
// points at an upstream that merges messages by concatenation.
func (t *Transcoder) Fallbacks() uint64 { return t.fallbacks.Load() }

// AppendJSON appends the JSON of the message in wire to dst and returns the extended slice. The bytes of wire are neither
// changed nor kept. Nothing is allocated if dst has room, but on the slow way (see [Transcoder.Fallbacks]).
//
// An error is an [*Error]. Then the result is dst with the length that it had; what its capacity holds beyond that is undefined.
func (t *Transcoder) AppendJSON(dst, wire []byte) ([]byte, error) {
	w := walk{t: t, depth: protowire.DefaultRecursionLimit}
	return w.appendJSON(dst, wire)
}

// AppendJSONContext is AppendJSON for as long as somebody waits for it: when ctx ends, so does the work, soon and with an [*Error]
// that matches ctx.Err().
func (t *Transcoder) AppendJSONContext(ctx context.Context, dst, wire []byte) ([]byte, error) {
	w := walk{t: t, depth: protowire.DefaultRecursionLimit, budget: budget{ctx: ctx}}
	return w.appendJSON(dst, wire)
}

// appendJSON is AppendJSON by a walk that has not begun.
func (w *walk) appendJSON(dst, wire []byte) ([]byte, error) {
	w.limit = w.t.limit(dst)
	wire = wire[:len(wire):len(wire)] // strings look beyond their ends, but not further than this
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

// slowWay does what a walk could not: it merges what comes twice, and walks again. What is malformed or too deep stays so, unless it
// lies in an Any, which a parser does not look into. Other failures may lie in a value that a later one replaces or completes, so the second walk has the last word on them; where it agrees,
// the first one knows better where it was.
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
	case w.failure.kind == errDuplicate: // two of the first keys of a map have the same mark
		w.failDetail(ErrUnrepresentable, -1, "map keys cannot be told apart")
	}
	w.failure.offset = -1 // in the merged bytes it would be a place that the message does not have
	return dst, w.err()
}
