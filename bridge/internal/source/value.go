package source

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

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

// valuePath leads to a field of a Go value: through structs, and pointers to structs, by the names that encoding/json gives the
// fields.
type valuePath struct {
	text  string
	steps [][]int // of each element of the path, the index of the field in its struct
	leaf  reflect.Type
}

// compilePath compiles a path into values of type t. The problem has no key yet.
func compilePath(t reflect.Type, path string) (*valuePath, *ValueProblem) {
	p := &valuePath{text: path, leaf: t}
	for element := range strings.SplitSeq(path, ".") {
		inside := p.leaf
		if inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		if inside.Kind() != reflect.Struct {
			return nil, &ValueProblem{
				Message: fmt.Sprintf("%q names a field of %v, which has no fields: expected a struct", element, p.leaf),
			}
		}
		fields := jsonFields(inside)
		at := slices.IndexFunc(fields, func(f namedField) bool { return f.name == element })
		if at < 0 {
			problem := &ValueProblem{
				Message: fmt.Sprintf("unknown field %q: the JSON of %v does not have it", element, inside), Unknown: element,
			}
			for _, f := range fields {
				problem.Have = append(problem.Have, f.name)
			}
			return nil, problem
		}
		p.steps, p.leaf = append(p.steps, fields[at].Index), fields[at].Type
	}
	return p, nil
}

// find follows the path. The result is not valid where a pointer on the way is nil.
func (p *valuePath) find(v reflect.Value) reflect.Value {
	for _, step := range p.steps {
		for _, i := range step {
			if v.Kind() == reflect.Pointer {
				v = v.Elem()
			}
			if !v.IsValid() {
				return v
			}
			v = v.Field(i)
		}
	}
	return v
}

// isText reports whether textOf can render the field.
func (p *valuePath) isText() bool {
	t := p.leaf
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return true
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64:
		return true
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr
}

// textOf renders the field as text. The text is empty where the path leads through a nil pointer, and for a zero value that is
// not behind a pointer: a zero value counts as absent, as in a protobuf message.
func (p *valuePath) textOf(v reflect.Value) (string, error) {
	v = p.find(v)
	if !v.IsValid() || v.IsZero() {
		return "", nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch kind := v.Kind(); {
	case kind == reflect.String:
		return v.String(), nil
	case kind == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	}
	return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), nil
}
