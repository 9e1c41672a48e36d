package transcode_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// quote is small: 58 bytes on the wire.
func quote() *transcodev1.Quote {
	return &transcodev1.Quote{
		Symbol: "AAPL", Bid: 189.27, Ask: 189.295, BidSize: 1200, AskSize: 900, Sequence: 918273645, Venue: transcodev1.Venue_VENUE_NASDAQ,
		EventTime: &timestamppb.Timestamp{Seconds: 1_763_900_123, Nanos: 456_789_000},
	}
}

// book has twenty levels on each side.
func book() *transcodev1.Book {
	b := &transcodev1.Book{Symbol: "AAPL", Sequence: 918273645}
	for i := range 20 {
		b.Bids = append(b.Bids, &transcodev1.Level{Price: float64(18927-i) / 100, Size: int64(100 + 37*i), Orders: int32(1 + i%9)})
		b.Asks = append(b.Asks, &transcodev1.Level{Price: float64(18929+i) / 100, Size: int64(100 + 41*i), Orders: int32(1 + i%7)})
	}
	return b
}

// logLine is text, some of it not ASCII and some to be escaped, with ten labels.
func logLine() *transcodev1.Log {
	l := &transcodev1.Log{
		Time: &timestamppb.Timestamp{Seconds: 1_763_900_123, Nanos: 456_000_000}, Severity: transcodev1.Severity_SEVERITY_ERROR,
		Service: "checkout-api", TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"),
		Message: "could not charge card of customer Zoë Müller: gateway answered \"402 Payment Required\" after 3 attempts – giving up",
		Labels:  map[string]string{},
	}
	for i := range 10 {
		l.Labels[fmt.Sprintf("label-%d/name", i)] = fmt.Sprintf("value of label %d", i)
	}
	l.Stack = "goroutine 118 [running]:\n" + strings.Repeat("main.(*Server).charge(0xc000124000, {0x7f, 0x3a})\n\t/srv/checkout/charge.go:214 +0x1d4\n", 5)
	return l
}

// document has 350 spans of text, 640 doubles of 17 digits and 11 structs: about 50 KB.
func document() *transcodev1.Document {
	random := rand.New(rand.NewPCG(1, 2))
	attributes := func() *structpb.Struct {
		boxes := []any{}
		for i := range 6 {
			boxes = append(boxes, map[string]any{"x": 12.5 * float64(i), "y": 99.25, "label": "a \"quoted\" label"})
		}
		s, err := structpb.NewStruct(map[string]any{
			"author": "Zoë Müller", "revision": 17.0, "draft": false, "score": random.Float64(), "parent": nil,
			"tags": []any{"alpha", "beta", "gamma"}, "boxes": boxes,
		})
		if err != nil {
			panic(err)
		}
		return s
	}
	d := &transcodev1.Document{
		Id: "doc-000017", Title: "An annual report", Created: &timestamppb.Timestamp{Seconds: 1_763_900_123}, Metadata: attributes(),
	}
	for i := range 10 {
		s := &transcodev1.Section{Heading: fmt.Sprintf("Section %d", i), Attributes: attributes()}
		for j := range 35 {
			s.Spans = append(s.Spans, &transcodev1.Span{
				Text:  strings.Repeat("Lorem ipsum dolor sit amet, consectetur adipiscing elit. ", 2)[:75+j],
				Start: uint32(100 * j), End: uint32(100*j + 95), Style: transcodev1.Style(j % 3), Link: j%4 == 0,
			})
		}
		for range 64 {
			s.Weights = append(s.Weights, random.Float64())
		}
		d.Sections = append(d.Sections, s)
	}
	return d
}

func marshal(m proto.Message) []byte {
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		panic(err)
	}
	return wire
}

// shuffled puts the fields of a message, and of the messages in it, into a random order. Lists and maps stay in one run.
func shuffled(random *rand.Rand, md protoreflect.MessageDescriptor, wire []byte) []byte {
	var runs [][]byte
	last := protowire.Number(0)
	for len(wire) > 0 {
		num, typ, n := protowire.ConsumeField(wire)
		field := wire[:n]
		fd := md.Fields().ByNumber(num)
		if fd != nil && fd.Message() != nil && typ == protowire.BytesType && !fd.IsMap() {
			_, _, tagSize := protowire.ConsumeTag(field)
			content, _ := protowire.ConsumeBytes(field[tagSize:])
			field = protowire.AppendBytes(protowire.AppendTag(nil, num, typ), shuffled(random, fd.Message(), content))
		}
		if num != last {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], field...)
		last = num
		wire = wire[n:]
	}
	random.Shuffle(len(runs), func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
	var out []byte
	for _, run := range runs {
		out = append(out, run...)
	}
	return out
}

// The shapes have the documented sizes, and give the same JSON in any order of fields.
func TestShapes(t *testing.T) {
	for _, tt := range []struct {
		message  proto.Message
		from, to int
	}{{quote(), 50, 70}, {book(), 600, 700}, {logLine(), 900, 1050}, {document(), 45_000, 60_000}} {
		md := tt.message.ProtoReflect().Descriptor()
		t.Run(string(md.Name()), func(t *testing.T) {
			wire := marshal(tt.message)
			require.GreaterOrEqual(t, len(wire), tt.from)
			require.LessOrEqual(t, len(wire), tt.to)
			buf := make([]byte, 0, 1<<18)
			random := rand.New(rand.NewPCG(5, 6))
			for _, opts := range []transcode.Options{{}, {EmitDefaults: true}, {EmitUnpopulated: true}} {
				tc := newTranscoder(t, tt.message, opts)
				for range 20 {
					mixed := shuffled(random, md, wire)
					assertSame(t, tc, opts, mixed)
					if !raceEnabled {
						require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = tc.AppendJSON(buf, mixed) }))
					}
				}
				require.Zero(t, tc.Fallbacks())
			}
		})
	}
}
