package bind_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func text(s string) bind.Value   { return bind.Value{{Text: s}} }
func ref(name string) bind.Value { return bind.Value{{Ref: name}} }
func refOr(name, fallback string) bind.Value {
	return bind.Value{{Ref: name, Default: fallback, HasDefault: true}}
}

func list(values ...bind.Value) []bind.Setting {
	out := make([]bind.Setting, len(values))
	for i, v := range values {
		out[i].Value = v
	}
	return out
}

func cursor(id string) bind.Input { return bind.Input{LastEventID: id, HasLastEventID: true} }

func TestLiterals(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, Set: []bind.Setting{
		{Field: "topic", Value: bind.Value{{Text: "a"}, {Text: "b"}}},
		{Field: "filter.open", Value: text("true")},
		{Field: "level", Value: text("LEVEL_LOW")},
		{Field: "pageSize", Value: text("10")},
		{Field: "window", Value: text("1.5s")},
		{Field: "token", Value: text("YQ")},
		{Field: "name", Value: nil}, // empty
		{Field: "tags", List: list(text("x"), text("y"))},
		{Field: "levels", List: list()},
	}})
	const want = `{"topic":"ab","filter":{"open":true},"level":"LEVEL_LOW","pageSize":10,"window":"1.500s","token":"YQ==","name":"","tags":["x","y"]}`
	for range 2 { // a request must not change what the next one begins with
		requireJSON(t, want, read[*streamv1.WatchRequest](t, binder, bind.Input{}))
		_, err := binder.Bind(bind.Input{RawQuery: "filter.venue=z&tags=z"})
		require.EqualError(t, err, `query parameter "tags": request.set binds it already`)
	}
	got := read[*streamv1.WatchRequest](t, binder, bind.Input{RawQuery: "filter.venue=z"})
	assert.Equal(t, "z", got.GetFilter().GetVenue())
	assert.True(t, got.GetFilter().GetOpen())
}

func TestCursor(t *testing.T) {
	for _, tc := range []struct{ field, id, want string }{
		{"int64", "4711", `{"int64":"4711"}`},
		{"string", "a b", `{"string":"a b"}`},
		{"bytes", "\x00\xffa", `{"bytes":"AP9h"}`}, // what an event id was made of, not base64 of it
		{"bytes_value", "ab", `{"bytesValue":"YWI="}`},
		{"int64_value", "0", `{"int64Value":"0"}`},
		{"nested.uint32", "7", `{"nested":{"uint32":7}}`},
		{"timestamp", "1970-01-01T00:00:01Z", `{"timestamp":"1970-01-01T00:00:01Z"}`},
		{"mode", "MODE_FAST", `{"mode":"MODE_FAST"}`},
		{"last_event_id", "x", `{"lastEventId":"x"}`},
	} {
		binder := compile[*bindv1.Kinds](t, bind.Spec{Set: []bind.Setting{{Field: tc.field, Value: ref("last_event_id")}}})
		assert.True(t, binder.UsesCursor())
		requireJSON(t, tc.want, read[*bindv1.Kinds](t, binder, cursor(tc.id)))
		requireJSON(t, `{}`, read[*bindv1.Kinds](t, binder, bind.Input{LastEventID: "not given"}))
	}
}

func TestMalformedCursor(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, Set: []bind.Setting{
		{Field: "after_sequence", Value: ref("last_event_id")},
	}})
	_, err := binder.Bind(cursor("12\n"))
	var bad *bind.CursorError
	require.ErrorAs(t, err, &bad)
	require.EqualError(t, err, `cursor: expected a 64-bit integer for the field after_sequence, found "12\n"`)
	assert.Equal(t, "after_sequence", bad.Field)

	in := cursor("x")
	in.RawQuery = "count=x"
	_, err = binder.Bind(in)
	require.NotErrorAs(t, err, &bad, "dropping the cursor would not help")

	in = cursor("1")
	in.RawQuery = "after_sequence=2"
	_, err = binder.Bind(in)
	require.EqualError(t, err, `query parameter "after_sequence": request.set binds it already`)
}

func TestCursorInTextAndWithDefault(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{Set: []bind.Setting{
		{Field: "topic", Value: bind.Value{{Text: "after-"}, {Ref: "last_event_id"}, {Text: "!"}}},
		{Field: "after_sequence", Value: refOr("last_event_id", "-1")},
		{Field: "tags", List: list(text("a"), ref("last_event_id"), refOr("last_event_id", "c"))},
	}})
	requireJSON(t, `{"topic":"after-5!","afterSequence":"5","tags":["a","5","5"]}`, read[*streamv1.WatchRequest](t, binder, cursor("5")))
	requireJSON(t, `{"afterSequence":"-1","tags":["a","c"]}`, read[*streamv1.WatchRequest](t, binder, bind.Input{}))

	_, err := binder.Bind(cursor("\xff"))
	var bad *bind.CursorError
	require.ErrorAs(t, err, &bad)
}

func TestReferences(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{
		Variables: []string{"id", "count"}, // the message has no field "id"
		QueryAll:  true,
		Set: []bind.Setting{
			{Field: "topic", Value: bind.Value{{Text: "user-"}, {Ref: "path.id"}, {Text: "-"}, {Ref: "query.q"}}},
			{Field: "name", Value: refOr("query.name", "nobody")},
			{Field: "filter.venue", Value: ref("header.x-venue")},
			{Field: "after_sequence", Value: refOr("claim.seq", "3")},
		},
	})
	in := bind.Input{
		Variables: []string{"7", "2"},
		RawQuery:  "q=x",
		Reference: func(ref string) (string, bool) {
			values := map[string]string{"header.x-venue": "XNAS"}
			v, ok := values[ref]
			return v, ok
		},
	}
	requireJSON(t, `{"topic":"user-7-x","count":2,"name":"nobody","filter":{"venue":"XNAS"},"afterSequence":"3"}`,
		read[*streamv1.WatchRequest](t, binder, in))

	in.RawQuery = "q=&name=me" // a parameter that a setting reads is no intruder
	got := read[*streamv1.WatchRequest](t, binder, in)
	assert.Equal(t, "user-7-", got.GetTopic())
	assert.Equal(t, "me", got.GetName())

	in.RawQuery = "q=1&q=2"
	_, err := binder.Bind(in)
	require.EqualError(t, err, `query parameter "q": expected one value, found several`)
	in.RawQuery = ""
	_, err = binder.Bind(in)
	require.EqualError(t, err, `reference "query.q": expected a value, found none`)
	in.RawQuery, in.Reference = "q=x", nil
	_, err = binder.Bind(in)
	var missing *bind.Error
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, bind.FromReference, missing.Source)
	assert.Equal(t, "header.x-venue", missing.Parameter)
}

func TestReferenceThatDoesNotFit(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{RejectUnknown: true, Set: []bind.Setting{{Field: "count", Value: ref("query.n")}}})
	_, err := binder.Bind(bind.Input{RawQuery: "n=x"})
	require.EqualError(t, err, `reference "${query.n}": expected an unsigned 32-bit integer, found "x"`)
}

func TestADefaultStandsInForWhatIsEmptyToo(t *testing.T) {
	for _, name := range []string{"header.x", "cookie.x", "claim.x", "query.x", "path.filter.venue", "last_event_id"} {
		binder := compile[*streamv1.WatchRequest](t, bind.Spec{Variables: []string{"filter.venue"}, Set: []bind.Setting{{Field: "topic", Value: refOr(name, "d")}, {Field: "name", Value: refOr(name, "")}}})
		in := bind.Input{Variables: []string{""}, RawQuery: "x=", HasLastEventID: true, Reference: func(string) (string, bool) { return "", true }}
		requireJSON(t, `{"topic":"d","name":"","filter":{}}`, read[*streamv1.WatchRequest](t, binder, in))
	}
}
