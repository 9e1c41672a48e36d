package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

type filter struct {
	Tags  []string `json:"tags,omitempty"`
	Level *int     `json:"level,omitempty"`
	Inner *filter  `json:"inner,omitempty"`
}

type page struct {
	Limit int `json:"limit,omitempty"`
}

// Range is exported, so that a pointer to it can be set where it is embedded.
type Range struct {
	From, To int64
}

type request struct {
	page
	*Range

	ID       string         `json:"id,omitempty"`
	Small    int8           `json:"small,omitempty"`
	Unsigned uint16         `json:"unsigned,omitempty"`
	Wide     uint64         `json:"wide,omitempty,string"`
	Ratio    float32        `json:"ratio,omitempty"`
	Live     bool           `json:"live,omitempty"`
	Maybe    *bool          `json:"maybe,omitempty"`
	Since    time.Time      `json:"since,omitzero"`
	Until    *time.Time     `json:"until,omitempty"`
	Raw      []byte         `json:"raw,omitempty"`
	Pieces   [][]byte       `json:"pieces,omitempty"`
	Numbers  []int64        `json:"numbers,omitempty"`
	Optional *[]int32       `json:"optional,omitempty"`
	Times    []*time.Time   `json:"times,omitempty"`
	Address  netip.Addr     `json:"address,omitzero"`
	Filter   filter         `json:"filter,omitzero"`
	Filters  []filter       `json:"filters,omitempty"`
	UserID   string         `json:"user-id,omitempty"`
	Untagged string         `json:",omitempty"`
	Ignored  map[string]int `json:"-"`
}

// decoded returns the value that a function receives for a request in ProtoJSON.
func decoded[Req any](t require.TestingT, text string) (Req, error) {
	var got Req
	def := source.Func(func(_ context.Context, r Req) iter.Seq2[int, error] {
		got = r
		return func(func(int, error) bool) {}
	})
	require.Empty(t, def.Mistake)
	m := dynamicpb.NewMessage(def.Input)
	require.NoError(t, protojson.Unmarshal([]byte(text), m), text)
	wire, err := proto.Marshal(m)
	require.NoError(t, err)
	runner := source.NewRunner(nil)
	defer runner.Close()
	stream, err := def.Source(runner, nil).Open(context.Background(), "x", wire, nil)
	require.NoError(t, err)
	defer stream.Close()
	_, err = stream.Recv()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return got, err
}

func filters(depth int) *rapid.Generator[filter] {
	return rapid.Custom(func(t *rapid.T) filter {
		f := filter{Tags: rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "tags"), Level: rapid.Ptr(rapid.Int(), true).Draw(t, "level")}
		if depth > 0 {
			f.Inner = rapid.Ptr(filters(depth-1), true).Draw(t, "inner")
		}
		return f
	})
}

func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).Unix()
		return time.Unix(rapid.Int64Range(first, last).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
	})
}

// A struct is filled as encoding/json fills it.
func TestAStructHasTheValuesOfItsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := request{
			page:     page{Limit: rapid.Int().Draw(t, "limit")},
			Range:    rapid.Ptr(rapid.Custom(func(t *rapid.T) Range { return Range{rapid.Int64().Draw(t, "from"), 1} }), true).Draw(t, "range"),
			ID:       rapid.String().Draw(t, "id"),
			Small:    rapid.Int8().Draw(t, "small"),
			Unsigned: rapid.Uint16().Draw(t, "unsigned"),
			Wide:     rapid.Uint64().Draw(t, "wide"),
			Ratio:    rapid.Float32().Draw(t, "ratio"),
			Live:     rapid.Bool().Draw(t, "live"),
			Maybe:    rapid.Ptr(rapid.Bool(), true).Draw(t, "maybe"),
			Since:    times().Draw(t, "since"),
			Until:    rapid.Ptr(times(), true).Draw(t, "until"),
			Raw:      rapid.SliceOf(rapid.Byte()).Draw(t, "raw"),
			Pieces:   rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 4), 0, 3).Draw(t, "pieces"),
			Numbers:  rapid.SliceOfN(rapid.Int64(), 0, 3).Draw(t, "numbers"),
			Times:    rapid.SliceOfN(rapid.Ptr(times(), false), 0, 3).Draw(t, "times"),
			Filter:   filters(2).Draw(t, "filter"),
			Filters:  rapid.SliceOfN(filters(1), 0, 2).Draw(t, "filters"),
			UserID:   rapid.String().Draw(t, "user-id"),
			Untagged: rapid.String().Draw(t, "untagged"),
		}
		if list := rapid.SliceOfN(rapid.Int32(), 0, 3).Draw(t, "optional"); len(list) > 0 { // protobuf has no difference between an empty list and no list
			sent.Optional = &list
		}
		if address := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"); address[0] != 0 {
			sent.Address, _ = netip.AddrFromSlice(slices.Clone(address))
		}
		text, err := json.Marshal(sent)
		require.NoError(t, err)
		var want request
		require.NoError(t, json.Unmarshal(text, &want))

		got, err := decoded[request](t, string(text))
		require.NoError(t, err)
		require.Equal(t, want, got)
		pointed, err := decoded[*request](t, string(text))
		require.NoError(t, err)
		require.Equal(t, &want, pointed)
	})
}

func TestValuesThatAStructCannotHold(t *testing.T) {
	type held struct {
		Small    int8              `json:"small"`
		Unsigned *uint16           `json:"unsigned"`
		Window   time.Duration     `json:"window"`
		Address  netip.Addr        `json:"address"`
		Bytes    []int8            `json:"bytes"`
		Inner    struct{ N int16 } `json:"inner"`
		Optional *[]uint16         `json:"optional"`
	}
	for text, want := range map[string]string{
		`{"small": 128}`:                  `the field "small": expected an integer of 8 bits, found "128"`,
		`{"small": -129}`:                 `the field "small": expected an integer of 8 bits, found "-129"`,
		`{"unsigned": 65536}`:             `the field "unsigned": expected an integer of 16 bits that is not negative, found "65536"`,
		`{"window": "9223372037s"}`:       `the field "window": expected a duration of at most 292 years, found "9223372037s"`,
		`{"address": "nowhere"}`:          `the field "address": expected a value of its type (`,
		`{"inner": {"N": 32768}}`:         `the field "inner.N": expected an integer of 16 bits, found "32768"`,
		`{"bytes": [1, 128]}`:             `the field "bytes[1]": expected an integer of 8 bits, found "128"`,
		`{"optional": [1, 70000]}`:        `the field "optional[1]": expected an integer of 16 bits that is not negative, found "70000"`,
		`{"small": -128, "bytes": [127]}`: "",
		`{"window": "-9223372036s"}`:      "",
	} {
		_, err := decoded[held](t, text)
		if want == "" {
			assert.NoError(t, err, text)
			continue
		}
		assert.Equal(t, codes.InvalidArgument, status.Code(err), text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestFieldsWithSimilarJSONNamesStayApart(t *testing.T) {
	type names struct {
		Third  int                `json:"a_b_3"`
		Dashed int                `json:"a-b"`
		Under  int                `json:"a_b"`
		Dotted int                `json:"a.b"`
		X      struct{ N int }    // types without a name
		Y      struct{ N string } `json:"y"`
	}
	got, err := decoded[names](t, `{"a_b_3": 1, "a-b": 2, "a_b": 3, "a.b": 4, "X": {"N": 5}, "y": {"N": "6"}}`)
	require.NoError(t, err)
	assert.Equal(t, names{Third: 1, Dashed: 2, Under: 3, Dotted: 4, X: struct{ N int }{5}, Y: struct{ N string }{"6"}}, got)
}

func TestDurationsOfAStruct(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`{"D": "1.5s"}`:                  1500 * time.Millisecond,
		`{"D": "-0.000000001s"}`:         -1,
		`{}`:                             0,
		`{"D": "9223372036.854775807s"}`: 1<<63 - 1,
	} {
		got, err := decoded[struct{ D time.Duration }](t, text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got.D, text)
	}
}

func mistakeOf[Req any](t *testing.T) string {
	t.Helper()
	return source.Func(func(context.Context, Req) iter.Seq2[int, error] { return nil }).Mistake
}

type unexported struct{ N int }

func TestRequestTypesThatAreRefused(t *testing.T) {
	type odd struct {
		Any any `json:"any"`
	}
	for name, tt := range map[string]struct{ found, want string }{
		"an interface":              {mistakeOf[odd](t), "the field Any of the request type source_test.odd is of type interface {}, which no request can be bound to: expected text"},
		"a map":                     {mistakeOf[struct{ M map[string]int }](t), "the field M"},
		"a list in a list":          {mistakeOf[struct{ M [][]int }](t), "the field M"},
		"a channel":                 {mistakeOf[struct{ C chan int }](t), "the field C"},
		"JSON":                      {mistakeOf[struct{ J *json.RawMessage }](t), "the field J"},
		"a buffer":                  {mistakeOf[struct{ Inner struct{ B func() } }](t), "the field B"},
		"an embedded interface":     {mistakeOf[struct{ io.Reader }](t), "the field Reader"},
		"a hidden pointer":          {mistakeOf[struct{ *unexported }](t), "the field N of the request type struct { *source_test.unexported } cannot be set: it is embedded as *source_test.unexported"},
		"a number":                  {mistakeOf[int](t), "expected a struct, or a pointer to a generated message, as request, found int"},
		"a pointer to a number":     {mistakeOf[*int](t), "found *int"},
		"a dynamic message":         {mistakeOf[*dynamicpb.Message](t), "found *dynamicpb.Message"},
		"the interface of messages": {mistakeOf[proto.Message](t), "found the interface"},
		"nothing, but unused":       {mistakeOf[struct{ *bytes.Buffer }](t), ""},
	} {
		if tt.want == "" {
			assert.Empty(t, tt.found, name)
		}
		assert.Contains(t, tt.found, tt.want, name)
	}
}
