package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// endless is a server whose every file imports the next one.
func endless(padding int) func(*grpc.Server) {
	return answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetListServices() != "" {
			return listing("a.S"), nil
		}
		var n int
		_, _ = fmt.Sscanf(q.GetFileByFilename(), "%d.proto", &n) // 0 where a symbol is asked for
		file := &descriptorpb.FileDescriptorProto{
			Name:       proto.String(fmt.Sprintf("%d.proto", n)),
			Dependency: []string{fmt.Sprintf("%d.proto", n+1)},
			Options:    &descriptorpb.FileOptions{GoPackage: proto.String(strings.Repeat(" ", padding))},
		}
		if n == 0 {
			file.Package = proto.String("a")
			file.Service = []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S")}}
		}
		wire, err := proto.Marshal(file)
		return describing(wire), err
	}).register
}

// holding is a server whose one file has one message.
func holding(message *descriptorpb.DescriptorProto) func(*grpc.Server) {
	return answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetListServices() != "" {
			return listing("a.S"), nil
		}
		wire, err := proto.Marshal(&descriptorpb.FileDescriptorProto{
			Name: proto.String("a.proto"), MessageType: []*descriptorpb.DescriptorProto{message},
		})
		return describing(wire), err
	}).register
}

func listingOnly(names ...string) func(*grpc.Server) {
	return answers(func(*reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		return listing(names...), nil
	}).register
}

func TestFromReflectionLimits(t *testing.T) {
	nested := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for range 100 {
		nested = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{nested}}
	}
	wide := &descriptorpb.DescriptorProto{Field: make([]*descriptorpb.FieldDescriptorProto, 2000)}
	for i := range wide.Field {
		wide.Field[i] = new(descriptorpb.FieldDescriptorProto)
	}
	tests := map[string]struct {
		register func(*grpc.Server)
		change   func(*limits)
		want     string
	}{
		"files":      {endless(0), func(l *limits) { l.files = 50 }, "at most 50 files"},
		"bytes":      {endless(1000), func(l *limits) { l.bytes = 20_000 }, "at most 20000 bytes"},
		"services":   {listingOnly("a.A", "a.B", "a.C"), func(l *limits) { l.files = 2 }, "at most 2 services"},
		"one answer": {listingOnly(strings.Repeat("a", 5000)), func(l *limits) { l.bytes = 1000 }, "larger than max"},
		"nesting":    {holding(nested), func(*limits) {}, "at most 64 messages inside each other"},
		"elements":   {holding(wide), func(l *limits) { l.elements = 1000 }, "at most 1000 elements"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			address, _ := serveGRPC(t, "127.0.0.1:0", test.register)
			limits := defaultLimits()
			test.change(&limits)
			_, err := fromReflection(t.Context(), connect(t, address), limits)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// The import chain has a limit of its own, and passing it is the fault of one service only.
func TestFromReflectionImportDepth(t *testing.T) {
	s, err := reflect(t, endless(0))
	require.NoError(t, err)
	require.Len(t, s.Broken(), 1)
	require.ErrorContains(t, s.Broken()[0], "depth")
}
