package source

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// structRequest describes the requests of a function as a message type. For requests that are Go structs, it makes a type whose
// fields have the names that encoding/json gives them: so package bind fills all requests in the same way.
type structRequest struct {
	md protoreflect.MessageDescriptor
	// fields lists the fields of each message type in the order of their numbers. It is nil where the requests are generated
	// messages.
	fields map[protoreflect.FullName][]structField
}

// isEmpty reports whether the requests are structs without fields.
func (r *structRequest) isEmpty() bool { return r.fields != nil && r.md.Fields().Len() == 0 }

// structField is a field of a struct.
type structField struct {
	index []int  // as reflect.StructField has it
	name  string // in JSON
}

// newStructRequest describes requests that are structs of type t. mistake says why they cannot be described.
func newStructRequest(t reflect.Type) (r *structRequest, mistake string) {
	b := &structBuilder{
		names: make(map[reflect.Type]string), taken: make(map[string]bool),
		fields: make(map[protoreflect.FullName][]structField),
		file: &descriptorpb.FileDescriptorProto{
			Name: proto.String("request.proto"), Syntax: proto.String("proto2"), // in proto2, every field has presence
			Dependency: []string{
				timestamppb.File_google_protobuf_timestamp_proto.Path(), durationpb.File_google_protobuf_duration_proto.Path(),
			},
		},
	}
	root := b.message(t)
	if b.mistake != "" {
		return nil, b.mistake
	}
	file, err := protodesc.NewFile(b.file, protoregistry.GlobalFiles)
	if err != nil {
		return nil, "the request type " + t.String() + " cannot be described: " + err.Error()
	}
	return &structRequest{md: file.Messages().ByName(protoreflect.Name(root)), fields: b.fields}, ""
}

// structBuilder makes one message type for each struct type. A struct may contain itself.
type structBuilder struct {
	file    *descriptorpb.FileDescriptorProto
	names   map[reflect.Type]string // of the message types
	taken   map[string]bool         // reports the names that a message type has
	fields  map[protoreflect.FullName][]structField
	mistake string
}

// message adds the message type of a struct, and returns its name.
func (b *structBuilder) message(t reflect.Type) string {
	if name, known := b.names[t]; known {
		return name
	}
	name := identifier(t.Name(), "Request")
	for n := 2; b.taken[name]; n++ {
		name = identifier(t.Name(), "Request") + strconv.Itoa(n)
	}
	b.names[t], b.taken[name] = name, true
	md := &descriptorpb.DescriptorProto{Name: proto.String(name)}
	b.file.MessageType = append(b.file.MessageType, md)
	var fields []structField
	used := make(map[string]bool)
	if clash := fieldClash(t); clash != "" {
		b.mistake = "requests: " + clash
		return name
	}
	for _, f := range jsonFields(t) {
		if embedded := unsettable(t, f.Index); embedded != nil {
			b.mistake = fmt.Sprintf("the field %s of the request type %v cannot be set: it is embedded as %v, a pointer to a type "+
				"that is not exported; embed the struct itself, or export its type", f.Name, t, embedded)
			return name
		}
		number := int32(len(fields) + 1)
		fd := &descriptorpb.FieldDescriptorProto{
			Name: proto.String(identifier(f.name, "field")), JsonName: proto.String(f.name), Number: proto.Int32(number),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		}
		for n := number; used[fd.GetName()]; n++ {
			fd.Name = proto.String(fmt.Sprintf("%s_%d", identifier(f.name, "field"), n))
		}
		used[fd.GetName()] = true
		if !b.describe(fd, f.Type) {
			b.mistake = fmt.Sprintf("the field %s of the request type %v is of type %v, which no request can be bound to: expected "+
				"text, a number, a bool, []byte, time.Time, time.Duration, an encoding.TextUnmarshaler, a struct of such, or a pointer "+
				"to or a slice of one", f.Name, t, f.Type)
			return name
		}
		md.Field = append(md.Field, fd)
		fields = append(fields, structField{index: f.Index, name: f.name})
	}
	b.fields[protoreflect.FullName(name)] = fields
	return name
}

// describe sets the type of a field. It reports false where a request cannot have a field of type t.
func (b *structBuilder) describe(fd *descriptorpb.FieldDescriptorProto, t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	isList := t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8
	if isList && !isText(t) {
		if t = t.Elem(); t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		fd.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
			return false
		}
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		fd.Type, fd.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".google.protobuf.Timestamp")
	case t == reflect.TypeFor[time.Duration]():
		fd.Type, fd.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".google.protobuf.Duration")
	case isText(t):
		fd.Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
	case reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return false
	case t.Kind() == reflect.Struct:
		fd.Type, fd.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String("."+b.message(t))
	default:
		kind, ok := scalarKind(t)
		fd.Type = kind.Enum()
		return ok
	}
	return true
}

// isText reports whether the type has a method that reads a value from text.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// scalarKind returns the protobuf type for a Go type. It reports false where there is none.
func scalarKind(t reflect.Type) (descriptorpb.FieldDescriptorProto_Type, bool) {
	switch t.Kind() {
	case reflect.String:
		return descriptorpb.FieldDescriptorProto_TYPE_STRING, true
	case reflect.Bool:
		return descriptorpb.FieldDescriptorProto_TYPE_BOOL, true
	case reflect.Int, reflect.Int64:
		return descriptorpb.FieldDescriptorProto_TYPE_INT64, true
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return descriptorpb.FieldDescriptorProto_TYPE_INT32, true
	case reflect.Uint, reflect.Uint64:
		return descriptorpb.FieldDescriptorProto_TYPE_UINT64, true
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return descriptorpb.FieldDescriptorProto_TYPE_UINT32, true
	case reflect.Float32:
		return descriptorpb.FieldDescriptorProto_TYPE_FLOAT, true
	case reflect.Float64:
		return descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, true
	case reflect.Slice:
		return descriptorpb.FieldDescriptorProto_TYPE_BYTES, t.Elem().Kind() == reflect.Uint8
	}
	return descriptorpb.FieldDescriptorProto_TYPE_STRING, false
}

// identifier turns a name of Go or JSON into a protobuf identifier. An empty name becomes otherwise.
func identifier(name, otherwise string) string {
	out := []rune(strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name))
	switch {
	case len(out) == 0:
		return otherwise
	case out[0] >= '0' && out[0] <= '9':
		return "_" + string(out)
	}
	return string(out)
}

// decode fills a struct from a request in the protobuf wire format. The error carries a gRPC status. The status is
// INVALID_ARGUMENT where the struct cannot hold a value.
func (r *structRequest) decode(wire []byte, into reflect.Value) error {
	m := dynamicpb.NewMessage(r.md)
	if err := unmarshal(wire, m); err != nil {
		return err
	}
	return r.fill(into, m, "")
}

// fill assigns the fields of a message to a struct. path is the path to the struct, for errors.
func (r *structRequest) fill(into reflect.Value, m protoreflect.Message, path string) error {
	for i, f := range r.fields[m.Descriptor().FullName()] {
		fd := m.Descriptor().Fields().Get(i)
		if !m.Has(fd) {
			continue
		}
		target, name := settable(into, f.index), path+f.name
		if !fd.IsList() {
			if err := r.set(target, m.Get(fd), name); err != nil {
				return err
			}
			continue
		}
		list := m.Get(fd).List()
		if target.Kind() == reflect.Pointer {
			target.Set(reflect.New(target.Type().Elem()))
			target = target.Elem()
		}
		target.Set(reflect.MakeSlice(target.Type(), list.Len(), list.Len()))
		for n := range list.Len() {
			if err := r.set(target.Index(n), list.Get(n), fmt.Sprintf("%s[%d]", name, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// unsettable returns the type of the first embedded pointer on the way to a field that package reflect cannot set, nil where
// there is none.
func unsettable(t reflect.Type, index []int) reflect.Type {
	for end := 1; end < len(index); end++ {
		if f := t.FieldByIndex(index[:end]); f.Type.Kind() == reflect.Pointer && !f.IsExported() {
			return f.Type
		}
	}
	return nil
}

// settable returns a field of a struct. It allocates the embedded structs on the way that are nil pointers.
func settable(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v
}

// set assigns a value to a field.
func (r *structRequest) set(target reflect.Value, value protoreflect.Value, name string) error {
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	misfit := func(expected string, found any) error {
		return status.Errorf(codes.InvalidArgument, "the field %q: expected %s, found %q", name, expected, fmt.Sprint(found))
	}
	switch held := value.Interface().(type) {
	case protoreflect.Message:
		switch target.Interface().(type) {
		case time.Time:
			target.Set(reflect.ValueOf(time.Unix(secondsOf(held)).UTC()))
		case time.Duration:
			seconds, nanos := secondsOf(held)
			d := time.Duration(seconds)*time.Second + time.Duration(nanos)
			if d/time.Second != time.Duration(seconds) {
				return misfit("a duration of at most 292 years", fmt.Sprintf("%ds", seconds))
			}
			target.SetInt(int64(d))
		default:
			return r.fill(target, held, name+".")
		}
	case string:
		if text, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
			if err := text.UnmarshalText([]byte(held)); err != nil {
				return misfit("a value of its type ("+err.Error()+")", held)
			}
			return nil
		}
		target.SetString(held)
	case bool:
		target.SetBool(held)
	case []byte:
		target.SetBytes(held)
	case float32, float64:
		target.SetFloat(value.Float())
	case int32, int64:
		if target.OverflowInt(value.Int()) {
			return misfit(fmt.Sprintf("an integer of %d bits", target.Type().Bits()), held)
		}
		target.SetInt(value.Int())
	case uint32, uint64:
		if target.OverflowUint(value.Uint()) {
			return misfit(fmt.Sprintf("an integer of %d bits that is not negative", target.Type().Bits()), held)
		}
		target.SetUint(value.Uint())
	}
	return nil
}

// secondsOf returns the fields of a Timestamp or a Duration.
func secondsOf(m protoreflect.Message) (seconds, nanos int64) {
	fields := m.Descriptor().Fields()
	return m.Get(fields.ByName("seconds")).Int(), m.Get(fields.ByName("nanos")).Int()
}
