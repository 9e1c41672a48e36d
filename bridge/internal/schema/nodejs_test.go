package schema

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"pgregory.net/rapid"
)

func TestRepair(t *testing.T) {
	entry := func(name, value string) string {
		return `nested_type { name: "` + name + `" field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
			field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "` + value + `" } options { map_entry: true } }`
	}
	repeated := func(name, typeName string) string {
		return `field { name: "` + name + `" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "` + typeName + `" }`
	}
	const unpacked = `field { name: "a" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING options { packed: false } }`
	tests := map[string]struct{ given, want string }{ // inside a message
		"map": {
			repeated("by_long_id", "By_long_id") + entry("By_long_id", "M"),
			repeated("by_long_id", "ByLongIdEntry") + entry("ByLongIdEntry", "M"),
		},
		"map and message of one name": {
			repeated("n", "N") + entry("N", "M.N") + `nested_type { name: "N" }`,
			repeated("n", "NEntry") + entry("NEntry", "M.N") + `nested_type { name: "N" }`,
		},
		"map and repeated field of one type name": {
			repeated("n", "N") + repeated("other", "N") + entry("N", "N"),
			repeated("n", "NEntry") + repeated("other", "N") + entry("NEntry", "N"),
		},
		"message that is called an entry since it has one": {
			repeated("n", "NEntry") + entry("NEntry", "N") + `options { map_entry: true }`,
			repeated("n", "NEntry") + entry("NEntry", "N") + `options { }`,
		},
		"reserved": {
			`reserved_range { start: 5 end: 5 } reserved_range { start: 7 end: 9 }`,
			`reserved_range { start: 7 end: 9 }`,
		},
		"extension range": {
			`extension_range { start: 5 end: 5 } extension_range { start: 7 end: 9 }`,
			`extension_range { start: 5 end: 6 } extension_range { start: 7 end: 9 }`,
		},
		"extension inside": {
			`field { name: "a" number: 1 } field { name: "x" number: 2 extendee: ".M" }`,
			`field { name: "a" number: 1 } extension { name: "x" number: 2 extendee: ".M" }`,
		},
		"field for an extension": {`field { name: "a" number: 1 } field { name: ".pkg.x" number: 2 }`, `field { name: "a" number: 1 }`},
		"nested":                 {`nested_type { reserved_range { start: 5 end: 5 } }`, `nested_type { }`},

		"nothing":                {``, ``},
		"right map":              {repeated("by_id", "ByIdEntry") + entry("ByIdEntry", "M"), ``},
		"entry of nobody":        {entry("N", "M"), ``},
		"entry of another name":  {repeated("m", "N") + entry("N", "M"), ``},
		"no entry":               {repeated("n", "N") + `nested_type { name: "N" }`, ``},
		"range that runs back":   {`reserved_range { start: 5 end: 4 }`, ``},
		"range of the last":      {`extension_range { start: 536870912 end: 536870912 }`, ``},
		"unpacked, but not all":  {unpacked + `field { name: "b" label: LABEL_OPTIONAL }`, ``},
		"unpacked and repeated":  {`field { name: "b" label: LABEL_REPEATED type: TYPE_INT32 options { packed: false } }`, ``},
		"packed":                 {`field { name: "a" label: LABEL_OPTIONAL options { packed: true } }`, ``},
		"field of no name":       {repeated("", ""), ``},
		"proto3 optional, as is": {`field { name: "a" number: 1 label: LABEL_OPTIONAL oneof_index: 0 } oneof_decl { name: "_a" }`, ``},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := func(inside string) *descriptorpb.FileDescriptorProto {
				return parseFile(t, `syntax: "proto3" message_type { name: "M" `+inside+` }`)
			}
			want := test.want
			if want == "" {
				want = test.given
			}
			got := file(test.given)
			assert.Equal(t, test.want != "", repair(got))
			assert.Empty(t, cmpProto(file(want), got))
			assert.False(t, repair(got), "once is enough")
		})
	}
}

// protobuf.js writes packed = false at all fields of a proto2 file, and calls it proto3.
func TestFromReflectionProto2CalledProto3(t *testing.T) {
	const unpacked = ` options { packed: false } }`
	s, err := reflect(t, nodejs(t, `name: "a.proto" package: "a" syntax: "proto3"
		message_type { name: "M"
			field { name: "n" number: 1 label: LABEL_OPTIONAL type: TYPE_INT32 default_value: "7"`+unpacked+`
			field { name: "e" number: 2 label: LABEL_OPTIONAL type: TYPE_ENUM type_name: "E"`+unpacked+`
			field { name: "r" number: 3 label: LABEL_REPEATED type: TYPE_INT32`+unpacked+`
			field { name: "g" number: 4 label: LABEL_OPTIONAL type: TYPE_GROUP type_name: "G"`+unpacked+`
			field { name: "ms" number: 5 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "Ms" }
			field { name: ".a.x" number: 100 label: LABEL_OPTIONAL type: TYPE_INT32`+unpacked+`
			nested_type { name: "Ms" options { map_entry: true }
				field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
				field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "M" } }
			nested_type { name: "G" }
			extension_range { start: 100 end: 100 } }
		enum_type { name: "E" value { name: "ONE" number: 1 } }
		extension { name: "x" number: 100 label: LABEL_OPTIONAL type: TYPE_INT32 extendee: ".a.M"`+unpacked+`
		service { name: "S" method { name: "R" input_type: ".a.M" output_type: ".a.M" server_streaming: true } }`))
	require.NoError(t, err)
	md, err := s.Method("a.S", "R")
	require.NoError(t, err)
	n := md.Output().Fields().ByName("n")
	assert.True(t, n.HasPresence(), "a zero that was set must not be lost")
	assert.EqualValues(t, 7, n.Default().Int())
	assert.Equal(t, protoreflect.GroupKind, md.Output().Fields().ByName("g").Kind())
	_, err = s.Types("").FindExtensionByName("a.x")
	require.NoError(t, err)
}

// Whatever a server sends is taken, mended or refused, and never ends the program.
func TestServersFilesNeverPanic(t *testing.T) {
	var whole []proto.Message
	for _, text := range []string{ticksFile, moneyFile, wellKnownFile} {
		whole = append(whole, parseFile(t, text))
	}
	rapid.Check(t, func(t *rapid.T) {
		var wires [][]byte
		for _, file := range whole {
			file = proto.Clone(file)
			for range rapid.IntRange(0, 4).Draw(t, "mutations") {
				mutate(t, file.ProtoReflect())
			}
			wire, err := proto.MarshalOptions{AllowPartial: true}.Marshal(file)
			if err != nil {
				return
			}
			wires = append(wires, wire)
		}
		linkAll(wires)
	})
}

// linkAll does what a reading does with files.
func linkAll(wires [][]byte) {
	p := newPool()
	for _, wire := range wires {
		_, _ = p.add(wire)
	}
	own := map[*protoFile]bool{}
	for i, file := range p.files {
		own[file] = i%2 == 0
	}
	made := newDescriptors()
	for _, v := range []*view{{pool: p}, {pool: p, own: own}} {
		typesOf(newLinker(v, made).linkable(p.files))
	}
}

func FuzzServersFiles(f *testing.F) {
	for _, text := range []string{ticksFile, moneyFile, wellKnownFile} {
		file := new(descriptorpb.FileDescriptorProto)
		require.NoError(f, prototext.Unmarshal([]byte(text), file))
		f.Add(marshalFile(f, file), marshalFile(f, parseFile(f, moneyFile)))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		budget := budget{limits: defaultLimits()}
		if budget.count(describing(a, b)) == nil {
			linkAll([][]byte{a, b})
		}
	})
}
