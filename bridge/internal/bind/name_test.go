package bind_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// odd has fields whose JSON names are no identifiers, hold dots and brackets, or are the names of other fields.
func odd(t require.TestingT) protoreflect.MessageDescriptor {
	const schema = `
		name: "odd.proto" package: "odd" syntax: "proto3"
		message_type {
		  name: "Odd"
		  field { name: "alpha" json_name: "beta" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "beta" json_name: "alpha" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "user_id" json_name: "user-id" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "filter_text" json_name: "$filter" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "search_field" json_name: "search[field]" number: 5 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "dotted" json_name: "a.b" number: 6 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "a" json_name: "a" number: 7 type: TYPE_MESSAGE type_name: ".odd.Odd" label: LABEL_OPTIONAL }
		  field { name: "empty" json_name: "" number: 8 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "unicode" json_name: "naïve ☃" number: 9 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "odd_list" json_name: "list[]" number: 10 type: TYPE_STRING label: LABEL_REPEATED }
		  field { name: "tags" json_name: "tags" number: 11 type: TYPE_STRING label: LABEL_REPEATED }
		  field { name: "deep" json_name: "x.y[z]" number: 12 type: TYPE_MESSAGE type_name: ".odd.Odd" label: LABEL_OPTIONAL }
		}`
	file := &descriptorpb.FileDescriptorProto{}
	require.NoError(t, prototext.Unmarshal([]byte(schema), file))
	built, err := protodesc.NewFile(file, nil)
	require.NoError(t, err)
	return built.Messages().Get(0)
}

func TestQueryAndBodyAndSettingsMeanTheSameFieldByOneName(t *testing.T) {
	md := odd(t)
	for _, name := range []string{
		"alpha", "beta", "user-id", "user_id", "$filter", "filter_text", "search[field]", "search_field", "a.b", "dotted", "", "empty", "naïve ☃", "unicode",
	} {
		byQuery, problems := bind.Compile(md, bind.Spec{QueryAll: true, RejectUnknown: true, Body: "*"})
		require.Empty(t, problems)
		fromQuery, err := byQuery.Bind(bind.Input{RawQuery: url.QueryEscape(name) + "=x"})
		require.NoError(t, err, name)
		text := `{"` + name + `":"x"}`
		fromBody, err := byQuery.Bind(body(text))
		require.NoError(t, err, name)
		want := dynamicpb.NewMessage(md)
		require.NoError(t, protojson.Unmarshal([]byte(text), want))
		wire, err := proto.Marshal(want)
		require.NoError(t, err)
		assert.Equal(t, wire, fromBody, name)
		assert.Equal(t, wire, fromQuery, name)

		for _, spec := range []bind.Spec{
			{Set: []bind.Setting{{Field: name, Value: bind.Value{{Text: "x"}}}}},
			{Variables: []string{name}},
			{Query: []string{name}},
		} {
			binder, problems := bind.Compile(md, spec)
			require.Empty(t, problems, name)
			in := bind.Input{RawQuery: url.QueryEscape(name) + "=x"}
			if len(spec.Variables) > 0 {
				in = bind.Input{Variables: []string{"x"}}
			} else if len(spec.Set) > 0 {
				in = bind.Input{}
			}
			got, err := binder.Bind(in)
			require.NoError(t, err)
			assert.Equal(t, wire, got, "%q %v", name, spec)
		}
	}
}

func TestOddNamesInside(t *testing.T) {
	md := odd(t)
	binder, problems := bind.Compile(md, bind.Spec{QueryAll: true})
	require.Empty(t, problems)
	for query, want := range map[string]string{
		"a.user-id=x":                        `{"a":{"user-id":"x"}}`,
		"a.a.b=x":                            `{"a":{"a.b":"x"}}`,
		"a.a.a.b=x":                          `{"a":{"a":{"a.b":"x"}}}`,
		"x.y[z].x.y[z].search[field]=x":      `{"x.y[z]":{"x.y[z]":{"search[field]":"x"}}}`,
		"list[]=x&list[]=y":                  `{"list[]":["x","y"]}`,
		"list[][]=x&odd_list[]=y&odd_list=z": `{"list[]":["x","y","z"]}`,
		"a.=x":                               `{"a":{"":"x"}}`,
		"a.tags[]=x&a.tags=y":                `{"a":{"tags":["x","y"]}}`,
	} {
		wire, err := binder.Bind(bind.Input{RawQuery: strings.NewReplacer("[", "%5B", "]", "%5d").Replace(query)})
		require.NoError(t, err, query)
		got := dynamicpb.NewMessage(md)
		require.NoError(t, proto.Unmarshal(wire, got))
		requireJSON(t, want, got)
	}
	for query, want := range map[string]string{
		"a.b.x=1":           `dotted is no message and has no fields`,
		"search[field].x=1": `search_field is no message and has no fields`,
		"search[field][]=1": `search_field is no repeated field`,
		"a[tags][]=1":       `a.tags is a repeated field`,
		"a[user-id]=1":      `expected dots between the names of fields, as in a.user_id, found brackets`,
	} {
		_, err := binder.Bind(bind.Input{RawQuery: query})
		require.ErrorContains(t, err, want, query)
	}
}

// A parameter whose name begins with a field that parameters bind was meant for it.
func TestAParameterThatBeginsWithAFieldIsBoundOrRefused(t *testing.T) {
	for _, spec := range []bind.Spec{
		{QueryAll: true},
		{QueryAll: true, RejectUnknown: true},
		{Query: []string{"topic", "tags", "filter.venue", "filter.open", "since", "page_size"}},
	} {
		binder := compile[*streamv1.WatchRequest](t, spec)
		for _, query := range []string{"tags[]=a&tags[]=b", "tags%5B%5D=a&tags%5b%5d=b", "tags=a&tags[]=b", "%74ags[]=a&tags=b"} {
			requireJSON(t, `{"tags":["a","b"]}`, read[*streamv1.WatchRequest](t, binder, bind.Input{RawQuery: query}))
		}
		for query, want := range map[string]string{
			"tags[0]=a":           "tags is a repeated field: expected tags or tags[] once for each element, without a position",
			"tags[][]=a":          "tags is a repeated field",
			"tags[=a":             "tags is a repeated field",
			"tags[a]=a":           "tags is a repeated field",
			"tags[].x=a":          "tags is a repeated field",
			"tags.0=a":            "tags is no message and has no fields",
			"tags%5B0%5D=a":       "tags is a repeated field",
			"topic[]=a":           "topic is no repeated field: expected dots between the names of fields, found brackets",
			"topic[x]=a":          "topic is no repeated field",
			"topic.x=a":           "topic is no message and has no fields",
			"topic.=a":            "topic is no message and has no fields",
			"filter[venue]=XNAS":  "expected dots between the names of fields, as in filter.venue, found brackets",
			"filter%5bvenue%5d=X": "expected dots between the names of fields, as in filter.venue, found brackets",
			"filter[venue][x]=X":  "filter.venue is no repeated field",
			"filter.venue[]=X":    "filter.venue is no repeated field",
			"filter.venue.x=X":    "filter.venue is no message and has no fields",
			"since[seconds]=1":    "since is given whole, as an RFC 3339 time",
			"pageSize[value]=1":   "page_size is given whole, as a 32-bit integer",
		} {
			_, err := binder.Bind(bind.Input{RawQuery: query})
			require.ErrorContains(t, err, want, query)
			var bad *bind.Error
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, bind.FromQuery, bad.Source)
		}
	}
	all := compile[*streamv1.WatchRequest](t, everything())
	for query, want := range map[string]string{
		"labels[key]=v":      "labels is a map, and a map can't be given here",
		"labels[a.b]=v":      "labels is a map, and a map can't be given here",
		"labels[]=v":         "labels is a map, and a map can't be given here",
		"filters[]=v":        "filters is a list of messages",
		"filters[0].venue=v": "filters is a repeated field",
		"filter[]=v":         "filter is no repeated field",
		"filter.unknown=x":   `test.stream.v1.Filter has no field "unknown"`,
		"filter[unknown]=x":  `test.stream.v1.Filter has no field "unknown"`,
		"filter[=x":          `test.stream.v1.Filter has no field ""`,
		"filter.=x":          `test.stream.v1.Filter has no field ""`,
		"filter.inner.no=x":  `test.stream.v1.Filter has no field "no"`,
	} {
		_, err := all.Bind(bind.Input{RawQuery: query})
		require.ErrorContains(t, err, want, query)
	}
	few := compile[*streamv1.WatchRequest](t, bind.Spec{Query: []string{"topic", "filter.venue"}})
	requireJSON(t, `{}`, read[*streamv1.WatchRequest](t, few, bind.Input{RawQuery: "tags[]=a&filter.open=1&filter[open]=1&filter.no=1&labels[a]=b&count.x=1"}))
}

func TestAParameterThatASettingReadsMayLookLikeAField(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, RejectUnknown: true, Set: []bind.Setting{{Field: "topic", Value: ref("query.tags[0]")}}})
	requireJSON(t, `{"topic":"x"}`, read[*streamv1.WatchRequest](t, binder, bind.Input{RawQuery: "tags[0]=x"}))
}

func TestWarnings(t *testing.T) {
	const shared = `
		name: "shared.proto" package: "shared" syntax: "proto2"
		message_type {
		  name: "M"
		  field { name: "one" json_name: "x" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "inner" number: 2 type: TYPE_MESSAGE type_name: ".shared.M" label: LABEL_REPEATED }
		  field { name: "two" json_name: "x" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL }
		  field { name: "last_event_id" json_name: "id" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL }
		}`
	file := &descriptorpb.FileDescriptorProto{}
	require.NoError(t, prototext.Unmarshal([]byte(shared), file))
	built, err := protodesc.NewFile(file, nil)
	require.NoError(t, err)
	m := built.Messages().Get(0)
	const twice = `rpc: the fields one and two of shared.M have one JSON name, "x": a request that has it gives the first (name the second one as the .proto file does)`
	const unset = "request: the parameter of the name last_event_id is the cursor, and the request field of that name stays unset"
	hasIt := func(taker string) string {
		return " (`" + taker + "` has the cursor already; any other value of the field can stand in `request.set`)"
	}
	const bindIt = " (bind it with `request.set`: `last_event_id: ${last_event_id}`)"
	for _, tc := range []struct {
		md   protoreflect.MessageDescriptor
		spec bind.Spec
		want []string
	}{
		{odd(t), everything(), []string{
			`rpc: in odd.Odd, "alpha" means the field beta, whose JSON name it is, and not the field alpha (name the field by its JSON name)`,
			`rpc: in odd.Odd, "beta" means the field alpha, whose JSON name it is, and not the field beta (name the field by its JSON name)`,
		}},
		{m, everything(), []string{twice, "request: an id that a browser's library sends as the parameter last_event_id or lastEventId becomes the value of the request field last_event_id" + bindIt}},
		{m, bind.Spec{Cursor: true}, []string{twice, unset + bindIt}},
		{m, bind.Spec{Set: []bind.Setting{{Field: "one", Value: ref("last_event_id")}}}, []string{twice, unset + hasIt("request.set.one")}},
		{m, bind.Spec{Cursor: true, Set: []bind.Setting{{Field: "inner", List: []bind.Setting{{Members: []bind.Setting{
			{Field: "one", Value: ref("last_event_id")},
		}}}}}}, []string{twice, unset + hasIt("request.set.inner")}},
		{m, bind.Spec{QueryAll: true, Metadata: []bind.MetadataSetting{{Name: "x-after", Value: ref("last_event_id")}}}, []string{
			twice, unset + hasIt("metadata.set.x-after"),
		}},
		{m, bind.Spec{}, []string{twice}},
		{m, bind.Spec{QueryAll: true, Set: []bind.Setting{{Field: "id", Value: ref("last_event_id")}}}, []string{twice}},
		{m, bind.Spec{QueryAll: true, Variables: []string{"last_event_id"}}, []string{twice}},
		{descriptor[*streamv1.WatchRequest](), everything(), nil},
	} {
		binder, problems := bind.Compile(tc.md, tc.spec)
		require.Empty(t, problems)
		var got []string
		for _, w := range binder.Warnings() {
			got = append(got, w.String())
		}
		assert.Equal(t, tc.want, got)
	}
}
