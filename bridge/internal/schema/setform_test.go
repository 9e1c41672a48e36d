package schema

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

func gzipped(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	zip, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	require.NoError(t, err)
	_, err = zip.Write(content)
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	return b.Bytes()
}

// ownOption is a set whose message has an option that the program does not know, and a google.api.http rule.
func ownOption(t testing.TB) []byte {
	return descriptorSet(t, compileFiles(t, map[string]string{
		"own.proto": `syntax="proto3"; package own; import "google/protobuf/descriptor.proto";
			message Rule { string text = 1; } extend google.protobuf.MessageOptions { Rule rule = 50123; }`,
		"a.proto": `syntax="proto3"; package a; import "own.proto"; import "google/api/annotations.proto";
			message M { option (own.rule) = {text: "x"}; string s = 1; }
			service S { rpc R(M) returns (stream M) { option (google.api.http) = {get: "/r"}; } }`,
	}, "a.proto")...)
}

func TestADescriptorSetInEachForm(t *testing.T) {
	binary := ownOption(t)
	var set descriptorpb.FileDescriptorSet
	require.NoError(t, proto.Unmarshal(binary, &set))
	text, err := protojson.Marshal(&set)
	require.NoError(t, err)
	// As buf writes it: an option by its name, and fields of its own beside those of protobuf.
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, text)) // protojson's spaces vary
	named := strings.Replace(compact.String(), `"messageType":[{"name":"M",`,
		`"bufExtension":{"isImport":true},"messageType":[{"name":"M","own":[1,{}],`, 1)
	named = strings.Replace(named, `"options":{}`, `"options":{"[own.rule]":{"text":"x"}}`, 1)
	require.Contains(t, named, "bufExtension")
	require.Contains(t, named, "[own.rule]")
	protoNames, err := protojson.MarshalOptions{UseProtoNames: true, Multiline: true}.Marshal(&set)
	require.NoError(t, err)
	forms := map[string][]byte{
		"set.binpb":    binary,
		"set.binpb.gz": gzipped(t, binary),
		"set.json":     text,
		"named.json":   []byte(named),
		"names.json":   protoNames,
		"set.json.gz":  gzipped(t, text),
		"marked.json":  append([]byte("\xef\xbb\xbf \r\n"), text...),
		"spaced.json":  append([]byte("\n"), text...),
		"json.binpb":   text, // the name does not count
		"two.gz":       append(gzipped(t, binary[:len(binary)/2]), gzipped(t, binary[len(binary)/2:])...),
	}
	for name, content := range forms {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			s, err := FromDescriptorSet(path)
			require.NoError(t, err)
			md, err := s.Method("a.S", "R")
			require.NoError(t, err)
			assert.Equal(t, []Binding{{Path: "/r"}}, Bindings(md))
		})
	}
}

// A first file of 123 bytes makes a binary set begin with "\n{", as JSON may.
func TestABinarySetThatBeginsLikeJSON(t *testing.T) {
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("a.proto"), Package: proto.String("")}
	file.Package = proto.String(strings.Repeat("a", 123-proto.Size(file)))
	wire, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}})
	require.NoError(t, err)
	require.Equal(t, "\n{", string(wire[:2]))
	set, err := decodeSet(wire)
	require.NoError(t, err)
	assert.Equal(t, "a.proto", set.GetFile()[0].GetName())
}

// A few bytes make an element of hundreds: the number of elements is bounded before any is made.
func TestDescriptorSetsThatAreTooLarge(t *testing.T) {
	const many = maxSetElements + 1
	inside := func(number protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), body)
	}
	const ofElements = "expected a set of at most 2000000 elements, found more"
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"files":            {bytes.Repeat([]byte{0x0a, 0}, many), ofElements},
		"messages":         {inside(1, bytes.Repeat([]byte{0x22, 0}, many)), ofElements},
		"places of source": {inside(1, inside(9, bytes.Repeat([]byte{0x0a, 0}, many))), ofElements},
		"options":          {inside(1, inside(8, bytes.Repeat([]byte{0xba, 0x3e, 0}, many))), ofElements},
		"imports":          {inside(1, bytes.Repeat([]byte{0x1a, 0}, many)), ofElements},
		"unpacked":         {gzipped(t, append(bytes.Repeat([]byte{0x0a, 0}, many), incompressible(100<<10)...)), ofElements},
		"JSON":             {[]byte(`{"file":[` + strings.Repeat("{},", many) + "{}]}"), ofElements},
		"texts of JSON":    {[]byte(`{"file":[{"dependency":[` + strings.Repeat(`"",`, many) + `""]}]}`), ofElements},
		"bytes":            {make([]byte, maxSetBytes+1), "expected at most 67108864 bytes, found more"},
	} {
		path := filepath.Join(t.TempDir(), "set")
		require.NoError(t, os.WriteFile(path, tt.content, 0o600))
		_, err := FromDescriptorSet(path)
		require.ErrorContains(t, err, tt.want, name)
		require.ErrorContains(t, err, path, name)
		require.ErrorContains(t, err, "--exclude-source-info", name)
	}
}

// incompressible returns a field that the set does not know, whose bytes do not get smaller.
func incompressible(size int) []byte {
	body := make([]byte, size)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(body)
	return protowire.AppendBytes(protowire.AppendTag(nil, 100, protowire.BytesType), body)
}

func TestDescriptorSetsThatAreNone(t *testing.T) {
	whole := gzipped(t, ownOption(t))
	bomb := gzipped(t, make([]byte, 32<<20))
	require.Less(t, len(bomb), 100<<10)
	tests := map[string]struct {
		content []byte
		want    []string
	}{
		"a gzip bomb":       {bomb, []string{"expected a compressed set of at most ", "bytes of gzip", "uncompressed"}},
		"a JSON bomb":       {gzipped(t, []byte("{"+strings.Repeat(" ", 32<<20)+"}")), []string{"expected a compressed set of at most "}},
		"half a gzip":       {whole[:len(whole)/2], []string{"expected a whole gzip file", "unexpected EOF"}},
		"a broken checksum": {append(bytes.Clone(whole[:len(whole)-8]), make([]byte, 8)...), []string{"expected a whole gzip file", "checksum"}},
		"more after gzip":   {append(bytes.Clone(whole), "tail"...), []string{"expected a whole gzip file"}},
		"a head of gzip":    {[]byte{0x1f, 0x8b}, []string{"expected gzip, as its first bytes say"}},
		"gzip twice":        {gzipped(t, whole), []string{"expected a FileDescriptorSet in binary form, as JSON, or one of them"}},
		"malformed JSON":    {[]byte(`{"file": [`), []string{"expected the JSON of a FileDescriptorSet"}},
		"JSON of another":   {[]byte(`{"openapi": "3.1"}`), []string{"found no files in it"}},
		"a field of a kind": {[]byte(`{"file": "a.proto"}`), []string{"expected the JSON of a FileDescriptorSet", `"a.proto"`}},
		"YAML":              {[]byte("file: []"), []string{"expected a FileDescriptorSet in binary form, as JSON, or one of them"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "set")
			require.NoError(t, os.WriteFile(path, test.content, 0o600))
			_, err := FromDescriptorSet(path)
			for _, want := range append(test.want, path, "buf build") {
				require.ErrorContains(t, err, want)
			}
		})
	}
}
