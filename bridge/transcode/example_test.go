package transcode_test

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge/transcode"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

func Example() {
	wire, _ := proto.Marshal(&transcodev1.Quote{
		Symbol: "AAPL", Bid: 189.27, BidSize: 1200, Venue: transcodev1.Venue_VENUE_NYSE,
		EventTime: &timestamppb.Timestamp{Seconds: 1_763_900_123, Nanos: 500_000_000},
	})

	t, err := transcode.New((&transcodev1.Quote{}).ProtoReflect().Descriptor(), transcode.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	buf := make([]byte, 0, 1024) // to be used again for the next message
	buf, err = t.AppendJSON(buf, wire)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", buf)
	// Output:
	// {"symbol":"AAPL","bid":189.27,"bidSize":"1200","venue":"VENUE_NYSE","eventTime":"2025-11-23T12:15:23.500Z"}
}

// EmitDefaults keeps zeros, which many clients expect to find.
func ExampleOptions() {
	wire, _ := proto.Marshal(&transcodev1.Level{Price: 189.27})

	t, err := transcode.New((&transcodev1.Level{}).ProtoReflect().Descriptor(), transcode.Options{EmitDefaults: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := t.AppendJSON(nil, wire)
	fmt.Printf("%s %v\n", text, err)
	// Output:
	// {"price":189.27,"size":"0","orders":0} <nil>
}

// An error says where in the message the problem is, and dst is returned as it was.
func ExampleTranscoder_AppendJSON_errors() {
	wire, _ := proto.Marshal(&transcodev1.Quote{EventTime: &timestamppb.Timestamp{Seconds: 1 << 40}})

	t, err := transcode.New((&transcodev1.Quote{}).ProtoReflect().Descriptor(), transcode.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := t.AppendJSON([]byte("data: "), wire)
	fmt.Printf("%q\n%v\n", text, err)
	var e *transcode.Error
	if errors.As(err, &e) {
		fmt.Println(e.Path, errors.Is(err, transcode.ErrUnrepresentable))
	}
	// Output:
	// "data: "
	// test.transcode.v1.Quote: field event_time: at byte 2: value has no JSON form: timestamp of 1099511627776 s and 0 ns is out of range
	// event_time true
}

func ExampleCompilePath_errors() {
	_, err := transcode.CompilePath((&transcodev1.Quote{}).ProtoReflect().Descriptor(), "event_time.secs")
	fmt.Println(err)
	// Output:
	// field path "event_time.secs": "secs" in google.protobuf.Timestamp does not exist
}

func ExamplePath() {
	wire, _ := proto.Marshal(&transcodev1.Small{
		Number: 7,
		Pick:   &transcodev1.Small_Right{Right: &transcodev1.Small{Text: "inner"}},
	})
	md := (&transcodev1.Small{}).ProtoReflect().Descriptor()

	for _, path := range []string{"number", "pick", "right.text", "left"} {
		p, err := transcode.CompilePath(md, path)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, ok, err := p.AppendText(nil, wire)
		fmt.Printf("%s: %q %v %v\n", path, text, ok, err)
	}
	// Output:
	// number: "7" true <nil>
	// pick: "right" true <nil>
	// right.text: "inner" true <nil>
	// left: "" false <nil>
}

// The bytes of a sub-message become JSON by themselves.
func ExamplePath_Message() {
	wire, _ := proto.Marshal(&transcodev1.Small{Next: &transcodev1.Small{Text: "inner"}})
	md := (&transcodev1.Small{}).ProtoReflect().Descriptor()

	p, err := transcode.CompilePath(md, "next")
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := transcode.New(p.Descriptor().Message(), transcode.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sub, err := p.Message(wire)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := t.AppendJSON(nil, sub)
	fmt.Printf("%s %v\n", text, err)
	// Output:
	// {"text":"inner"} <nil>
}
