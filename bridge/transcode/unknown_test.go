package transcode_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// A value whose type is in no schema is sent with its type and its bytes, wherever it is and for any type URL.
func TestAnAnyOfAnUnknownTypeKeepsItsBytes(t *testing.T) {
	unknown := &anypb.Any{TypeUrl: "x.org/no.Such", Value: []byte("\x08\x01\xff")}
	const text = `{"@type":"x.org/no.Such","value":"CAH/"}`
	nested, err := anypb.New(unknown)
	require.NoError(t, err)
	anyOf := func(url, value string) *anypb.Any { return &anypb.Any{TypeUrl: url, Value: []byte(value)} }
	long := "x.org/" + strings.Repeat("a", 5000)
	known := &transcodev1.Known{OneAny: unknown}
	for name, tt := range map[string]struct {
		message proto.Message
		wire    []byte
		want    string
		told    []string
	}{
		"the message itself": {unknown, marshal(unknown), text, []string{unknown.GetTypeUrl()}},
		"in an Any":          {nested, marshal(nested), `{"@type":"type.googleapis.com/google.protobuf.Any","value":` + text + `}`, []string{unknown.GetTypeUrl()}},
		"a field":            {known, marshal(known), `{"oneAny":` + text + `}`, []string{unknown.GetTypeUrl()}},
		"a list":             {known, marshal(&transcodev1.Known{ManyAny: []*anypb.Any{unknown, unknown}}), `{"manyAny":[` + text + "," + text + `]}`, []string{unknown.GetTypeUrl()}},
		"merged": {known, append(marshal(known), marshal(&transcodev1.Known{OneAny: &anypb.Any{Value: []byte("\x08")}})...),
			`{"oneAny":{"@type":"x.org/no.Such","value":"CA=="}}`, []string{unknown.GetTypeUrl()}},
		"no value":      {unknown, marshal(anyOf("x.org/no.Such", "")), `{"@type":"x.org/no.Such","value":""}`, []string{"x.org/no.Such"}},
		"no URL":        {unknown, marshal(anyOf("", "a")), `{"@type":"","value":"YQ=="}`, []string{""}},
		"no slash":      {unknown, marshal(anyOf("no.Such", "a")), `{"@type":"no.Such","value":"YQ=="}`, []string{"no.Such"}},
		"a slash alone": {unknown, marshal(anyOf("/", "a")), `{"@type":"/","value":"YQ=="}`, []string{"/"}},
		"a long URL":    {unknown, marshal(anyOf(long, "a")), `{"@type":"` + long + `","value":"YQ=="}`, []string{long[:1024]}},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			tc := newTranscoder(t, tt.message, transcode.Options{TypeUnknown: func(url string) { told = append(told, url) }})
			got, err := tc.AppendJSON(nil, tt.wire)
			require.NoError(t, err)
			assert.JSONEq(t, tt.want, string(got))
			assert.Equal(t, tt.told, told)
		})
	}
}

// learner is a resolver that knows a type only after it was told.
type learner struct {
	*protoregistry.Types
	knows bool
	asked int
}

func (l *learner) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	if l.asked++; !l.knows {
		return nil, errors.New("not now")
	}
	return l.Types.FindMessageByURL(url)
}

func (l *learner) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	if l.asked++; !l.knows {
		return nil, protoregistry.NotFound
	}
	return l.Types.FindExtensionByNumber(message, number)
}

// The resolver is asked again for a type that it did not know, and not for a type that it knew.
func TestATypeThatIsKnownLater(t *testing.T) {
	inside := &transcodev1.Proto2{}
	proto.SetExtension(inside, transcodev1.E_ExtInt32, int32(7))
	message, err := anypb.New(inside)
	require.NoError(t, err)
	l := &learner{Types: protoregistry.GlobalTypes}
	tc := newTranscoder(t, message, transcode.Options{Resolver: l})
	for range 2 {
		got, err := tc.AppendJSON(nil, marshal(message))
		require.NoError(t, err)
		assert.JSONEq(t, `{"@type":"`+message.GetTypeUrl()+`","value":"`+base64.StdEncoding.EncodeToString(message.GetValue())+`"}`, string(got))
	}
	require.Equal(t, 2, l.asked)
	l.knows = true
	for range 3 {
		got, err := tc.AppendJSON(nil, marshal(message))
		require.NoError(t, err)
		assert.JSONEq(t, `{"@type":"`+message.GetTypeUrl()+`","[test.transcode.v1.ext_int32]":7}`, string(got))
	}
	require.Equal(t, 4, l.asked, "once for the type, once for the extension")
}

// A message with a value of a known type that does not parse does not parse.
func TestAnAnyWhoseValueIsMalformed(t *testing.T) {
	message := &anypb.Any{TypeUrl: "x/test.transcode.v1.Small", Value: []byte{0x08}}
	_, err := newTranscoder(t, message, transcode.Options{}).AppendJSON(nil, marshal(message))
	require.ErrorIs(t, err, transcode.ErrMalformed)
}
