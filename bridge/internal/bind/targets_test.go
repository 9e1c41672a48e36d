package bind_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// targetsOf returns targets as text: "path topic", "query filter.venue", "body *".
func targetsOf(t *testing.T, md protoreflect.MessageDescriptor, spec bind.Spec, withBody bool) (out []string) {
	t.Helper()
	binder, problems := bind.Compile(md, spec)
	require.Empty(t, problems)
	for _, target := range binder.Targets(withBody) {
		kind, _, _ := strings.Cut(string(target.From), " ")
		name := target.Name
		if target.From == bind.FromBody {
			name = "*"
			if len(target.Path) > 0 {
				name = string(target.Path[len(target.Path)-1].Name())
			}
		}
		out = append(out, kind+" "+name)
	}
	return out
}

func TestTheTargetsOfARequest(t *testing.T) {
	watch := descriptor[*streamv1.WatchRequest]()
	cursor := bind.Setting{Field: "after_sequence", Value: ref("last_event_id")}
	for name, test := range map[string]struct {
		spec     bind.Spec
		withBody bool
		want     []string
	}{
		"all but what the path and settings bind": {
			spec: bind.Spec{QueryAll: true, Variables: []string{"topic", "filter.venue"}, Set: []bind.Setting{cursor}},
			want: []string{
				"path topic", "path filter.venue", "query tags", "query level", "query levels", "query window", "query since",
				"query page_size", "query filter.open", "query verbose", "query token", "query ratio", "query count",
				"query name", "query number",
			},
		},
		"those of a list":            {spec: bind.Spec{Query: []string{"tags", "filter.open"}}, want: []string{"query tags", "query filter.open"}},
		"none":                       {spec: bind.Spec{}},
		"a body for the whole":       {spec: bind.Spec{QueryAll: true, Body: "*"}, withBody: true, want: []string{"body *"}},
		"a body for a field":         {spec: bind.Spec{Query: []string{"topic"}, Body: "filter"}, withBody: true, want: []string{"query topic", "body filter"}},
		"a body, and GET without it": {spec: bind.Spec{Query: []string{"topic"}, Body: "*"}, want: []string{"query topic", "body *"}},
		"a member of a oneof":        {spec: bind.Spec{Variables: []string{"name"}, Query: []string{"topic"}}, want: []string{"path name", "query topic"}},
	} {
		assert.Equal(t, test.want, targetsOf(t, watch, test.spec, test.withBody), name)
	}
}

func TestTheTargetsOfAMessageThatContainsItselfEnd(t *testing.T) {
	got := targetsOf(t, descriptor[*bindv1.Kinds](), bind.Spec{QueryAll: true}, false)
	assert.Contains(t, got, "query group.text", "the fields of a group")
	assert.Contains(t, got, "query last_event_id", "where the route has no cursor")
	for _, name := range got {
		assert.NotContains(t, name, "nested.")
		assert.NotContains(t, name, "right.")
	}
	got = targetsOf(t, descriptor[*bindv1.Kinds](), bind.Spec{QueryAll: true, Cursor: true}, false)
	assert.NotContains(t, got, "query last_event_id")
	assert.NotContains(t, got, "query lastEventId")

	deep := targetsOf(t, (&descriptorpb.FileDescriptorProto{}).ProtoReflect().Descriptor(), bind.Spec{QueryAll: true}, false)
	assert.NotEmpty(t, deep)
	assert.LessOrEqual(t, len(deep), 500)
}

// TestEachTargetBinds sends each parameter that is listed, and finds its field set.
func TestEachTargetBinds(t *testing.T) {
	bound := 0
	for _, md := range []protoreflect.MessageDescriptor{
		descriptor[*streamv1.WatchRequest](), descriptor[*bindv1.Kinds](), descriptor[*transcodev1.Proto3](),
		descriptor[*transcodev1.Edition](), descriptor[*transcodev1.Known](),
	} {
		binder, problems := bind.Compile(md, bind.Spec{QueryAll: true, RejectUnknown: true, Cursor: true})
		require.Empty(t, problems)
		for _, target := range binder.Targets(false) {
			query := url.QueryEscape(target.Name) + "=" + url.QueryEscape(sampleOf(target.Path[len(target.Path)-1]))
			wire, err := binder.Bind(bind.Input{RawQuery: query})
			require.NoError(t, err, query)
			m := dynamicpb.NewMessage(md)
			require.NoError(t, proto.Unmarshal(wire, m))
			var at protoreflect.Message = m
			for _, fd := range target.Path[:len(target.Path)-1] {
				at = at.Get(fd).Message()
			}
			leaf := target.Path[len(target.Path)-1]
			assert.True(t, at.Has(leaf) || leaf.Enum() != nil && leaf.Enum().FullName() == "google.protobuf.NullValue", query)
			bound++
		}
	}
	assert.Greater(t, bound, 100)
}

// sampleOf returns text for a field, which is not its default.
func sampleOf(fd protoreflect.FieldDescriptor) string {
	if md := fd.Message(); md != nil {
		switch md.FullName() {
		case "google.protobuf.Timestamp":
			return "2026-01-02T15:04:05Z"
		case "google.protobuf.Duration":
			return "1.5s"
		case "google.protobuf.FieldMask":
			return "a"
		}
		fd = md.Fields().ByNumber(1)
	}
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return "true"
	case protoreflect.EnumKind:
		return string(fd.Enum().Values().Get(fd.Enum().Values().Len() - 1).Name())
	case protoreflect.BytesKind:
		return "YQ=="
	}
	return "7"
}
