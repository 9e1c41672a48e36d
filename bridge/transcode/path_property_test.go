package transcode_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// pathTo is a field path, and what a parsed message holds there.
type pathTo struct {
	path  string
	get   func(m protoreflect.Message) (holder protoreflect.Message, ok bool)
	field protoreflect.FieldDescriptor
	oneof protoreflect.OneofDescriptor
}

// allPaths returns the paths of a message type, up to three names long.
func allPaths(md protoreflect.MessageDescriptor, depth int) (paths []pathTo) {
	self := func(m protoreflect.Message) (protoreflect.Message, bool) { return m, true }
	for i := range md.Oneofs().Len() {
		if od := md.Oneofs().Get(i); !od.IsSynthetic() {
			paths = append(paths, pathTo{path: string(od.Name()), get: self, oneof: od})
		}
	}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if fd.Cardinality() == protoreflect.Repeated {
			continue
		}
		paths = append(paths, pathTo{path: string(fd.Name()), get: self, field: fd})
		if fd.Message() == nil || depth == 0 || fd.Message() == md && depth < 2 {
			continue
		}
		for _, inner := range allPaths(fd.Message(), depth-1) {
			get := inner.get
			inner.path = string(fd.Name()) + "." + inner.path
			inner.get = func(m protoreflect.Message) (protoreflect.Message, bool) {
				if !m.Has(fd) {
					return nil, false
				}
				return get(m.Get(fd).Message())
			}
			paths = append(paths, inner)
		}
	}
	return paths
}

// want is the text that the path must return.
func (p pathTo) want(root protoreflect.Message) (text string, ok bool) {
	m, ok := p.get(root)
	if !ok {
		return "", false
	}
	if p.oneof != nil {
		if fd := m.WhichOneof(p.oneof); fd != nil {
			return string(fd.Name()), true
		}
		return "", false
	}
	if !m.Has(p.field) {
		return "", false
	}
	switch v := m.Get(p.field).Interface().(type) {
	case []byte:
		return string(v), true
	case protoreflect.EnumNumber:
		if value := p.field.Enum().Values().ByNumber(v); value != nil {
			return string(value.Name()), true
		}
		return fmt.Sprint(v), true
	default:
		return fmt.Sprint(v), true
	}
}

// assertPaths compares all paths of a type with the parsed message.
func assertPaths(t assert.TestingT, md protoreflect.MessageDescriptor, wire []byte) {
	m := dynamicpb.NewMessage(md)
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(wire, m); err != nil {
		return // a path reads less than a parser, so it may find no fault
	}
	for _, p := range allPaths(md, 1) {
		compiled, err := transcode.CompilePath(md, p.path)
		require.NoError(asT{t}, err)
		want, wantOK := p.want(m)
		has, err := compiled.Has(wire)
		assert.NoError(t, err)
		assert.Equal(t, wantOK, has, p.path)
		if compiled.Kind() == transcode.PathMessage {
			assertSub(t, compiled, p, m, wire)
			continue
		}
		got, ok, err := compiled.AppendText(nil, wire)
		assert.NoError(t, err)
		assert.Equal(t, wantOK, ok, p.path)
		if ok && !isFloat(compiled) { // fmt and strconv write exponents in their own ways
			assert.Equal(t, want, string(got), p.path)
		}
	}
}

func isFloat(p *transcode.Path) bool {
	fd := p.Descriptor()
	return fd != nil && (fd.Kind() == protoreflect.FloatKind || fd.Kind() == protoreflect.DoubleKind)
}

// assertSub checks that the bytes of a sub-message parse to what the parsed message holds.
func assertSub(t assert.TestingT, compiled *transcode.Path, p pathTo, root protoreflect.Message, wire []byte) {
	sub, err := compiled.Message(wire)
	assert.NoError(t, err)
	got := dynamicpb.NewMessage(p.field.Message())
	assert.NoError(t, proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(sub, got))
	if m, ok := p.get(root); ok && m.Has(p.field) {
		want := m.Get(p.field).Message().Interface()
		// Deterministic bytes tell NaN from NaN, which proto.Equal does not.
		wantWire, _ := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(want)
		gotWire, _ := proto.MarshalOptions{AllowPartial: true, Deterministic: true}.Marshal(got)
		assert.Equal(t, wantWire, gotWire, p.path)
	} else {
		assert.Empty(t, sub, p.path)
	}
}

// asT makes a require.TestingT of an assert.TestingT.
type asT struct{ assert.TestingT }

func (t asT) FailNow() { panic("stopped") }

func TestPathsReadWhatAParserReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		md := rapid.SampledFrom(testMessages()).Draw(t, "type").ProtoReflect().Descriptor()
		d := wireDrawer{t: t, odd: true}
		assertPaths(t, md, d.message(md))
	})
}
