package source_test

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

type quote struct {
	Price float64 `json:"price"`
}

type trade struct {
	Kind  string `json:"kind"`
	Quote *quote `json:"quote,omitempty"`
	Count *int   `json:"count"`
}

// unspeakable cannot be written as text or as JSON.
type unspeakable struct{ Set bool }

func (unspeakable) MarshalText() ([]byte, error) { return nil, errors.New("no words") }

// firstOf returns the first message of a function that yields one value.
func firstOf[T any](t *testing.T, paths source.ValuePaths, value T) (map[string]string, error) {
	t.Helper()
	def := source.Func(func(context.Context, struct{}) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) { yield(value, nil) }
	})
	require.Empty(t, def.Mistake)
	require.Nil(t, def.Output)
	encoder, problems := source.NewValueEncoder(def.Value, paths)
	require.Empty(t, problems)
	runner := source.NewRunner(nil)
	defer runner.Close()
	stream, err := def.Source(runner, encoder).Open(t.Context(), "x", nil, nil)
	require.NoError(t, err)
	defer stream.Close()
	wire, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	md, err := source.ValueMessage()
	require.NoError(t, err)
	m := dynamicpb.NewMessage(md)
	require.NoError(t, proto.Unmarshal(wire, m))
	got := map[string]string{}
	for _, name := range []string{source.ValueID, source.ValueName, source.ValueData} {
		if fd := md.Fields().ByTextName(name); m.Has(fd) {
			got[name] = string(m.Get(fd).Bytes())
		}
	}
	return got, nil
}

func TestAPlainGoValueBecomesAMessage(t *testing.T) {
	zero := 0
	all := source.ValuePaths{ID: "count", Name: "kind", Data: "quote.price"}
	for name, tt := range map[string]struct {
		paths source.ValuePaths
		value trade
		want  map[string]string
	}{
		"whole":    {source.ValuePaths{}, trade{Kind: "k"}, map[string]string{"data": `{"kind":"k","count":null}`}},
		"by paths": {all, trade{Kind: "k", Quote: &quote{1.5}, Count: &zero}, map[string]string{"id": "0", "name": "k", "data": "1.5"}},
		"absent":   {all, trade{}, map[string]string{"data": "null"}},
	} {
		t.Run(name, func(t *testing.T) {
			for got, err := range map[string]func() (map[string]string, error){
				"a value":   func() (map[string]string, error) { return firstOf(t, tt.paths, tt.value) },
				"a pointer": func() (map[string]string, error) { return firstOf(t, tt.paths, &tt.value) },
			} {
				message, err := err()
				require.NoError(t, err, got)
				assert.Equal(t, tt.want, message, got)
			}
		})
	}
}

func TestAValueThatCannotBeEncodedEndsItsStream(t *testing.T) {
	for name, tt := range map[string]struct {
		value any
		want  string
	}{
		"a channel": {make(chan int), "unsupported type: chan int"},
		"a message": {&streamv1.Event{}, "expected a plain Go value, found *streamv1.Event"},
		"no text":   {unspeakable{true}, "no words"},
	} {
		_, err := firstOf(t, source.ValuePaths{}, tt.value)
		assert.Equal(t, codes.Internal, status.Code(err), name)
		assert.ErrorContains(t, err, tt.want, name)
	}
	_, err := firstOf(t, source.ValuePaths{ID: "U", Data: "N"}, struct {
		U unspeakable
		N int
	}{U: unspeakable{true}})
	assert.ErrorContains(t, err, "no words")
}

func TestPathsThatDoNotFitTheValues(t *testing.T) {
	encoder, problems := source.NewValueEncoder(reflect.TypeFor[*trade](), source.ValuePaths{ID: "quote", Name: "quote.prize", Data: "kind.x"})
	assert.Nil(t, encoder)
	assert.Equal(t, []*source.ValueProblem{
		{Key: "event.id", Message: `"quote" leads to a *source_test.quote, which cannot serve here: expected text, a number or a bool`},
		{
			Key: "event.name", Message: `unknown field "prize": the JSON of source_test.quote does not have it`,
			Unknown: "prize", Have: []string{"price"},
		},
		{Key: "event.data", Message: `"x" names a field of string, which has no fields: expected a struct`},
	}, problems, "all at once")
}

func TestWhatADefinitionSays(t *testing.T) {
	fields := func(context.Context, struct{ ID string }) iter.Seq2[int, error] { return nil }
	empty := func(context.Context, struct{}) iter.Seq2[*streamv1.Event, error] { return nil }
	anything := func(context.Context, *streamv1.WatchRequest) iter.Seq2[any, error] { return nil }
	messages := func(context.Context, struct{}) iter.Seq2[proto.Message, error] { return nil }

	assert.True(t, source.Definition{}.IsZero())
	plain := source.Func(fields)
	assert.False(t, plain.IsZero())
	assert.False(t, plain.EmptyStruct)
	assert.Equal(t, reflect.TypeFor[int](), plain.Value)
	assert.True(t, source.Func(empty).EmptyStruct)
	assert.EqualValues(t, "test.stream.v1.Event", source.Func(empty).Output.FullName())
	assert.EqualValues(t, "test.stream.v1.WatchRequest", source.Func(anything).Input.FullName())
	assert.Equal(t, reflect.TypeFor[any](), source.Func(anything).Value)
	assert.Contains(t, source.Func(messages).Mistake, "found the interface protoreflect.ProtoMessage")
	assert.Equal(t, "expected a function, found nil", source.Func[struct{}, int](nil).Mistake)

	var none func(context.Context, *streamv1.WatchRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[streamv1.Event], error)
	assert.Equal(t, "expected a method of a generated client, found nil", source.RPC(none).Mistake)
	rpc := source.RPC(client{}.Watch)
	assert.Empty(t, rpc.Mistake)
	assert.False(t, rpc.EmptyStruct)
	assert.EqualValues(t, "test.stream.v1.WatchRequest", rpc.Input.FullName())
	assert.EqualValues(t, "test.stream.v1.Event", rpc.Output.FullName())
}

func TestRequiredFieldsMayBeMissing(t *testing.T) {
	src := source.Func(func(_ context.Context, r *bindv1.Strict) iter.Seq2[*bindv1.Strict, error] {
		return func(yield func(*bindv1.Strict, error) bool) { yield(r, nil) }
	}).Source(source.NewRunner(nil), nil)
	stream, err := src.Open(t.Context(), "x", nil, nil)
	require.NoError(t, err)
	defer stream.Close()
	wire, err := stream.Recv()
	require.NoError(t, err)
	assert.Empty(t, wire)
}
