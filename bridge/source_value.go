package bridge

import (
	"context"
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

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// Plain Go values travel to the reader as messages of a type of their own, which holds what becomes of each value: so all
// that reads streams knows one form only.
const (
	valueID protowire.Number = iota + 1
	valueName
	valueData // JSON
)

// newValueDescriptor returns that type.
func newValueDescriptor() (protoreflect.MessageDescriptor, error) {
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
			Name:  proto.String("Value"),
			Field: []*descriptorpb.FieldDescriptorProto{field("id", valueID), field("name", valueName), field("data", valueData)},
		}},
	}, nil)
	if err != nil {
		return nil, err
	}
	return file.Messages().Get(0), nil
}

// valueJSON takes the data of a value as it is.
type valueJSON struct{ data *transcode.Path }

// AppendJSONContext implements [jsonAppender].
func (j valueJSON) AppendJSONContext(_ context.Context, dst, wire []byte) ([]byte, error) {
	out, _, err := j.data.AppendText(dst, wire)
	return out, err
}

// values compiles which parts of a plain Go value become which lines of an event, and returns what encodes them.
func (c *planner) values(t reflect.Type) encoder {
	ev := c.route.Event
	e := &valueEncoder{
		id:   c.valuePath("event.id", t, ev.ID),
		name: c.valuePath("event.name", t, ev.Name),
	}
	if ev.Data != "" {
		e.data = c.valuePath("event.data", t, ev.Data)
	}
	c.requireText("event.id", e.id)
	c.requireText("event.name", e.name)
	md, err := newValueDescriptor()
	if err != nil {
		c.problem("", err)
		return nil
	}
	message := config.EventMapping{NameConst: ev.NameConst}
	if e.id != nil {
		message.ID = "id"
	}
	if e.name != nil {
		message.Name = "name"
	}
	c.lines(md, message)
	c.plan.json = valueJSON{data: c.path("event.data", md, "data", transcode.PathScalar)}
	return e.append
}

// requireText sees that what a path leads to, if there is one, can stand on one line.
func (c *planner) requireText(key string, p *valuePath) {
	if p != nil && !p.isText() {
		c.problem(key, fmt.Errorf("%q leads to a %v, which cannot serve here: expected text, a number or a bool", p.text, p.leaf))
	}
}

// valueEncoder is an encoder for plain Go values of one type. Its paths may be nil.
type valueEncoder struct{ id, name, data *valuePath }

func (e *valueEncoder) append(dst []byte, value any) ([]byte, error) {
	if _, ok := value.(proto.Message); ok {
		return nil, fmt.Errorf("expected a plain Go value, found %T: a function that yields messages is declared with their type", value)
	}
	v := reflect.ValueOf(value)
	for _, line := range []struct {
		number protowire.Number
		path   *valuePath
	}{{valueID, e.id}, {valueName, e.name}} {
		if line.path == nil {
			continue
		}
		text, err := line.path.textOf(v)
		if err != nil {
			return nil, err
		}
		dst = protowire.AppendString(protowire.AppendTag(dst, line.number, protowire.BytesType), text)
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

// valuePath leads to a field of a struct, through structs and pointers to them, by the names that encoding/json gives them.
type valuePath struct {
	text  string
	steps [][]int
	leaf  reflect.Type
}

// valuePath compiles a path; "" gives nil.
func (c *planner) valuePath(key string, t reflect.Type, path string) *valuePath {
	if path == "" {
		return nil
	}
	p := &valuePath{text: path, leaf: t}
	for element := range strings.SplitSeq(path, ".") {
		inside := p.leaf
		if inside.Kind() == reflect.Pointer {
			inside = inside.Elem()
		}
		if inside.Kind() != reflect.Struct {
			c.problem(key, fmt.Errorf("%q names a field of %v, which has none: expected a struct", element, p.leaf))
			return nil
		}
		field, have := jsonField(inside, element)
		if field == nil {
			c.problems = append(c.problems, c.route.Problem(key,
				fmt.Sprintf("unknown field %q: the JSON of %v does not have it", element, inside), fieldHint(element, have)))
			return nil
		}
		p.steps, p.leaf = append(p.steps, field.Index), field.Type
	}
	return p
}

// jsonField finds a field of a struct by its name in JSON; have are the names that there are.
func jsonField(t reflect.Type, want string) (field *reflect.StructField, have []string) {
	for _, f := range jsonFields(t) {
		if f.name == want {
			return &f.StructField, nil
		}
		have = append(have, f.name)
	}
	return nil, have
}

// namedField is a field of a struct with its name in JSON.
type namedField struct {
	reflect.StructField

	name string
}

// jsonFields returns the fields of a struct that encoding/json knows, each name once.
func jsonFields(t reflect.Type) []namedField {
	var fields []namedField
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Tag.Get("json") == "-" || f.Anonymous && name == "" || hiddenInJSON(t, f.Index) {
			continue
		}
		if name == "" {
			name = f.Name
		}
		same := slices.IndexFunc(fields, func(other namedField) bool { return other.name == name })
		switch {
		case same < 0:
			fields = append(fields, namedField{f, name})
		case len(f.Index) < len(fields[same].Index):
			fields[same] = namedField{f, name}
		}
	}
	return fields
}

// hiddenInJSON reports whether a field stands in an embedded struct that has a name of its own in JSON.
func hiddenInJSON(t reflect.Type, index []int) bool {
	for end := 1; end < len(index); end++ {
		if t.FieldByIndex(index[:end]).Tag.Get("json") != "" {
			return true
		}
	}
	return false
}

// find follows the path. The value is not valid where a pointer on the way is nil.
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

// isText reports whether textOf has a text for the leaf.
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

// textOf returns the text of the leaf. It is empty where nothing is there, and for a zero that no pointer leads to: as in
// a message of protobuf, that is no value.
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
