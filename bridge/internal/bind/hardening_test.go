package bind_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
