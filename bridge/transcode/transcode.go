package transcode

import (
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
	reference reference
}

// New returns a Transcoder for messages of type md.
func New(md protoreflect.MessageDescriptor, opts Options) (*Transcoder, error) {
	if opts.Resolver == nil {
		opts.Resolver = protoregistry.GlobalTypes
	}
	return &Transcoder{md: md, reference: newReference(md, opts)}, nil
}

// Descriptor returns the message type that the Transcoder was made for.
func (t *Transcoder) Descriptor() protoreflect.MessageDescriptor { return t.md }

// AppendJSON appends the JSON of the message in wire to dst and returns the extended slice. The bytes of wire are neither
// changed nor kept. An error is an [*Error]; dst then comes back with the length that it had.
func (t *Transcoder) AppendJSON(dst, wire []byte) ([]byte, error) {
	return t.reference.appendJSON(dst, wire)
}
