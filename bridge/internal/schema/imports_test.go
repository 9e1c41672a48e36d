package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// parseFile reads a FileDescriptorProto in text form.
func parseFile(t testing.TB, text string) *descriptorpb.FileDescriptorProto {
	t.Helper()
	file := new(descriptorpb.FileDescriptorProto)
	require.NoError(t, prototext.Unmarshal([]byte(text), file))
	return file
}

func marshalFile(t testing.TB, file *descriptorpb.FileDescriptorProto) []byte {
	t.Helper()
	wire, err := proto.Marshal(file)
	require.NoError(t, err)
	return wire
}

// nodejs answers as @grpc/reflection does: a question for a service gets the file that defines it first, and all other
// files after it; a question for a file that is not there gets NOT_FOUND. A service without a package has a dot before it.
func nodejs(t testing.TB, texts ...string) func(*grpc.Server) {
	t.Helper()
	wires := map[string][]byte{}
	services := map[string]string{} // to the path of the file
	var paths, names []string
	for _, text := range texts {
		file := parseFile(t, text)
		paths = append(paths, file.GetName())
		wires[file.GetName()] = marshalFile(t, file)
		for _, service := range file.GetService() {
			name := file.GetPackage() + "." + service.GetName()
			services[name] = file.GetName()
			names = append(names, name)
		}
	}
	return answers(func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetListServices() != "" {
			return listing(names...), nil
		}
		first := q.GetFileByFilename()
		if path, ok := services[q.GetFileContainingSymbol()]; ok {
			first = path
		}
		if wires[first] == nil {
			return refusing(codes.NotFound, "Symbol not found"), nil
		}
		files := [][]byte{wires[first]}
		for _, path := range paths {
			if path != first {
				files = append(files, wires[path])
			}
		}
		return describing(files...), nil
	}).register
}

// What protobuf.js makes of
//
//	message Tick { google.protobuf.Timestamp at = 1; map<string, Price> prices = 2; Side side = 3; money.v1.Money money = 4; }
const ticksFile = `name: "ticks_v1.proto" package: "ticks.v1" syntax: "proto3"
	message_type { name: "Tick"
		field { name: "at" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "google.protobuf.Timestamp" }
		field { name: "prices" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "Prices" }
		field { name: "side" number: 3 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: "Side" }
		field { name: "money" number: 4 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "money.v1.Money" }
		nested_type { name: "Prices"
			field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
			field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "Price" }
			options { map_entry: true } }
		enum_type { name: "Side" value { name: "BUY" number: 0 } } }
	message_type { name: "Price" field { name: "value" number: 1 label: LABEL_OPTIONAL type: TYPE_DOUBLE } }
	service { name: "Ticks" method { name: "Watch" input_type: ".google.protobuf.Empty" output_type: ".ticks.v1.Tick" server_streaming: true } }`

const moneyFile = `name: "money_v1.proto" package: "money.v1" syntax: "proto3"
	message_type { name: "Money" field { name: "since" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "google.protobuf.Timestamp" } }`

// The package google.protobuf of a server with options of its own: descriptor.proto, called proto3, with a field of no
// valid name in it. Nobody can link that, and nobody needs to.
const wellKnownFile = `name: "google_protobuf.proto" package: "google.protobuf" syntax: "proto3"
	message_type { name: "Timestamp"
		field { name: "seconds" number: 1 label: LABEL_OPTIONAL type: TYPE_INT64 }
		field { name: "nanos" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 } }
	message_type { name: "Empty" }
	message_type { name: "FieldOptions"
		field { name: "lazy" number: 5 label: LABEL_OPTIONAL type: TYPE_BOOL default_value: "false" }
		field { name: ".ticks.v1.rule" number: 50000 label: LABEL_OPTIONAL type: TYPE_STRING }
		extension_range { start: 1000 end: 536870911 } }`

func TestFromReflectionImportsThatAreNotDeclared(t *testing.T) {
	s, err := reflect(t, nodejs(t, ticksFile, wellKnownFile, moneyFile))
	require.NoError(t, err)
	require.Empty(t, s.Broken())
	md, err := s.Method("ticks.v1.Ticks", "Watch")
	require.NoError(t, err)
	assert.EqualValues(t, "google.protobuf.Empty", md.Input().FullName())

	fields := md.Output().Fields()
	at := fields.ByName("at").Message()
	assert.EqualValues(t, "google.protobuf.Timestamp", at.FullName())
	assert.Equal(t, "google/protobuf/timestamp.proto", at.ParentFile().Path())
	assert.EqualValues(t, "ticks.v1.Tick.Side", fields.ByName("side").Enum().FullName())
	money := fields.ByName("money").Message()
	assert.Equal(t, "money_v1.proto", money.ParentFile().Path())
	assert.False(t, money.Fields().ByName("since").Message().IsPlaceholder())
	prices := fields.ByName("prices")
	require.True(t, prices.IsMap())
	assert.EqualValues(t, "ticks.v1.Price", prices.MapValue().Message().FullName())
}

func TestFromReflectionServiceWithoutPackage(t *testing.T) {
	s, err := reflect(t, nodejs(t, `name: "root.proto" syntax: "proto3"
		message_type { name: "M" field { name: "at" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "google.protobuf.Timestamp" } }
		service { name: "S" method { name: "R" input_type: ".M" output_type: ".M" server_streaming: true } }`))
	require.NoError(t, err)
	require.Empty(t, s.Broken())
	md, err := s.Method("S", "R")
	require.NoError(t, err)
	assert.EqualValues(t, "M", md.Output().FullName())
}

// Files that need each other can be no imports of each other. That is for people to solve, and takes out no other service.
func TestFromReflectionMutualReference(t *testing.T) {
	file := `name: "%[1]s.proto" package: "%[1]s" syntax: "proto3"
		message_type { name: "M" field { name: "m" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "%[2]s.M" } }
		service { name: "S" method { name: "R" input_type: ".%[1]s.M" output_type: ".%[1]s.M" server_streaming: true } }`
	s, err := reflect(t, nodejs(t, fmt.Sprintf(file, "a", "b"), fmt.Sprintf(file, "b", "a"), fmt.Sprintf(file, "c", "c")))
	require.NoError(t, err)
	_, err = s.Method("a.S", "R")
	require.ErrorContains(t, err, "cyclic import path: a.proto -> b.proto -> a.proto")
	require.ErrorContains(t, err, "schema.proto")
	_, err = s.Method("c.S", "R")
	require.NoError(t, err)
}

// pooled adds a file to a pool.
func pooled(t testing.TB, p *pool, message *descriptorpb.FileDescriptorProto) *protoFile {
	t.Helper()
	file, err := p.add(marshalFile(t, message))
	require.NoError(t, err)
	return file
}

// undeclared lists the files that a file uses and does not import, sorted.
func undeclared(p *pool, file *protoFile) []string {
	v := &view{pool: p}
	var declared []origin
	for _, path := range file.message.GetDependency() {
		declared = append(declared, v.at(path))
	}
	visible := v.visible(file, declared)
	var paths []string
	visitReferences(file.message, func(scope []string, name string) {
		if o, _ := v.find(visible, scope, name); !o.isNone() && !visible[o] {
			visible[o] = true
			paths = append(paths, o.path())
		}
	})
	slices.Sort(paths)
	return paths
}

func TestMissingImports(t *testing.T) {
	other := `name: "other.proto" package: "x.other" message_type { name: "M" nested_type { name: "N" } } enum_type { name: "E" }`
	public := `name: "public.proto" dependency: "other.proto" public_dependency: 0`
	twin := `name: "twin.proto" package: "x.other" message_type { name: "M" }`
	field := `package: "x.y" name: "a.proto" %s message_type { name: "A" field { type_name: "%s" } }`
	tests := map[string]struct {
		declared, reference string
		want                []string
	}{
		"absolute":                  {``, `.x.other.M`, []string{"other.proto"}},
		"absolute without dot":      {``, `x.other.M`, []string{"other.proto"}},
		"relative to the package":   {``, `other.M.N`, []string{"other.proto"}},
		"enum":                      {``, `other.E`, []string{"other.proto"}},
		"its own":                   {``, `A`, nil},
		"its own, absolute":         {``, `.x.y.A`, nil},
		"absolute is not relative":  {``, `.other.M`, nil},
		"package":                   {``, `x.other`, nil},
		"nobody's":                  {``, `Nobody`, nil},
		"scalar":                    {``, ``, nil},
		"no name":                   {``, `.`, nil},
		"empty parts":               {``, `x..M`, nil},
		"declared":                  {`dependency: "other.proto"`, `other.M`, nil},
		"declared, other file":      {`dependency: "twin.proto"`, `other.M`, nil},
		"publicly imported":         {`dependency: "public.proto"`, `other.M`, nil},
		"declared, not known":       {`dependency: "unknown.proto"`, `other.M`, []string{"other.proto"}},
		"declared, of no use":       {`dependency: "google/protobuf/any.proto"`, `other.M`, []string{"other.proto"}},
		"linked":                    {``, `google.rpc.Status`, []string{"google/rpc/status.proto"}},
		"linked and declared":       {`dependency: "google/rpc/status.proto"`, `google.rpc.Status`, nil},
		"linked, not a type":        {``, `google.protobuf.Timestamp.seconds`, nil},
		"linked, not for everybody": {``, `test.stream.v1.StreamService`, nil},
		"too long":                  {``, strings.Repeat("a.", maxName) + "a", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPool()
			for _, text := range []string{other, public, twin} {
				pooled(t, p, parseFile(t, text))
			}
			file := pooled(t, p, parseFile(t, fmt.Sprintf(field, test.declared, test.reference)))
			assert.Equal(t, test.want, undeclared(p, file))
		})
	}
}

func TestMissingImportsOfAllKindsOfReference(t *testing.T) {
	p := newPool()
	file := pooled(t, p, parseFile(t, `name: "a.proto"
		message_type { name: "A" field { type_name: "b.M" } extension { type_name: "c.M" extendee: "d.M" }
			nested_type { name: "B" field { type_name: "e.M" } field { type_name: "e.M" } } }
		extension { type_name: "f.M" extendee: "g.M" }
		service { name: "S" method { input_type: "h.M" output_type: "i.M" } }`))
	var want []string
	for _, name := range strings.Split("bcdefghi", "") {
		pooled(t, p, parseFile(t, fmt.Sprintf(`name: "%[1]s.proto" package: "%[1]s" message_type { name: "M" }`, name)))
		want = append(want, name+".proto")
	}
	assert.Equal(t, want, undeclared(p, file))
}

func TestFilesThatCountAsAbsent(t *testing.T) {
	for name, message := range map[string]*descriptorpb.FileDescriptorProto{
		"a placeholder":  {Name: proto.String("a.proto"), Syntax: proto.String("<unknown:0>")},
		"a long path":    {Name: proto.String(strings.Repeat("a", maxName+1))},
		"a long package": {Name: proto.String("b.proto"), Package: proto.String(strings.Repeat("a", maxName+1))},
		"no name":        {},
	} {
		assert.Nil(t, pooled(t, newPool(), message), name)
	}
	p := newPool()
	file := parseFile(t, `name: "a.proto"`)
	assert.Same(t, pooled(t, p, file), pooled(t, p, file), "once is enough")
	assert.Len(t, p.files, 1)
	assert.False(t, p.ambiguous)
}

// A server may make the search long. It ends.
func TestTheSearchForNamesGivesUp(t *testing.T) {
	p := newPool()
	message := parseFile(t, `name: "a.proto" package: "`+strings.Repeat("a.", maxName/2-1)+`a" message_type { name: "M" }`)
	for range 1000 {
		message.MessageType[0].Field = append(message.MessageType[0].Field, &descriptorpb.FieldDescriptorProto{TypeName: proto.String("Nobody")})
	}
	message.MessageType[0].Field = append(message.MessageType[0].Field, &descriptorpb.FieldDescriptorProto{TypeName: proto.String("google.protobuf.Any")})
	file := pooled(t, p, message)
	assert.Empty(t, undeclared(p, file))
	assert.Greater(t, p.steps, maxSteps)
	assert.Less(t, p.steps, maxSteps+maxName)
	_, err := newLinker(&view{pool: p}, newDescriptors()).link(file)
	var limit *limitError
	require.ErrorAs(t, err, &limit)
}

// What is complete is taken as it is, in whatever order it comes.
func TestCompleteFilesStayAsTheyAre(t *testing.T) {
	given := compileFiles(t, map[string]string{
		"a.proto": `syntax="proto3"; package a; import public "b.proto"; import "google/protobuf/struct.proto";
			message M { reserved 5, 7 to 9; map<string, b.N> by_name = 1; optional int32 o = 2; repeated int32 r = 3 [packed = false]; google.protobuf.Struct s = 4; }
			service S { rpc R(M) returns (stream b.N); }`,
		"b.proto": `syntax="proto2"; package b; import "google/protobuf/descriptor.proto"; message N { optional N n = 1; extensions 100; extend N { optional int32 x = 100; } }
			extend google.protobuf.FieldOptions { optional string rule = 50000; }`,
		"c.proto": `edition = "2023"; import "a.proto"; message C { b.N n = 1; map<int32, C> C = 2; }`,
		"d.proto": `syntax="proto3"; message D { int32 a = 1 [packed = false]; int32 b = 2; }`,
	})
	backwards := slices.Clone(given)
	slices.Reverse(backwards)
	for _, files := range [][]protoreflect.FileDescriptor{given, backwards} {
		p := newPool()
		for _, file := range files {
			pooled(t, p, protodesc.ToFileDescriptorProto(file))
		}
		l := newLinker(&view{pool: p}, newDescriptors())
		for i, file := range files {
			fd, err := l.link(p.files[i])
			require.NoError(t, err)
			assert.Empty(t, cmpProto(protodesc.ToFileDescriptorProto(file), protodesc.ToFileDescriptorProto(fd)))
		}
		assert.False(t, p.ambiguous)
	}
}

// A Node.js server that has read a descriptor set shows all of google.protobuf under the path of one of its files.
func TestMergedWellKnownTypes(t *testing.T) {
	genuine := protodesc.ToFileDescriptorProto(timestamppb.File_google_protobuf_timestamp_proto)
	merged := proto.CloneOf(genuine)
	merged.MessageType = append(merged.MessageType, &descriptorpb.DescriptorProto{Name: proto.String("Duration")})
	extended := proto.CloneOf(genuine) // something new that this program does not know yet
	extended.MessageType = append(extended.MessageType, &descriptorpb.DescriptorProto{Name: proto.String("Novelty")})
	for _, test := range []struct {
		given, want *descriptorpb.FileDescriptorProto
	}{
		{genuine, genuine}, {merged, genuine}, {extended, extended},
	} {
		assert.Empty(t, cmpProto(test.want, pooled(t, newPool(), test.given).message))
	}
}

func cmpProto(want, got proto.Message) string {
	if proto.Equal(want, got) {
		return ""
	}
	return fmt.Sprintf("want %s\ngot %s", prototext.Format(want), prototext.Format(got))
}
