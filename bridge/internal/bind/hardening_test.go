package bind_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestTooManyParameters(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, everything())
	got := read[*streamv1.WatchRequest](t, binder, bind.Input{RawQuery: strings.Repeat("tags=x&", bind.MaxParameters-1) + "tags=y"})
	assert.Len(t, got.GetTags(), bind.MaxParameters)

	_, err := binder.Bind(bind.Input{RawQuery: strings.Repeat("&", 99_999)})
	require.EqualError(t, err, "request: expected at most 1000 query parameters, found 100000")
}

func TestTooDeepName(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, everything())
	deep := "filter" + strings.Repeat(".inner", 30) + ".venue" // 32 names
	_, err := binder.Bind(bind.Input{RawQuery: deep + "=x"})
	require.NoError(t, err)
	for _, name := range []string{
		"filter" + strings.Repeat(".inner", 31) + ".venue",
		"filter" + strings.Repeat(".inner", 100_000) + ".venue",
	} {
		_, err = binder.Bind(bind.Input{RawQuery: name + "=x"})
		require.ErrorContains(t, err, "expected at most 32 names with dots between them")
		assert.Less(t, len(err.Error()), 250)
	}
}

func TestErrorsShowLittleOfALongValue(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, RejectUnknown: true, Set: []bind.Setting{
		{Field: "after_sequence", Value: ref("last_event_id")},
	}})
	mega := strings.Repeat("\x00", 1<<20)
	for _, in := range []bind.Input{
		{RawQuery: "count=" + mega}, {RawQuery: mega + "=1"}, {RawQuery: "filter." + mega + "=1"}, {RawQuery: mega + "%=1"},
		{RawQuery: "count=" + mega + "%"}, cursor(mega),
	} {
		_, err := binder.Bind(in)
		require.Error(t, err)
		assert.Less(t, len(err.Error()), 1000)
		assert.NotContains(t, err.Error(), "\x00")
	}
}

func TestDeepBody(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, bind.Spec{Body: "*"})
	nest := func(open, inner, end string, n int) bind.Input {
		return body(strings.Repeat(open, n) + inner + strings.Repeat(end, n))
	}
	_, err := binder.Bind(nest(`{"nested":`, `{}`, `}`, bind.MaxBodyDepth-1))
	require.NoError(t, err)
	_, err = binder.Bind(body(`{"list":` + strings.Repeat("[", bind.MaxBodyDepth-1) + strings.Repeat("]", bind.MaxBodyDepth-1) + `}`))
	require.NoError(t, err)
	for _, in := range []bind.Input{
		nest(`{"nested":`, `{}`, `}`, bind.MaxBodyDepth), nest(`{"unknown":[`, ``, `]}`, 100_000), nest("[", "", "", 1<<20), nest("{", "", "", 1<<20),
		nest(`{"list":[`, ``, `]}`, 100_000), nest(`{"\"":[`, ``, `]}`, 100_000),
	} {
		_, err := binder.Bind(in)
		require.EqualError(t, err, "body: expected objects and lists nested at most 100 deep")
	}
	_, err = binder.Bind(body(`{"string":"` + strings.Repeat(`[\"{\\`, 1000) + `"}`))
	require.NoError(t, err, "brackets in a string are text")
}

// The work for a body grows with its size, and not with the square of that: the test would not end.
func TestLargeBody(t *testing.T) {
	spec := bind.Spec{Body: "*", RejectUnknown: true, Set: []bind.Setting{{Field: "filter" + strings.Repeat(".inner", 30) + ".venue", Value: text("x")}}}
	binder := compile[*streamv1.WatchRequest](t, spec)
	deep := strings.Repeat(`{"inner":`, 60) + `{"venue":"` + strings.Repeat("x", 1<<20) + `"}` + strings.Repeat("}", 60)
	_, err := binder.Bind(body(`{"filters":[` + deep + `]}`))
	require.NoError(t, err)
	got := read[*streamv1.WatchRequest](t, binder, body(`{"filters":[`+strings.Repeat(`{},`, 1<<17)+`{}]}`))
	assert.Len(t, got.GetFilters(), 1<<17+1)
	_, err = binder.Bind(body(`{"filters":[` + strings.Repeat(`{},`, 1<<17) + `{"open":1}]}`))
	require.ErrorContains(t, err, `body field "filters[131072].open"`)
}

func TestErrorsShowLittleOfALongBody(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, bind.Spec{Body: "*", RejectUnknown: true})
	mega := strings.Repeat("\\u0000\u202e\\u202e", 1<<16)
	for _, text := range []string{
		`{"int32":"` + mega + `"}`, `{"` + mega + `":1}`, `{"nested":{"` + mega + `":1}}`, `"` + mega + `"`, `{"struct":{"` + mega + `":1,"` + mega + `":1}}`,
		`{"any":{"@type":"` + mega + `"}}`, `{"mask":"` + mega + `"}`, `{"[` + mega + `]":1}`, mega,
	} {
		_, err := binder.Bind(body(text))
		require.Error(t, err)
		requirePrintable(t, err)
		assert.NotContains(t, err.Error(), "\u202e")
	}
}

// FuzzBodyNeverPanics feeds hostile bodies. What is taken is what protojson takes, and what variables and settings bind
// stays as it is; what is refused is refused with an error that is fit to print.
func FuzzBodyNeverPanics(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `[[`, `{"int32":1,"nested":{"string":"x","nested":{"bool":true}}}`, `{"left":"","right":{"left":null}}`, `{"mode":"NO","int32s":[1,"2"]}`,
		`{"any":{"@type":"type.googleapis.com/google.protobuf.Any","value":{}}}`, `{"struct":{"a":[null,{"b":1e400}]},"list":[],"value":null}`,
		`{"timestamp":"2026-01-02T15:04:05Z","duration":"1s","mask":"a,b","bytesValue":"_-8"}`, `{"[test.x]":1,"Group":{"text":"\ud800"}}`, "{\"string\":\"\xff\"}",
		`{"string":"a","string":null}`, `{"int64":7}`, `{"nested":{"string":""}}`, `{"":{"":"\ud800"}}`,
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	spec := bind.Spec{Body: "*", Variables: []string{"nested.string"}, Set: []bind.Setting{{Field: "int64", Value: text("7")}}}
	ignoring := compile[*bindv1.Kinds](f, spec)
	spec.RejectUnknown = true
	rejecting := compile[*bindv1.Kinds](f, spec)
	f.Fuzz(func(t *testing.T, text string, reject bool) {
		binder := ignoring
		if reject {
			binder = rejecting
		}
		in := body(text)
		in.Variables = []string{"bound"}
		wire, err := binder.Bind(in)
		if err != nil {
			var bad *bind.Error
			require.ErrorAs(t, err, &bad)
			require.Equal(t, bind.FromBody, bad.Source)
			requirePrintable(t, err)
			return
		}
		got, want := &bindv1.Kinds{}, &bindv1.Kinds{}
		require.NoError(t, proto.Unmarshal(wire, got))
		if strings.Contains(strings.ToLower(text), `\ud`) {
			return // protojson looks for halves of surrogates in what it passes over, too
		}
		if strings.Trim(text, " \t\r\n") != "" {
			require.NoError(t, protojson.UnmarshalOptions{DiscardUnknown: !reject}.Unmarshal([]byte(text), want))
		}
		if want.Nested == nil {
			want.Nested = &bindv1.Kinds{}
		}
		want.Nested.String_, want.Int64 = proto.String("bound"), proto.Int64(7)
		require.True(t, proto.Equal(want, got), "want %v\ngot  %v", want, got)
	})
}

// FuzzBind feeds hostile requests: they bind to a message that parses, or are refused with an error that is fit to print.
func FuzzBind(f *testing.F) {
	for _, query := range []string{
		"string=a&int32=1&nested.bool=true", "left=1&right.left=2", "bytes=_-8=&mask=a,b", "timestamp=2026-01-02T15:04:05%2B02:00",
		"a[b]=c", "last_event_id=%00", "%zz", "&&==&.=.&..", "nested.nested.nested.nested.any.type_url=x", "string=%ff", "duration=1s;x", "group.text=x",
	} {
		f.Add("variable", query, "4711")
	}
	binder := compile[*bindv1.Kinds](f, bind.Spec{QueryAll: true, RejectUnknown: true, Variables: []string{"nested.string", "id"}, Set: []bind.Setting{
		{Field: "int64", Value: ref("last_event_id")},
		{Field: "nested.left", Value: bind.Value{{Text: "x-"}, {Ref: "path.id"}, {Ref: "query.q", HasDefault: true}}},
	}})
	f.Fuzz(func(t *testing.T, variable, query, id string) {
		in := bind.Input{Variables: []string{variable, variable}, RawQuery: query, LastEventID: id, HasLastEventID: true}
		wire, err := binder.Bind(in)
		if bad := (*bind.CursorError)(nil); errors.As(err, &bad) {
			requirePrintable(t, err)
			in.HasLastEventID = false
			wire, err = binder.Bind(in)
			require.NoError(t, err, "without the cursor there was nothing wrong")
		}
		if err != nil {
			var bad *bind.Error
			require.ErrorAs(t, err, &bad)
			requirePrintable(t, err)
			return
		}
		got := &bindv1.Kinds{}
		require.NoError(t, proto.Unmarshal(wire, got))
		require.Equal(t, variable, got.GetNested().GetString_())
	})
}

func requirePrintable(t *testing.T, err error) {
	require.True(t, utf8.ValidString(err.Error()))
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, len(err.Error()), 2000)
}
