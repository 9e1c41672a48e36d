package bind_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func body(text string) bind.Input { return bind.Input{Body: []byte(text), HasBody: true} }

func TestBodyGivesTheWholeMessage(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, bind.Spec{Body: "*"})
	for _, text := range []string{
		`{}`,
		` {"int32":-1,"sint64":"9223372036854775807","uint64":18446744073709551615,"fixed32":1.0,"double":1e3,"float":"NaN"} `,
		`{"bool":true,"string":"a\u00e9\n","bytes":"_-8","mode":"MODE_FAST","many":7}`,
		`{"timestamp":"2026-01-02T15:04:05.250Z","duration":"-1.5s","mask":"venue,pageSize.x"}`,
		`{"boolValue":false,"int64Value":"0","stringValue":"","bytes_value":"YQ=="}`,
		`{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"},"struct":{"a":[1,null,{"b":"c"}]},"value":null,"list":[1,"x"]}`,
		`{"empty":{},"int32s":[3,1,3],"timestamps":["1970-01-01T00:00:00Z"],"int64Values":["1",0]}`,
		`{"nested":{"nested":{"string":"x"},"int32s":[]},"Group":{"text":"x"},"right":{"bool":true}}`,
		`{"group":{"text":"x"},"left":""}`,
		`{"string":null,"int32s":null,"nested":null,"left":null,"right":{"left":null},"timestamp":null}`,
		`{"lastEventId":"a field like any other"}`,
	} {
		want := &bindv1.Kinds{}
		require.NoError(t, protojson.Unmarshal([]byte(text), want), text)
		got := read[*bindv1.Kinds](t, binder, body(text))
		assert.True(t, proto.Equal(want, got), "%s\nwant %v\ngot  %v", text, want, got)
	}
	for _, empty := range []string{"", " \r\n\t"} {
		requireJSON(t, `{}`, read[*bindv1.Kinds](t, binder, body(empty)))
	}
}

func TestBodyOfMapsAndListsOfMessages(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*"})
	const text = `{"labels":{"a":"1","":"2"},"filters":[{"venue":"x"},{},{"inner":{"open":true}}],"levels":["LEVEL_LOW",2,7],"tags":["",""]}`
	want := &streamv1.WatchRequest{}
	require.NoError(t, protojson.Unmarshal([]byte(text), want))
	got := read[*streamv1.WatchRequest](t, binder, body(text))
	assert.True(t, proto.Equal(want, got), got)
}

func TestBodyRefusesWhatDoesNotFit(t *testing.T) {
	kinds := compile[*bindv1.Kinds](t, bind.Spec{Body: "*"})
	for text, want := range map[string]string{
		`[]`:                   `body: expected a JSON object, found […`,
		`"x"`:                  `body: expected a JSON object, found "x"`,
		`1e999`:                `body: expected a JSON object, found 1e999`,
		`null`:                 `body: expected a JSON object, found null`,
		`{"int32":"ten"}`:      `body field "int32": expected a 32-bit integer, found "ten"`,
		`{"int32":2147483648}`: `body field "int32": expected a 32-bit integer, found 2147483648`,
		`{"int32":{"a":1}}`:    `body field "int32": expected a 32-bit integer, found {"a":1}`,
		`{"bool":"true"}`:      `body field "bool": expected true or false, found "true"`,
		`{"string":5}`:         `body field "string": expected UTF-8 text, found 5`,
		`{"string":"\ud800"}`:  `body field "string": expected UTF-8 text, found "\ud800"`,
		`{"bytes":"*"}`:        `body field "bytes": expected base64, found "*"`,
		`{"mode":"FAST"}`:      `body field "mode": expected one of MODE_UNSPECIFIED, MODE_FAST, MODE_NEGATIVE, found "FAST"`,
		`{"mode":9}`:           `body field "mode": expected one of MODE_UNSPECIFIED, MODE_FAST, MODE_NEGATIVE, found 9`,
		`{"mode":true}`:        `body field "mode": expected one of MODE_UNSPECIFIED, MODE_FAST, MODE_NEGATIVE, found true`,
		`{"timestamp":"now"}`:  `body field "timestamp": expected an RFC 3339 time such as 2026-01-02T15:04:05Z, found "now"`,
		`{"int32_value":"x"}`:  `body field "int32_value": expected a 32-bit integer, found "x"`,
		`{"int32s":1}`:         `body field "int32s": expected a list whose elements are each a 32-bit integer, found 1`,
		`{"int32s":[1,"x"]}`:   `body field "int32s": expected a list whose elements are each a 32-bit integer, found [1,"x"]`,
		`{"int32s":[null]}`:    `body field "int32s": expected a list whose elements are each a 32-bit integer, found [null]`,
		`{"nested":[]}`:        `body field "nested": expected a JSON object (test.bind.v1.Kinds), found […`,
		`{"nested":{"nested":{"a":1,"int64":"x"}}}`: `body field "nested.nested.int64": expected a 64-bit integer, found "x"`,
		`{"left":"a","right":{}}`:                   `body field "right": left is set already, and of the oneof choice only one member can be`,
		`{"right":{},"left":""}`:                    `body field "left": right is set already, and of the oneof choice only one member can be`,
		`{"string":"a","string":"a"}`:               `body field "string": expected one value, found several`,
		`{"boolValue":true,"bool_value":null}`:      `body field "bool_value": expected one value, found several`,
		`{"struct":{"a":1,"a":2}}`:                  `body field "struct": expected a JSON object (google.protobuf.Struct): duplicate map key "a"`,
		`{"any":{"@type":"x/no.Such"}}`:             `body field "any": expected a JSON object (google.protobuf.Any): unable to resolve "x/no.Such": "not found"`,
		`{"list":{}}`:                               `body field "list": expected a JSON list: unexpected token {`,
		`{`:                                         `body: expected JSON, and it is none from line 1, column 1: unexpected end of JSON input`,
		"{\n \"é\": x}":                             `body: expected JSON, and it is none from line 2, column 7: invalid character 'x' looking for beginning of value`,
		`{} {}`:                                     `body: expected JSON, and it is none from line 1, column 4: invalid character '{' after top-level value`,
		"\xef\xbb\xbf{}":                            `body: expected JSON, and it is none from line 1, column 1: invalid character 'ï' looking for beginning of value`,
		"{\"string\":\"\xff\"}":                     `body: expected JSON in UTF-8, found other bytes`,
		"{\"string\":\"\x00\"}":                     `body: expected JSON, and it is none from line 1, column 12: invalid character '\x00' in string literal`,
	} {
		_, err := kinds.Bind(body(text))
		var bad *bind.Error
		require.ErrorAs(t, err, &bad, text)
		assert.EqualError(t, err, want, text)
		assert.Equal(t, bind.FromBody, bad.Source, text)
	}
	stream := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*"})
	for text, want := range map[string]string{
		`{"labels":{"a":1}}`:                    `body field "labels": expected a JSON object whose values are each UTF-8 text: invalid value for string field value: 1`,
		`{"labels":[]}`:                         `body field "labels": expected a JSON object whose values are each UTF-8 text: unexpected token [`,
		`{"filters":[{},{"inner":{"open":0}}]}`: `body field "filters[1].inner.open": expected true or false, found 0`,
		`{"filters":[null]}`:                    `body field "filters[0]": expected a JSON object (test.stream.v1.Filter), found null`,
		`{"filters":{}}`:                        `body field "filters": expected a list whose elements are each a JSON object (test.stream.v1.Filter), found {…`,
		`{"levels":["LEVEL_LOW","NO"]}`:         `body field "levels": expected a list whose elements are each one of LEVEL_UNSPECIFIED, LEVEL_LOW, LEVEL_HIGH, found ["LEVEL_LOW","NO"]`,
		`{"name":"x","number":0}`:               `body field "number": name is set already, and of the oneof selector only one member can be`,
	} {
		_, err := stream.Bind(body(text))
		assert.EqualError(t, err, want, text)
	}
}

func TestUnknownFieldsOfABody(t *testing.T) {
	const text = `{"topic":"a","nope":{"x":[1]},"filter":{"nope":null,"venue":"b"},"filters":[{"No":1}],"[no.such]":1,"":2}`
	spec := bind.Spec{Body: "*"}
	requireJSON(t, `{"topic":"a","filter":{"venue":"b"},"filters":[{}]}`,
		read[*streamv1.WatchRequest](t, compile[*streamv1.WatchRequest](t, spec), body(text)))

	spec.RejectUnknown = true
	binder := compile[*streamv1.WatchRequest](t, spec)
	for text, want := range map[string]string{
		`{"nope":null}`:               `body field "nope": test.stream.v1.WatchRequest has no field "nope"`,
		`{"filter":{"Venue":"x"}}`:    `body field "filter.Venue": test.stream.v1.Filter has no field "Venue"`,
		`{"filters":[{},{"a\nb":1}]}`: `body field "filters[1].a\nb": test.stream.v1.Filter has no field "a\nb"`,
		`{"[no.such]":1}`:             `body field "[no.such]": test.stream.v1.WatchRequest has no field "[no.such]"`,
	} {
		_, err := binder.Bind(body(text))
		assert.EqualError(t, err, want, text)
	}
}

func TestABodyMayNotTouchWhatIsBound(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{
		Body: "*", Variables: []string{"topic", "filter.inner.venue", "name"},
		Set: []bind.Setting{
			{Field: "after_sequence", Value: ref("last_event_id")}, {Field: "filter.open", Value: text("true")}, {Field: "since", Value: text("1970-01-01T00:00:01Z")},
			{Field: "levels", List: list()},
		},
	})
	in := func(text string) bind.Input {
		in := body(text)
		in.Variables = []string{"a", "b", "c"}
		return in
	}
	for text, want := range map[string]string{
		`{"topic":""}`:                       `body field "topic": the variable {topic} binds it already`,
		`{"topic":5}`:                        `body field "topic": the variable {topic} binds it already`,
		`{"afterSequence":0}`:                `body field "afterSequence": request.set binds it already`,
		`{"filter":{"open":false}}`:          `body field "filter.open": request.set binds it already`,
		`{"filter":{"inner":{"venue":"x"}}}`: `body field "filter.inner.venue": the variable {filter.inner.venue} binds it already`,
		`{"since":"1970-01-01T00:00:01Z"}`:   `body field "since": request.set binds it already`,
		`{"levels":[]}`:                      `body field "levels": request.set binds it already`,
		`{"number":1}`:                       `body field "number": the variable {name} binds name already, and of the oneof selector only one member can be set`,
	} {
		_, err := binder.Bind(in(text))
		assert.EqualError(t, err, want, text)
	}
	const rest = `{"topic":null,"filter":{"venue":"x","open":null,"inner":{"open":true,"inner":{"venue":"y"}}},"filters":[{"open":true}],"count":1}`
	requireJSON(t, `{"topic":"a","name":"c","since":"1970-01-01T00:00:01Z","count":1,"filters":[{"open":true}],
		"filter":{"venue":"x","open":true,"inner":{"venue":"b","open":true,"inner":{"venue":"y"}}}}`,
		read[*streamv1.WatchRequest](t, binder, in(rest)))
}

func TestBodyOfOneField(t *testing.T) {
	for _, tc := range []struct{ field, body, want string }{
		{"filter", `{"venue":"x","inner":{"open":true}}`, `{"filter":{"venue":"x","inner":{"open":true}},"count":1}`},
		{"filter", `{}`, `{"filter":{},"count":1}`},
		{"filter", ``, `{"count":1}`},
		{"filter", `null`, `{"count":1}`},
		{"filter.inner", `{"open":true}`, `{"filter":{"inner":{"open":true}},"count":1}`},
		{"filter.inner.venue", `"x"`, `{"filter":{"inner":{"venue":"x"}},"count":1}`},
		{"filters", `[{"open":true},{}]`, `{"filters":[{"open":true},{}],"count":1}`},
		{"labels", `{"a":"b"}`, `{"labels":{"a":"b"},"count":1}`},
		{"tags", ` ["a","b"] `, `{"tags":["a","b"],"count":1}`},
		{"topic", `"a"`, `{"topic":"a","count":1}`},
		{"pageSize", `0`, `{"pageSize":0,"count":1}`},
		{"since", `"1970-01-01T00:00:01Z"`, `{"since":"1970-01-01T00:00:01Z","count":1}`},
		{"name", `""`, `{"name":"","count":1}`},
	} {
		binder := compile[*streamv1.WatchRequest](t, bind.Spec{Body: tc.field, QueryAll: true})
		in := body(tc.body)
		in.RawQuery = "count=1"
		requireJSON(t, tc.want, read[*streamv1.WatchRequest](t, binder, in))
	}
	for _, tc := range []struct{ field, body, want string }{
		{"topic", `1`, `body: expected UTF-8 text, found 1`},
		{"topic", `"a","count":2`, `body: expected JSON, and it is none from line 1, column 4: invalid character ',' after top-level value`},
		{"tags", `{}`, `body: expected a list whose elements are each UTF-8 text, found {}`},
		{"filter", `[]`, `body: expected a JSON object (test.stream.v1.Filter), found […`},
		{"filter", `{"open":1}`, `body field "open": expected true or false, found 1`},
		{"filters", `[{"open":1}]`, `body field "[0].open": expected true or false, found 1`},
	} {
		_, err := compile[*streamv1.WatchRequest](t, bind.Spec{Body: tc.field}).Bind(body(tc.body))
		assert.EqualError(t, err, tc.want, tc.body)
	}
}

func TestQueryBesideABody(t *testing.T) {
	in := func(query string) bind.Input {
		in := body(`{"venue":"x"}`)
		in.RawQuery = query
		return in
	}
	part := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "filter", QueryAll: true, Set: []bind.Setting{{Field: "name", Value: refOr("query.number", "n")}}})
	requireJSON(t, `{"topic":"a","name":"2","filter":{"venue":"x"}}`, read[*streamv1.WatchRequest](t, part, in("topic=a&utm=1&number=2&last_event_id=3")))
	for query, want := range map[string]string{
		"filter.venue=y": `query parameter "filter.venue": the body binds filter already`,
		"filter.nope=y":  `query parameter "filter.nope": the body binds it already`,
		"filter=y":       `query parameter "filter": the body binds it already`,
		"name=y":         `query parameter "name": request.set binds it already`,
	} {
		_, err := part.Bind(in(query))
		require.EqualError(t, err, want)
	}
	get := bind.Input{RawQuery: "filter.venue=y"}
	requireJSON(t, `{"name":"n","filter":{"venue":"y"}}`, read[*streamv1.WatchRequest](t, part, get))

	whole := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*", QueryAll: true})
	_, err := whole.Bind(bind.Input{RawQuery: "topic=a", HasBody: true})
	require.EqualError(t, err, `query parameter "topic": the body gives the whole message, and no parameter binds to a field of it`)
	requireJSON(t, `{}`, read[*streamv1.WatchRequest](t, whole, bind.Input{RawQuery: "utm=a&last_event_id=1", HasBody: true}))
	requireJSON(t, `{"topic":"a"}`, read[*streamv1.WatchRequest](t, whole, bind.Input{RawQuery: "topic=a"}))

	listed := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*", Query: []string{"count"}})
	requireJSON(t, `{"topic":"b"}`, read[*streamv1.WatchRequest](t, listed, bind.Input{RawQuery: "topic=a", Body: []byte(`{"topic":"b"}`), HasBody: true}))
}

func TestRouteWithoutABody(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, Variables: []string{"topic"}})
	in := bind.Input{Variables: []string{"a"}, RawQuery: "count=1", HasBody: true}
	requireJSON(t, `{"topic":"a","count":1}`, read[*streamv1.WatchRequest](t, binder, in))
	in.RawQuery = "topic=b"
	_, err := binder.Bind(in)
	require.EqualError(t, err, `query parameter "topic": the variable {topic} binds it already`)
	in.RawQuery, in.Body = "", []byte("{}")
	_, err = binder.Bind(in)
	require.EqualError(t, err, "body: expected none: this route takes no body")
	in.HasBody = false
	requireJSON(t, `{"topic":"a"}`, read[*streamv1.WatchRequest](t, binder, in))
}

func TestCompileProblemsOfABody(t *testing.T) {
	for want, spec := range map[string]bind.Spec{
		`body: a body can't be bound here: test.stream.v1.WatchRequest has no field "nope" (` + watchFields + `)`:  {Body: "nope"},
		"body: a body can't be bound here: since is given whole, as an RFC 3339 time such as 2026-01-02T15:04:05Z": {Body: "since.seconds"},
		"body: a body can't be bound here: filters is a list of messages, whose fields can't be given one by one":  {Body: "filters.venue"},
		"body: a body can't be bound here: labels is a map, and a map can't be given here":                         {Body: "labels[a]"},
		"body: a body can't bind topic: the variable {topic} binds it already":                                     {Body: "topic", Variables: []string{"topic"}},
		"body: a body can't bind number: request.set binds name already, and of the oneof selector only one member can be set": {
			Body: "number", Set: []bind.Setting{{Field: "name", Value: text("x")}},
		},
	} {
		binder, problems := bind.Compile(descriptor[*streamv1.WatchRequest](), spec)
		require.Len(t, problems, 1, want)
		assert.Equal(t, want, problems[0].String())
		assert.Nil(t, binder)
	}
	for _, whole := range []string{"*", "fields"} {
		_, problems := bind.Compile(descriptor[*structpb.Struct](), bind.Spec{Body: whole})
		require.Len(t, problems, 1)
		assert.Equal(t, "body: no body can be taken: the request message is a google.protobuf.Struct", problems[0].String())
	}
	compile[*streamv1.WatchRequest](t, bind.Spec{Body: "filter", Variables: []string{"filter.venue"}})
}

func TestRequiredFieldsBesideABody(t *testing.T) {
	binder := compile[*bindv1.Strict](t, bind.Spec{Body: "*", Variables: []string{"must"}})
	in := body(`{"may":"x"}`)
	in.Variables = []string{"y"}
	requireJSON(t, `{"must":"y","may":"x"}`, read[*bindv1.Strict](t, binder, in))

	_, err := compile[*bindv1.Strict](t, bind.Spec{Body: "*"}).Bind(body(`{}`))
	require.EqualError(t, err, "request: required field test.bind.v1.Strict.must not set")
}

func TestACursorBesideABody(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*", Set: []bind.Setting{{Field: "after_sequence", Value: ref("last_event_id")}}})
	in := cursor("x")
	in.Body, in.HasBody = []byte(`{"topic":"a"}`), true
	_, err := binder.Bind(in)
	var bad *bind.CursorError
	require.ErrorAs(t, err, &bad)
	in.LastEventID = "7"
	requireJSON(t, `{"topic":"a","afterSequence":"7"}`, read[*streamv1.WatchRequest](t, binder, in))
}

// TestARequestSurvivesItsBody writes a random message as protojson does and binds it back, whole and field by field.
func TestARequestSurvivesItsBody(t *testing.T) {
	whole := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "*", RejectUnknown: true})
	part := compile[*streamv1.WatchRequest](t, bind.Spec{Body: "filter", RejectUnknown: true})
	rapid.Check(t, func(t *rapid.T) {
		want := drawRequest(t)
		options := protojson.MarshalOptions{
			UseProtoNames: rapid.Bool().Draw(t, "proto names"), UseEnumNumbers: rapid.Bool().Draw(t, "enum numbers"),
			EmitUnpopulated: rapid.Bool().Draw(t, "all"), Multiline: rapid.Bool().Draw(t, "multiline"),
		}
		text, err := options.Marshal(want)
		require.NoError(t, err)
		got := read[*streamv1.WatchRequest](t, whole, body(string(text)))
		require.True(t, proto.Equal(want, got), "%s\nwant %v\ngot  %v", text, want, got)

		if want.Filter == nil {
			return
		}
		text, err = options.Marshal(want.GetFilter())
		require.NoError(t, err)
		got = read[*streamv1.WatchRequest](t, part, body(string(text)))
		require.True(t, proto.Equal(want.GetFilter(), got.GetFilter()), "%s", text)
	})
}
