package bind_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// TestARequestSurvivesItsQueryString writes a random message as a query string, in any of the spellings that a client may
// choose, and binds it back.
func TestARequestSurvivesItsQueryString(t *testing.T) {
	binder := compile[*streamv1.WatchRequest](t, bind.Spec{QueryAll: true, RejectUnknown: true})
	rapid.Check(t, func(t *rapid.T) {
		want := drawRequest(t)
		query := strings.Join(rapid.Permutation(keepListsWhole(writeQuery(t, "", want.ProtoReflect()))).Draw(t, "order"), "&")
		got := read[*streamv1.WatchRequest](t, binder, bind.Input{RawQuery: query})
		require.True(t, proto.Equal(want, got), "%s\nwant %v\ngot  %v", query, want, got)
	})
}

// keepListsWhole joins the parameters of a list, whose order counts, into one.
func keepListsWhole(parameters []string) []string {
	var singles []string
	lists := map[string][]string{}
	for _, p := range parameters {
		switch name, _, _ := strings.Cut(p, "="); name {
		case "tags", "levels":
			lists[name] = append(lists[name], p)
		default:
			singles = append(singles, p)
		}
	}
	for _, name := range []string{"tags", "levels"} {
		if len(lists[name]) > 0 {
			singles = append(singles, strings.Join(lists[name], "&"))
		}
	}
	return singles
}

func drawRequest(t *rapid.T) *streamv1.WatchRequest {
	level := rapid.Map(rapid.OneOf(rapid.Int32Range(0, 2), rapid.Int32()), func(n int32) streamv1.Level { return streamv1.Level(n) })
	nanos := rapid.Int64Range(0, 999_999_999)
	m := &streamv1.WatchRequest{
		Topic:         rapid.String().Draw(t, "topic"),
		AfterSequence: rapid.Int64().Draw(t, "after"),
		Tags:          rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "tags"),
		Level:         level.Draw(t, "level"),
		Levels:        rapid.SliceOfN(level, 0, 3).Draw(t, "levels"),
		Token:         rapid.SliceOf(rapid.Byte()).Draw(t, "token"),
		Ratio:         rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)})).Draw(t, "ratio"),
		Count:         rapid.Uint32().Draw(t, "count"),
		Filter:        drawFilter(t, 3),
	}
	if rapid.Bool().Draw(t, "has window") {
		m.Window = durationpb.New(time.Duration(rapid.Int64().Draw(t, "window")))
	}
	if rapid.Bool().Draw(t, "has since") {
		m.Since = timestamppb.New(time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "since"), nanos.Draw(t, "nanos")))
	}
	if rapid.Bool().Draw(t, "has page size") {
		m.PageSize = wrapperspb.Int32(rapid.Int32().Draw(t, "page size"))
	}
	if rapid.Bool().Draw(t, "has verbose") {
		m.Verbose = proto.Bool(rapid.Bool().Draw(t, "verbose"))
	}
	switch rapid.IntRange(0, 2).Draw(t, "selector") {
	case 1:
		m.Selector = &streamv1.WatchRequest_Name{Name: rapid.String().Draw(t, "name")}
	case 2:
		m.Selector = &streamv1.WatchRequest_Number{Number: rapid.Int32().Draw(t, "number")}
	}
	return m
}

// drawFilter returns a filter that is not empty anywhere: a query can't say "here, but empty".
func drawFilter(t *rapid.T, depth int) *streamv1.Filter {
	if depth == 0 || rapid.Bool().Draw(t, "no filter") {
		return nil
	}
	return &streamv1.Filter{Venue: rapid.StringN(1, 5, -1).Draw(t, "venue"), Open: rapid.Bool().Draw(t, "open"), Inner: drawFilter(t, depth-1)}
}

// writeQuery returns the parameters that stand for m.
func writeQuery(t *rapid.T, prefix string, m protoreflect.Message) []string {
	var parameters []string
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := prefix + string(fd.Name())
		if !fd.IsList() && rapid.Bool().Draw(t, "JSON name") {
			name = prefix + fd.JSONName()
		}
		switch {
		case fd.IsList():
			for i := range v.List().Len() {
				parameters = append(parameters, name+"="+url.QueryEscape(writeValue(t, fd, v.List().Get(i))))
			}
		case fd.Message() != nil && fd.Message().FullName() == "test.stream.v1.Filter":
			parameters = append(parameters, writeQuery(t, name+".", v.Message())...)
		default:
			parameters = append(parameters, name+"="+url.QueryEscape(writeValue(t, fd, v)))
		}
		return true
	})
	return parameters
}

// writeValue is protojson's text where a value has one, and any allowed spelling for the others.
func writeValue(t *rapid.T, fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		if known := fd.Enum().Values().ByNumber(v.Enum()); known != nil && rapid.Bool().Draw(t, "enum name") {
			return string(known.Name())
		}
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.BytesKind:
		return rapid.SampledFrom([]*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding}).
			Draw(t, "base64").EncodeToString(v.Bytes())
	case protoreflect.MessageKind:
		out, err := protojson.Marshal(v.Message().Interface())
		require.NoError(t, err)
		var text string
		if json.Unmarshal(out, &text) != nil {
			return string(out)
		}
		return text
	case protoreflect.DoubleKind:
		switch n := v.Float(); {
		case math.IsInf(n, 1):
			return "Infinity"
		case math.IsInf(n, -1):
			return "-Infinity"
		}
	}
	return fmt.Sprint(v.Interface())
}
