package source

import (
	"encoding/json"
	"fmt"
	"reflect"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A plain Go value is sent as a message of the type [ValueMessage]. These are the fields of that type.
const (
	valueID protowire.Number = iota + 1
	valueName
	valueData
)

// The names of the fields of [ValueMessage].
const (
	ValueID   = "id"   // the text for the event's id
	ValueName = "name" // the text for the event's name
	ValueData = "data" // the JSON for the event's data
)

// ValueMessage returns the type of the messages that plain Go values are sent as. All its fields are bytes.
func ValueMessage() (protoreflect.MessageDescriptor, error) {
	field := func(name string, number protowire.Number) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{
			Name: proto.String(name), JsonName: proto.String(name), Number: proto.Int32(int32(number)),
			Type:  descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum(),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("value.proto"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{
			Name: proto.String("Value"),
			Field: []*descriptorpb.FieldDescriptorProto{
				field(ValueID, valueID), field(ValueName, valueName), field(ValueData, valueData),
			},
		}},
	}, nil)
	if err != nil {
		return nil, err
	}
	return file.Messages().Get(0), nil
}

// ValuePaths says which parts of a plain Go value become which parts of an event. A path holds names as encoding/json gives
// them, with dots between them.
type ValuePaths struct {
	ID   string // "": the events have no id
	Name string // "": the value gives the events no name
	Data string // "": the whole value is the data
}

// ValueProblem says why one of [ValuePaths] does not fit the values.
type ValueProblem struct {
	// Key is where the path stands in the configuration of a route, such as "event.id".
	Key     string
	Message string
	// Unknown is the name that no field has, and Have are the names that there are. Both are empty where the problem is
	// another one.
	Unknown string
	Have    []string
}

// ValueEncoder encodes plain Go values of one type as messages of the type [ValueMessage]. It is immutable.
type ValueEncoder struct {
	id, name, data *valuePath // nil where the path is ""
}

// NewValueEncoder returns the encoder for values of type t. It reports all problems at once; the encoder is nil then.
func NewValueEncoder(t reflect.Type, paths ValuePaths) (*ValueEncoder, []*ValueProblem) {
	var problems []*ValueProblem
	compile := func(key, path string) *valuePath {
		if path == "" {
			return nil
		}
		p, problem := compilePath(t, path)
		if problem != nil {
			problem.Key = key
			problems = append(problems, problem)
		}
		return p
	}
	// An id and a name stand on one line of an event.
	compileText := func(key, path string) *valuePath {
		p := compile(key, path)
		if p != nil && !p.isText() {
			problems = append(problems, &ValueProblem{Key: key, Message: fmt.Sprintf(
				"%q leads to a %v, which cannot serve here: expected text, a number or a bool", path, p.leaf)})
		}
		return p
	}
	e := &ValueEncoder{
		id: compileText("event.id", paths.ID), name: compileText("event.name", paths.Name), data: compile("event.data", paths.Data),
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return e, nil
}

// encode is an encoder.
func (e *ValueEncoder) encode(dst []byte, value any) ([]byte, error) {
	if _, ok := value.(proto.Message); ok {
		return nil, fmt.Errorf("expected a plain Go value, found %T: a function that yields messages is declared with their type",
			value)
	}
	v := reflect.ValueOf(value)
	for _, text := range []struct {
		number protowire.Number
		path   *valuePath
	}{{valueID, e.id}, {valueName, e.name}} {
		if text.path == nil {
			continue
		}
		rendered, err := text.path.textOf(v)
		if err != nil {
			return nil, err
		}
		dst = protowire.AppendString(protowire.AppendTag(dst, text.number, protowire.BytesType), rendered)
	}
	if e.data != nil {
		value = nil
		if v = e.data.find(v); v.IsValid() {
			value = v.Interface()
		}
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, valueData, protowire.BytesType), data), nil
}
