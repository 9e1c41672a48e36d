package source

import (
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Definition describes a source that the program brings. [RPC] and [Func] make it. It is immutable, and can serve several
// routes and several bridges.
type Definition struct {
	// Input is the type of the request message. It is nil where Mistake is not empty.
	Input protoreflect.MessageDescriptor
	// EmptyStruct reports that the requests are Go structs without fields, so that nothing of an HTTP request has a place.
	EmptyStruct bool
	// Output is the type of the messages. It is nil where the source sends plain Go values.
	Output protoreflect.MessageDescriptor
	// Value is the type of the plain Go values. It is nil where the source sends messages.
	Value reflect.Type
	// Mistake says why the source cannot serve. It is empty where the source can.
	Mistake string

	open func(runner *Runner, encode encoder) Source
}

// IsZero reports whether the definition is the zero value, which defines nothing.
func (d Definition) IsZero() bool { return d.open == nil }

// Source returns the source for one route. Its code runs on runner. values encodes the plain Go values for the route; it is
// nil where the source sends messages.
func (d Definition) Source(runner *Runner, values *ValueEncoder) Source {
	if values != nil {
		return d.open(runner, values.encode)
	}
	return d.open(runner, encodeMessage)
}

// descriptorOf returns the descriptor of a generated message, and nil for any other type. A type that may be one of several
// messages has no descriptor; mistake says so.
func descriptorOf[T any]() (md protoreflect.MessageDescriptor, mistake string) {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Interface {
		if t.Implements(reflect.TypeFor[proto.Message]()) {
			return nil, "expected the type of a generated message, found the interface " + t.String()
		}
		return nil, ""
	}
	var zero T
	switch m := any(zero).(type) {
	case *dynamicpb.Message:
		return nil, "expected the type of a generated message, found *dynamicpb.Message, which can hold a message of any type"
	case proto.Message:
		return m.ProtoReflect().Descriptor(), ""
	}
	return nil, ""
}
