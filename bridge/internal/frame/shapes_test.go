package frame_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge/sse"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// shape is one of the four shapes of messages that transcoding is measured with, as the bridge frames it: a stream of them,
// since what compresses well is decided by what changes from one event to the next.
type shape struct {
	name   string
	blocks [][]byte
	data   int // where the data line begins
}

// shapes returns the four, with events each.
func shapes(t testing.TB, events int) []shape {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var all []shape
	for _, m := range []struct {
		name string
		next func(*rand.Rand, int) proto.Message
	}{{"quote", quote}, {"book", book}, {"log", logLine}, {"document", document}} {
		tc, err := transcode.New(m.next(random, 0).ProtoReflect().Descriptor(), transcode.Options{})
		require.NoError(t, err)
		name, err := sse.ParseName(m.name)
		require.NoError(t, err)
		s := shape{name: m.name, data: len(sse.AppendHead(nil, name)) - len("data: ")}
		for i := range events {
			wire, err := proto.Marshal(m.next(random, i))
			require.NoError(t, err)
			block, err := tc.AppendJSON(sse.AppendHead(nil, name), wire)
			require.NoError(t, err)
			id, _ := sse.EncodeID(fmt.Append(nil, 918273645+i))
			s.blocks = append(s.blocks, sse.AppendTail(block, id))
		}
		all = append(all, s)
	}
	return all
}

// quote is small.
func quote(random *rand.Rand, i int) proto.Message {
	bid := float64(18000+random.IntN(2000)) / 100
	return &transcodev1.Quote{
		Symbol: pick(random, "AAPL", "MSFT", "NVDA", "GOOG", "AMZN", "META"), Bid: bid, Ask: bid + float64(random.IntN(20))/1000,
		BidSize: int64(100 * random.IntN(30)), AskSize: int64(100 * random.IntN(30)), Sequence: 918273645 + uint64(i),
		Venue: transcodev1.Venue_VENUE_NASDAQ, EventTime: moment(random, i),
	}
}

// book has twenty levels on each side.
func book(random *rand.Rand, i int) proto.Message {
	b := &transcodev1.Book{Symbol: "AAPL", Sequence: 918273645 + uint64(i)}
	level := func(cents int) *transcodev1.Level {
		return &transcodev1.Level{Price: float64(cents) / 100, Size: int64(100 * random.IntN(40)), Orders: int32(1 + random.IntN(9))}
	}
	for n := range 20 {
		b.Bids = append(b.Bids, level(18927+i%7-n))
		b.Asks = append(b.Asks, level(18929+i%7+n))
	}
	return b
}

// logLine is text, some of it not ASCII and some to be escaped, with ten labels.
func logLine(random *rand.Rand, i int) proto.Message {
	ids := make([]byte, 24)
	for n := range ids {
		ids[n] = byte(random.IntN(256))
	}
	l := &transcodev1.Log{
		Time: moment(random, i), Severity: transcodev1.Severity_SEVERITY_ERROR, Service: "checkout-api", TraceId: ids[:16], SpanId: ids[16:],
		Message: "could not charge card of customer Zoë Müller: gateway answered \"402 Payment Required\" " + words(random, 6),
		Labels:  map[string]string{},
	}
	for n := range 10 {
		l.Labels[fmt.Sprintf("label-%d/name", n)] = words(random, 2)
	}
	l.Stack = "goroutine 118 [running]:\n"
	for range 5 {
		l.Stack += fmt.Sprintf("main.(*Server).%s(0xc000%06x, {0x7f, 0x3a})\n\t/srv/checkout/charge.go:%d +0x1d4\n",
			words(random, 1), random.IntN(1<<24), random.IntN(500))
	}
	return l
}

// document has 350 spans of text, 640 doubles of 17 digits and 11 structs.
func document(random *rand.Rand, i int) proto.Message {
	attributes := func() *structpb.Struct {
		boxes := []any{}
		for n := range 6 {
			boxes = append(boxes, map[string]any{"x": 12.5 * float64(n), "y": 99.25, "label": "a \"quoted\" label"})
		}
		s, err := structpb.NewStruct(map[string]any{
			"author": "Zoë Müller", "revision": float64(i), "draft": false, "score": random.Float64(), "parent": nil,
			"tags": []any{"alpha", "beta", "gamma"}, "boxes": boxes,
		})
		if err != nil {
			panic(err)
		}
		return s
	}
	d := &transcodev1.Document{
		Id: fmt.Sprintf("doc-%06d", i), Title: "An annual report", Created: moment(random, i), Metadata: attributes(),
	}
	for n := range 10 {
		s := &transcodev1.Section{Heading: fmt.Sprintf("Section %d", n), Attributes: attributes()}
		for j := range 35 {
			s.Spans = append(s.Spans, &transcodev1.Span{
				Text: words(random, 13), Start: uint32(100 * j), End: uint32(100*j + 95), Style: transcodev1.Style(j % 3), Link: j%4 == 0,
			})
		}
		for range 64 {
			s.Weights = append(s.Weights, random.Float64())
		}
		d.Sections = append(d.Sections, s)
	}
	return d
}

// moment is twenty events a second apart.
func moment(random *rand.Rand, i int) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: 1_763_900_123 + int64(i)/20, Nanos: int32(random.IntN(1_000_000)) * 1000}
}

func words(random *rand.Rand, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = pick(random, "lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do", "eiusmod",
			"tempor", "incididunt", "ut", "labore", "et", "dolore", "magna", "aliqua", "enim", "minim", "veniam", "quis", "nostrud")
	}
	return strings.Join(all, " ")
}

func pick(random *rand.Rand, from ...string) string { return from[random.IntN(len(from))] }
