package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestMeasure(t *testing.T) {
	files := compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; message A { message B { message C { enum E { Z = 0; } } } int32 x = 1; }`,
	})
	var s structure
	s.measure(wireOf(t, files[0]), fileParts(), 0)
	// File: name, package, A, syntax. A: name, x, B. B: name, C. C: name, E. E: name, Z.
	require.Equal(t, structure{elements: 13, depth: 4}, s)

	wire := wireOf(t, streamv1.File_test_stream_v1_stream_proto)
	for cut := range wire {
		var s structure
		s.measure(wire[:cut], fileParts(), 0) // does not panic
	}
}

func TestMeasureEndsBeforeTheStackDoes(t *testing.T) {
	var wire []byte // built from the inside out, in the tail of a buffer
	buffer := make([]byte, 4<<20)
	at := len(buffer)
	for at > 16 {
		prefix := protowire.AppendVarint(protowire.AppendTag(wire[:0], 3, protowire.BytesType), uint64(len(buffer)-at))
		at -= copy(buffer[at-len(prefix):], prefix)
		wire = prefix
	}
	file := protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), buffer[at:])
	var s structure
	s.measure(file, fileParts(), 0)
	require.Equal(t, deepest, s.depth)
}
