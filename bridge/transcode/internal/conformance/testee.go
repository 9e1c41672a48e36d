package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// testee answers the requests of the conformance runner.
type testee struct {
	request, response protoreflect.MessageDescriptor
	files             *protoregistry.Files
	types             *dynamicpb.Types
	transcoders       map[protoreflect.FullName]*transcode.Transcoder
}

// newTestee compiles the .proto files of the suite.
func newTestee(ctx context.Context, protos string) (*testee, error) {
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{protos}}),
	}
	compiled, err := compiler.Compile(ctx,
		"conformance/conformance.proto",
		"google/protobuf/test_messages_proto2.proto",
		"google/protobuf/test_messages_proto3.proto",
		"google/protobuf/test_messages_proto2_editions.proto",
		"google/protobuf/test_messages_proto3_editions.proto",
		"google/protobuf/test_messages_edition2023.proto",
	)
	if err != nil {
		return nil, fmt.Errorf("CONFORMANCE_PROTOS=%q: %w", protos, err)
	}
	files := new(protoregistry.Files)
	for _, file := range compiled {
		if err := register(files, file); err != nil {
			return nil, err
		}
	}
	messages := compiled[0].Messages()
	return &testee{
		request:     messages.ByName("ConformanceRequest"),
		response:    messages.ByName("ConformanceResponse"),
		files:       files,
		types:       dynamicpb.NewTypes(files),
		transcoders: map[protoreflect.FullName]*transcode.Transcoder{},
	}, nil
}

// register adds a file and what it imports.
func register(files *protoregistry.Files, file protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	for i := range file.Imports().Len() {
		if err := register(files, file.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	return files.RegisterFile(file)
}

// The numbers of the suite's enums.
const (
	formatJSON                = 2
	categoryJSONIgnoreUnknown = 3
)

// answer makes the response to a request.
func (t *testee) answer(wire []byte) ([]byte, error) {
	request := dynamicpb.NewMessage(t.request)
	if err := proto.Unmarshal(wire, request); err != nil {
		return nil, err
	}
	field, value := t.result(request)
	response := dynamicpb.NewMessage(t.response)
	response.Set(t.response.Fields().ByName(field), value)
	return proto.Marshal(response)
}

// result is the field of the response to set, and its value.
func (t *testee) result(request *dynamicpb.Message) (protoreflect.Name, protoreflect.Value) {
	get := func(name protoreflect.Name) protoreflect.Value { return request.Get(t.request.Fields().ByName(name)) }
	text := protoreflect.ValueOfString
	name := protoreflect.FullName(get("message_type").String())
	if name == "conformance.FailureSet" {
		return "protobuf_payload", protoreflect.ValueOfBytes(nil)
	}
	if get("requested_output_format").Enum() != formatJSON {
		return "skipped", text("only JSON is written")
	}
	found, err := t.files.FindDescriptorByName(name)
	if err != nil {
		return "runtime_error", text(err.Error())
	}
	md := found.(protoreflect.MessageDescriptor)
	wire := get("protobuf_payload").Bytes()
	switch payload := request.WhichOneof(t.request.Oneofs().ByName("payload")); payload.Name() {
	case "protobuf_payload":
	case "json_payload":
		m := dynamicpb.NewMessage(md)
		options := protojson.UnmarshalOptions{
			Resolver:       t.types,
			DiscardUnknown: get("test_category").Enum() == categoryJSONIgnoreUnknown,
		}
		if err := options.Unmarshal([]byte(get("json_payload").String()), m); err != nil {
			return "parse_error", text(err.Error())
		}
		if wire, err = proto.Marshal(m); err != nil {
			return "serialize_error", text(err.Error())
		}
	default:
		return "skipped", text("only protobuf and JSON are read")
	}
	out, err := t.transcode(md, wire)
	switch {
	case errors.Is(err, transcode.ErrMalformed) || errors.Is(err, transcode.ErrInvalidUTF8):
		return "parse_error", text(err.Error())
	case err != nil:
		return "serialize_error", text(err.Error())
	}
	if err := t.compare(md, wire, out); err != nil {
		return "runtime_error", text(err.Error())
	}
	return "json_payload", text(string(out))
}

func (t *testee) transcode(md protoreflect.MessageDescriptor, wire []byte) ([]byte, error) {
	tc := t.transcoders[md.FullName()]
	if tc == nil {
		var err error
		if tc, err = transcode.New(md, transcode.Options{Resolver: t.types}); err != nil {
			return nil, err
		}
		t.transcoders[md.FullName()] = tc
	}
	return tc.AppendJSON(nil, wire)
}

// compare holds an answer against protojson's: members in any order, numbers as they are written.
func (t *testee) compare(md protoreflect.MessageDescriptor, wire, got []byte) error {
	m := dynamicpb.NewMessage(md)
	if err := (proto.UnmarshalOptions{Resolver: t.types}).Unmarshal(wire, m); err != nil {
		return err
	}
	want, err := protojson.MarshalOptions{Resolver: t.types}.Marshal(m)
	if err != nil {
		return err
	}
	var values [2]any
	for i, text := range [][]byte{want, got} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&values[i]); err != nil {
			return fmt.Errorf("%w in %s", err, text)
		}
	}
	if !reflect.DeepEqual(values[0], values[1]) {
		return fmt.Errorf("protojson writes %s, not %s", want, got)
	}
	return nil
}
