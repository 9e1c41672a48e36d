package transcode_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// fieldOf returns a field with its tag and a length.
func fieldOf(m proto.Message, name protoreflect.Name, content []byte) []byte {
	number := m.ProtoReflect().Descriptor().Fields().ByName(name).Number()
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

// A merge checks dropped values as a parser does, and no further.
func TestWhatAMergeDrops(t *testing.T) {
	anyOf := func(value ...byte) []byte {
		return partial(&anypb.Any{TypeUrl: "x/test.transcode.v1.Small", Value: value})
	}
	entry := func(value []byte) []byte {
		return append([]byte("\x0a\x01k"), protowire.AppendBytes([]byte{0x12}, value)...)
	}
	known, three, two := &transcodev1.Known{}, &transcodev1.Proto3{}, &transcodev1.Proto2{}
	for name, tt := range map[string]struct {
		message proto.Message
		wire    []byte
		valid   bool
	}{
		"a text of proto3":                 {three, joined(fieldOf(three, "one_string", []byte("\xff")), fieldOf(three, "one_string", []byte("a"))), false},
		"a text of proto2":                 {two, joined(fieldOf(two, "maybe_string", []byte("\xff")), fieldOf(two, "maybe_string", []byte("a"))), true},
		"a text in an entry":               {three, fieldOf(three, "by_int32", []byte("\x08\x01\x12\x01\xff\x12\x01a")), false},
		"an entry with a text":             {three, joined(fieldOf(three, "by_int32", []byte("\x08\x01\x12\x01\xff")), fieldOf(three, "by_int32", []byte("\x08\x01\x12\x01a"))), false},
		"an Any whose value is malformed":  {known, joined(fieldOf(known, "to_any", entry(anyOf(0x08))), fieldOf(known, "to_any", entry(anyOf()))), true},
		"an Any that is kept":              {known, joined(fieldOf(known, "to_any", entry(anyOf())), fieldOf(known, "to_any", entry(anyOf(0x08)))), false},
		"a time that is out of range":      {known, joined(fieldOf(known, "to_timestamp", entry([]byte{0x10, 0xff, 0xff, 0xff, 0xff, 0x0f})), fieldOf(known, "to_timestamp", entry(nil))), true},
		"a time that is malformed":         {known, joined(fieldOf(known, "to_timestamp", entry([]byte{0x80})), fieldOf(known, "to_timestamp", entry(nil))), false},
		"a member of a oneof, too deep":    {&small{}, joined(partial(&small{Pick: &transcodev1.Small_Left{}}), fieldOf(&small{}, "right", nest(20_000, 4)), partial(&small{Pick: &transcodev1.Small_Left{}})), false},
		"a member of a oneof, deep enough": {&small{}, joined(partial(&small{Pick: &transcodev1.Small_Left{}}), fieldOf(&small{}, "right", nest(9_000, 4)), partial(&small{Pick: &transcodev1.Small_Left{}})), true},
	} {
		t.Run(name, func(t *testing.T) {
			tc := newTranscoder(t, tt.message, transcode.Options{})
			_, err := byProtojson(tc.Descriptor(), transcode.Options{}, tt.wire)
			require.Equal(t, tt.valid, err == nil, err)
			_, err = tc.AppendJSON(nil, tt.wire)
			require.Equal(t, tt.valid, err == nil, err)
		})
	}
}

// To find the end of a group, everything inside is read. A merge does this for 100 nested groups, and no more.
func TestGroupsInAMergeAreBounded(t *testing.T) {
	for levels, valid := range map[int]bool{100: true, 101: false, 5000: false} {
		tc := newTranscoder(t, &transcodev1.Edition{}, transcode.Options{})
		_, err := tc.AppendJSON(nil, joined(nestGroups(levels, 9), nestGroups(1, 9)))
		if valid {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, transcode.ErrTooDeep)
		}
	}
}

// The memory for the parts of a message is within the budget too. A merge of very many parts is refused, however small the
// result.
func TestThePiecesOfAMergeAreBounded(t *testing.T) {
	wire := bytes.Repeat(nest(200, 4), 1000)
	for budget, valid := range map[int]bool{1 << 16: false, 16 << 20: true} {
		_, err := newTranscoder(t, &small{}, transcode.Options{MaxBytes: budget}).AppendJSON(nil, wire)
		if valid {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, transcode.ErrTooLarge)
		}
	}
}

func TestNoMoreThanSixteenUnknownTypesOfAMessageAreTold(t *testing.T) {
	var told []string
	known := &transcodev1.Known{}
	for i := range 100 {
		known.ManyAny = append(known.ManyAny, &anypb.Any{TypeUrl: fmt.Sprint("x/no.Such", i%50)})
	}
	tc := newTranscoder(t, known, transcode.Options{TypeUnknown: func(url string) { told = append(told, url) }})
	_, err := tc.AppendJSON(nil, marshal(known))
	require.NoError(t, err)
	assert.Len(t, told, 16)
}

// knowAll is a resolver that knows every type and extension.
type knowAll struct {
	*protoregistry.Types
	asked int
}

func (k *knowAll) FindExtensionByNumber(protoreflect.FullName, protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	k.asked++
	return transcodev1.E_ExtInt32, nil
}

func (k *knowAll) FindMessageByURL(string) (protoreflect.MessageType, error) {
	k.asked++
	return (&transcodev1.Small{}).ProtoReflect().Type(), nil
}

// Types that messages name are remembered within a bound, however many there are.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	const bound = 4096
	known, extensions := &transcodev1.Known{}, []byte{}
	for i := range bound + 100 {
		known.ManyAny = append(known.ManyAny, &anypb.Any{TypeUrl: fmt.Sprint("x/a.Type", i)})
		extensions = append(protowire.AppendTag(extensions, protowire.Number(100_000+i), protowire.VarintType), 1)
	}
	for _, tt := range []struct {
		message proto.Message
		wire    []byte
		unknown int
	}{{known, marshal(known), 16}, {&transcodev1.Proto2{}, extensions, 0}} {
		k, unknown := &knowAll{Types: protoregistry.GlobalTypes}, 0
		tc := newTranscoder(t, tt.message, transcode.Options{Resolver: k, TypeUnknown: func(string) { unknown++ }})
		for range 2 {
			_, err := tc.AppendJSON(nil, tt.wire)
			require.NoError(t, err)
		}
		assert.Equal(t, bound, k.asked)
		assert.Equal(t, 2*tt.unknown, unknown)
	}
}

// A field of another wire type is not the value of a wrapper.
func TestPathToAWrapperOfAnotherWireType(t *testing.T) {
	known := &transcodev1.Known{}
	wire := fieldOf(known, "one_int64_value", protowire.AppendFixed64([]byte{0x09}, 7))
	got, ok, err := compilePath(t, known, "one_int64_value").AppendText(nil, wire)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, "0", string(got))
}
