package bind_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// compile returns a binder for messages of M's type.
func compile[M proto.Message](t require.TestingT, spec bind.Spec) *bind.Binder {
	binder, problems := bind.Compile(descriptor[M](), spec)
	require.Empty(t, problems)
	return binder
}

func descriptor[M proto.Message]() protoreflect.MessageDescriptor {
	var m M
	return m.ProtoReflect().Descriptor()
}

// read returns the request message that binder makes of in.
func read[M proto.Message](t require.TestingT, binder *bind.Binder, in bind.Input) M {
	wire, err := binder.Bind(in)
	require.NoError(t, err, in)
	var zero M
	m := zero.ProtoReflect().New().Interface()
	require.NoError(t, proto.Unmarshal(wire, m))
	return m.(M)
}

// requireJSON holds m against its ProtoJSON form.
func requireJSON(t require.TestingT, want string, m proto.Message) {
	got, err := protojson.Marshal(m)
	require.NoError(t, err)
	require.JSONEq(t, want, string(got))
}

func everything() bind.Spec { return bind.Spec{QueryAll: true} }

func TestQueryBindsEachKind(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, everything())
	for query, want := range map[string]string{
		"":                                      `{}`,
		"&&":                                    `{}`,
		"int32=-2147483648":                     `{"int32":-2147483648}`,
		"sint32=-1":                             `{"sint32":-1}`,
		"sfixed32=2147483647":                   `{"sfixed32":2147483647}`,
		"uint32=4294967295":                     `{"uint32":4294967295}`,
		"fixed32=0":                             `{"fixed32":0}`,
		"int64=-9223372036854775808":            `{"int64":"-9223372036854775808"}`,
		"sint64=9223372036854775807":            `{"sint64":"9223372036854775807"}`,
		"sfixed64=1":                            `{"sfixed64":"1"}`,
		"uint64=18446744073709551615":           `{"uint64":"18446744073709551615"}`,
		"fixed64=1":                             `{"fixed64":"1"}`,
		"float=1.5":                             `{"float":1.5}`,
		"float=-Infinity":                       `{"float":"-Infinity"}`,
		"double=-1e-300":                        `{"double":-1e-300}`,
		"double=NaN":                            `{"double":"NaN"}`,
		"double=Infinity":                       `{"double":"Infinity"}`,
		"bool=true":                             `{"bool":true}`,
		"bool=false":                            `{"bool":false}`,
		"string=":                               `{"string":""}`,
		"string":                                `{"string":""}`,
		"string=a%20b+c%26%3D%C3%A9;x=y":        `{"string":"a b c&=é;x=y"}`,
		"bytes=":                                `{"bytes":""}`,
		"bytes=%2B%2F8%3D":                      `{"bytes":"+/8="}`,
		"bytes=-_8=":                            `{"bytes":"+/8="}`,
		"bytes=-_8":                             `{"bytes":"+/8="}`,
		"bytes=%2B%2F8":                         `{"bytes":"+/8="}`,
		"mode=MODE_FAST":                        `{"mode":"MODE_FAST"}`,
		"mode=-1":                               `{"mode":"MODE_NEGATIVE"}`,
		"timestamp=2026-01-02T15:04:05.25Z":     `{"timestamp":"2026-01-02T15:04:05.250Z"}`,
		"timestamp=2026-01-02T15:04:05%2B02:00": `{"timestamp":"2026-01-02T13:04:05Z"}`,
		"duration=-1.5s":                        `{"duration":"-1.500s"}`,
		"mask=venue,pageSize.x":                 `{"mask":"venue,pageSize.x"}`,
		"bool_value=false":                      `{"boolValue":false}`,
		"bytes_value=-_8":                       `{"bytesValue":"+/8="}`,
		"double_value=NaN":                      `{"doubleValue":"NaN"}`,
		"float_value=1":                         `{"floatValue":1}`,
		"int32_value=0":                         `{"int32Value":0}`,
		"int64Value=-1":                         `{"int64Value":"-1"}`,
		"string_value=null":                     `{"stringValue":"null"}`,
		"uint32_value=1":                        `{"uint32Value":1}`,
		"uint64_value=18446744073709551615":     `{"uint64Value":"18446744073709551615"}`,
		"int32s=3&int32s=1&int32s=3":            `{"int32s":[3,1,3]}`,
		"int64_values=1&int64Values=0":          `{"int64Values":["1","0"]}`,
		"timestamps=1970-01-01T00:00:00Z":       `{"timestamps":["1970-01-01T00:00:00Z"]}`,
		"nested.nested.int32=1&nested.string=x": `{"nested":{"string":"x","nested":{"int32":1}}}`,
		"nested.int32s=1&nested.int32s=2":       `{"nested":{"int32s":[1,2]}}`,
		"group.text=x":                          `{"group":{"text":"x"}}`,
		"left=":                                 `{"left":""}`,
		"right.int32=1&right.bool=true":         `{"right":{"int32":1,"bool":true}}`,
	} {
		requireJSON(t, want, read[*bindv1.Kinds](t, binder, bind.Input{RawQuery: query}))
	}
}

func TestQueryRefusesWhatDoesNotFit(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, everything())
	for _, tc := range []struct{ expected, values string }{ // values: NAME=VALUE with spaces between them
		{"a 32-bit integer", "int32= int32=2147483648 int32=1.0 int32=0x1 int32=1_0 int32=ten sint32=x sfixed32=+ int32_value=x int32s=x"},
		{"an unsigned 32-bit integer", "uint32=-1 uint32=4294967296 fixed32=- uint32_value=-1"},
		{"a 64-bit integer", "int64=9223372036854775808 sint64=x sfixed64=1e3 int64_value= int64_values=a"},
		{"an unsigned 64-bit integer", "uint64=-1 fixed64=18446744073709551616 uint64_value=-1"},
		{"a 32-bit floating-point number", "float=1e39 float=nan float_value=0x1p1"},
		{"a floating-point number", "double=1e309 double=inf double=+Infinity double=0x1p-2 double=1_0 double= double=, double_value=x"},
		{"true or false", "bool= bool=1 bool=TRUE bool=yes bool_value=0"},
		{"UTF-8 text", "string=%FF string=%C0%AF string_value=%ED%A0%80"},
		{"base64", "bytes=a bytes=abc== bytes=%2B_ bytes=YQ%0A bytes=YQ=%3D%0A bytes=a%20b bytes_value=*"},
		{"one of MODE_UNSPECIFIED, MODE_FAST, MODE_NEGATIVE", "mode= mode=2 mode=mode_fast mode=FAST"},
		{"a name or number of the enum test.bind.v1.Many", "many=MANY_9 many=9"},
		{"an RFC 3339 time such as 2026-01-02T15:04:05Z", "timestamp= timestamp=now timestamp=2026-01-02 timestamp=%22 timestamp=%FF timestamps=1"},
		{"seconds such as 1.5s", "duration= duration=1m duration=1 duration=999999999999s"},
		{"field paths in lowerCamelCase with commas between them", "mask=a_b mask=,"},
	} {
		for value := range strings.SplitSeq(tc.values, " ") {
			_, err := binder.Bind(bind.Input{RawQuery: value})
			var bad *bind.Error
			require.ErrorAs(t, err, &bad, value)
			assert.Equal(t, tc.expected, bad.Expected, value)
			assert.Equal(t, bind.FromQuery, bad.Source)
			assert.Equal(t, strings.SplitN(value, "=", 2)[0], bad.Parameter)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	stream := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, RejectUnknown: true, Variables: []string{"after_sequence"}})
	in := func(variable, query string) bind.Input {
		return bind.Input{Variables: []string{variable}, RawQuery: query}
	}
	long := strings.Repeat("é", 65)
	for want, in := range map[string]bind.Input{
		`query parameter "count": expected an unsigned 32-bit integer, found "ten"`:                                               in("1", "count=ten"),
		`query parameter "filter.open": expected true or false, found "a\n\x1b[0m"`:                                               in("1", "filter.open=a%0A%1B%5B0m"),
		`path variable "after_sequence": expected a 64-bit integer, found "x"`:                                                    in("x", ""),
		`query parameter "count": expected an unsigned 32-bit integer, found "` + long[:128] + `…"`:                               in("1", "count="+long),
		`query parameter "` + long[:128] + `…": test.stream.v1.WatchRequest has no field "` + long[:128] + `…"`:                   in("1", long+"=1"),
		`query parameter "nope": test.stream.v1.WatchRequest has no field "nope"`:                                                 in("1", "nope=1"),
		`query parameter "filter.nope": test.stream.v1.Filter has no field "nope"`:                                                in("1", "filter.nope=1"),
		`query parameter "topic.x": topic is no message and has no fields`:                                                        in("1", "topic.x=1"),
		`query parameter "labels": labels is a map, and a map can't be given here`:                                                in("1", "labels=1"),
		`query parameter "labels.a": labels is a map, and a map can't be given here`:                                              in("1", "labels.a=1"),
		`query parameter "labels[a]": labels is a map, and a map can't be given here`:                                             in("1", "labels%5Ba%5D=1"),
		`query parameter "filter": filter is a message (test.stream.v1.Filter): expected one of its fields, such as filter.venue`: in("1", "filter=1"),
		`query parameter "filters": filters is a list of messages (test.stream.v1.Filter), which can't be given here`:             in("1", "filters=1"),
		`query parameter "filters.venue": filters is a list of messages, whose fields can't be given one by one`:                  in("1", "filters.venue=1"),
		`query parameter "since.seconds": since is given whole, as an RFC 3339 time such as 2026-01-02T15:04:05Z`:                 in("1", "since.seconds=1"),
		`query parameter "page_size.value": page_size is given whole, as a 32-bit integer`:                                        in("1", "page_size.value=1"),
		`query parameter "topic": expected one value, found several: topic is no repeated field`:                                  in("1", "topic=a&topic=a"),
		`query parameter "pageSize": expected one value, found several: page_size is no repeated field`:                           in("1", "page_size=1&pageSize=1"),
		`query parameter "number": name is set already, and of the oneof selector only one member can be`:                         in("1", "name=&number=1"),
		`query parameter "after_sequence": the variable {after_sequence} binds it already`:                                        in("1", "after_sequence=1"),
		`query parameter "afterSequence": the variable {after_sequence} binds it already`:                                         in("1", "afterSequence=1"),
		`query parameter "after_sequence.x": the variable {after_sequence} binds it already`:                                      in("1", "after_sequence.x=1"),
		`query parameter "%zz": expected two hexadecimal digits after each % of the name`:                                         in("1", "%zz=1"),
		`query parameter "topic": expected two hexadecimal digits after each %, found "%4"`:                                       in("1", "topic=%4"),
	} {
		_, err := stream.Bind(in)
		require.EqualError(t, err, want)
	}
}

func TestOpaqueTypesAreRefused(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, everything())
	for query, want := range map[string]string{
		"any=x":         "any is a google.protobuf.Any, which can't be given here",
		"any.type_url":  "any is a google.protobuf.Any, which can't be given here",
		"struct=%7B%7D": "struct is a google.protobuf.Struct, which can't be given here",
		"value=1":       "value is a google.protobuf.Value, which can't be given here",
		"list=1":        "list is a google.protobuf.ListValue, which can't be given here",
		"empty=":        "empty is a message without fields (google.protobuf.Empty), which can't be given here",
	} {
		_, err := binder.Bind(bind.Input{RawQuery: query})
		require.ErrorContains(t, err, want)
	}
}

func TestOneofsInside(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, everything())
	for _, query := range []string{"left=a&right.int32=1", "right.int32=1&left=a", "nested.right.bool=true&nested.left="} {
		_, err := binder.Bind(bind.Input{RawQuery: query})
		require.ErrorContains(t, err, "of the oneof choice only one member can be", query)
	}
	requireJSON(t, `{"left":"a","nested":{"right":{"left":"b"}}}`,
		read[*bindv1.Kinds](t, binder, bind.Input{RawQuery: "left=a&nested.right.left=b"}))
}

func TestUnknownParametersAreIgnored(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, everything())
	got := read[*streamv1.WatchRequest](t, binder, bind.Input{RawQuery: "topic=a&utm_source=x&utm[a]=1&.=1&=1&[]=1&[topic]=1&.topic=1&a%00=1"})
	requireJSON(t, `{"topic":"a"}`, got)
	_, err := binder.Bind(bind.Input{RawQuery: "labels.a=1"})
	require.ErrorContains(t, err, "is a map", "a field that exists and can't be given is no unknown one")
}

func TestQueryList(t *testing.T) {
	spec := bind.Spec{Query: []string{"topic", "filter.venue", "pageSize"}}
	binder := compile[*streamv1.WatchRequest](t, spec)
	query := bind.Input{RawQuery: "topic=a&filter.venue=b&page_size=1&count=x&labels.a=1&filter.open=true&nope=1&filter=1"}
	requireJSON(t, `{"topic":"a","filter":{"venue":"b"},"pageSize":1}`, read[*streamv1.WatchRequest](t, binder, query))

	spec.RejectUnknown = true
	binder = compile[*streamv1.WatchRequest](t, spec)
	for query, want := range map[string]string{
		"count=1":  `query parameter "count": this parameter is not taken here`,
		"nope=1":   `query parameter "nope": test.stream.v1.WatchRequest has no field "nope"`,
		"labels=1": `query parameter "labels": labels is a map, and a map can't be given here`,
	} {
		_, err := binder.Bind(bind.Input{RawQuery: query})
		require.EqualError(t, err, want)
	}

	none := compile[*streamv1.WatchRequest](t, bind.Spec{})
	requireJSON(t, `{}`, read[*streamv1.WatchRequest](t, none, bind.Input{RawQuery: "topic=a"}))
}

func TestPathVariables(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{Variables: []string{"topic", "filter.venue", "since", "level", "name"}, QueryAll: true})
	variables := []string{"a/b", "x", "1970-01-01T00:00:01Z", "2", ""}
	requireJSON(t, `{"topic":"a/b","filter":{"venue":"x","open":true},"since":"1970-01-01T00:00:01Z","level":"LEVEL_HIGH","name":""}`,
		read[*streamv1.WatchRequest](t, binder, bind.Input{Variables: variables, RawQuery: "filter.open=true"}))

	for query, want := range map[string]string{
		"filter.venue=y": "the variable {filter.venue} binds it already",
		"filter=y":       "the variable {filter.venue} binds filter.venue already",
		"number=1":       "the variable {name} binds name already, and of the oneof selector only one member can be set",
		"since.nanos=1":  "the variable {since} binds it already",
	} {
		_, err := binder.Bind(bind.Input{Variables: variables, RawQuery: query})
		require.ErrorContains(t, err, want, query)
	}
	_, err := binder.Bind(bind.Input{})
	require.EqualError(t, err, "expected 5 path variables, found 0")
}

func TestRequiredFields(t *testing.T) {
	binder := compile[*bindv1.Strict](t, everything())
	_, err := binder.Bind(bind.Input{RawQuery: "may=x"})
	require.EqualError(t, err, "request: required field test.bind.v1.Strict.must not set")
	requireJSON(t, `{"must":""}`, read[*bindv1.Strict](t, binder, bind.Input{RawQuery: "must="}))
}

func TestTheCursorParameterBindsToNoFieldOfARouteWithACursor(t *testing.T) {
	for _, reject := range []bool{false, true} {
		for _, spec := range []bind.Spec{
			{Cursor: true}, {Set: []bind.Setting{{Field: "int64", Value: ref("last_event_id")}}},
			{Metadata: []bind.MetadataSetting{{Name: "x-after", Value: ref("last_event_id")}}},
		} {
			spec.QueryAll, spec.RejectUnknown = true, reject
			binder := compile[*bindv1.Kinds](t, spec)
			got := read[*bindv1.Kinds](t, binder, bind.Input{RawQuery: "last_event_id=1&last_event_id=2&lastEventId=3&lastEventId=%zz"})
			requireJSON(t, `{}`, got)
		}
	}
}

func TestTheCursorParameterBindsAsAnyOtherOnARouteWithoutCursor(t *testing.T) {
	for _, name := range []string{"last_event_id", "lastEventId"} {
		for _, reject := range []bool{false, true} {
			all := bind.Spec{QueryAll: true, RejectUnknown: reject}
			binder := compile[*bindv1.Kinds](t, all)
			assert.False(t, binder.UsesCursor())
			requireJSON(t, `{"lastEventId":"x"}`, read[*bindv1.Kinds](t, binder, bind.Input{RawQuery: name + "=x", LastEventID: "x", HasLastEventID: true}))
			_, err := binder.Bind(bind.Input{RawQuery: name + "=%zz"})
			require.EqualError(t, err, `query parameter "`+name+`": expected two hexadecimal digits after each %, found "%zz"`)

			// A library sends it by itself: it is no mistake where there is no such field, or where the route gives that.
			none := compile[*streamv1.WatchRequest](t, all)
			for _, query := range []string{name + "=x", name + "=%zz", name + "=1&" + name + "=2"} {
				requireJSON(t, `{}`, read[*streamv1.WatchRequest](t, none, bind.Input{RawQuery: query}))
			}
			requireJSON(t, `{}`, read[*bindv1.Kinds](t, compile[*bindv1.Kinds](t, bind.Spec{RejectUnknown: reject}), bind.Input{RawQuery: name + "=x"}))
			all.Set = []bind.Setting{{Field: "last_event_id", Value: text("mine")}}
			requireJSON(t, `{"lastEventId":"mine"}`, read[*bindv1.Kinds](t, compile[*bindv1.Kinds](t, all), bind.Input{RawQuery: name + "=x"}))
		}
	}
}

func TestTheSameRequestGivesTheSameBytes(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, everything())
	one, err := binder.Bind(bind.Input{RawQuery: "string=a&int32=1&nested.bool=true&left=x&int32s=1&timestamp=1970-01-01T00:00:01Z"})
	require.NoError(t, err)
	for range 20 {
		other, err := binder.Bind(bind.Input{RawQuery: "left=x&timestamp=1970-01-01T00:00:01.0Z&nested.bool=true&int32s=1&int32=01&string=%61"})
		require.NoError(t, err)
		require.Equal(t, one, other)
	}
}
