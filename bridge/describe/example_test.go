package describe_test

import (
	"fmt"

	"github.com/grpcsse/grpcsse/bridge/describe"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

func Example() {
	shapes := describe.New(describe.Options{EmitDefaults: true})
	quote := shapes.Message((&transcodev1.Quote{}).ProtoReflect().Descriptor())
	for _, f := range quote.Object.Fields {
		presence := "may be missing"
		if f.Required {
			presence = "is always there"
		}
		fmt.Printf("%s: %s, %s\n", f.Name, f.Shape.Kind, presence)
	}
	// Output:
	// symbol: string, is always there
	// bid: double, is always there
	// ask: double, is always there
	// bidSize: int64, is always there
	// askSize: int64, is always there
	// sequence: uint64, is always there
	// venue: enum, is always there
	// eventTime: timestamp, may be missing
}

func ExampleNew() {
	shapes := describe.New(describe.Options{})
	shapes.Message((&transcodev1.Book{}).ProtoReflect().Descriptor())
	shapes.Message((&transcodev1.Level{}).ProtoReflect().Descriptor()) // which Book has described already
	for _, o := range shapes.Objects() {
		fmt.Println(o.Name, len(o.Fields))
	}
	// Output:
	// test.transcode.v1.Book 4
	// test.transcode.v1.Level 3
}
