package describe_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

const shop = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

// Order is what somebody
//   has bought.
//
// buf:lint:ignore MESSAGE_NAMES
message Order {
  option deprecated = true;
  // The number,
  // which grows.
  int64 number = 1;
  string note_text = 2 [deprecated = true]; // behind the line
  /* In a
   * block. */
  State state = 3;
  // How it was paid.
  oneof payment {
    // A card.
    Card card = 4;
    string cash = 5;
  }
  optional bool gift = 6;
  repeated Order parts = 7;
  map<int32, Card> cards = 8;
  google.protobuf.Timestamp time = 9;
  google.protobuf.Int64Value tip = 10;
  map<bool, bytes> blobs = 11;
}
message Card { string number = 1 [json_name = "no"]; }
// State says how far an order is.
enum State {
  option allow_alias = true;
  STATE_UNSPECIFIED = 0; // not known
  STATE_PAID = 1;
  STATE_SETTLED = 1 [deprecated = true];
}
service Orders {
  // Watch watches.
  rpc Watch(Card) returns (stream Order) { option deprecated = true; }
}
`

// compiled returns the file of a .proto source with its comments.
func compiled(t testing.TB, source string) protoreflect.FileDescriptor {
	t.Helper()
	compiler := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: protocompile.SourceAccessorFromMap(map[string]string{"shop.proto": source}),
		}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := compiler.Compile(context.Background(), "shop.proto")
	require.NoError(t, err)
	return files[0]
}

// outline writes a description as text. Each object and enum has its lines once.
func outline(s *describe.Shapes) string {
	var b strings.Builder
	marks := func(doc string, deprecated bool) string {
		mark := ""
		if deprecated {
			mark = " deprecated"
		}
		if doc != "" {
			mark += fmt.Sprintf(" %q", doc)
		}
		return mark
	}
	for _, o := range s.Objects() {
		fmt.Fprintf(&b, "%s%s\n", o.Name, marks(o.Doc, o.Deprecated))
		for _, f := range o.Fields {
			presence := "?"
			if f.Required {
				presence = ""
			}
			if f.Nullable {
				presence += " or null"
			}
			if f.Oneof != nil {
				presence += " in " + string(f.Oneof.Name)
			}
			fmt.Fprintf(&b, "  %s%s: %s%s\n", f.Name, presence, text(f.Shape), marks(f.Doc, f.Deprecated))
		}
		for _, oneof := range o.Oneofs {
			fmt.Fprintf(&b, "  oneof %s of %d%s\n", oneof.Name, len(oneof.Fields), marks(oneof.Doc, false))
		}
	}
	for _, e := range s.Enums() {
		fmt.Fprintf(&b, "%s%s\n", e.Name, marks(e.Doc, e.Deprecated))
		for _, v := range e.Values {
			fmt.Fprintf(&b, "  %s = %d alias=%v%s\n", v.Name, v.Number, v.Alias, marks(v.Doc, v.Deprecated))
		}
	}
	return b.String()
}

// text returns a shape as text, with the names of the types it refers to.
func text(s *describe.Shape) string {
	switch s.Kind {
	case describe.Message:
		return string(s.Object.Name)
	case describe.List:
		return "list of " + text(s.Elem)
	case describe.Map:
		return "map of " + string(s.Key) + " to " + text(s.Elem)
	case describe.Enum, describe.EnumNumber:
		return string(s.Kind) + " " + string(s.Enum.Name)
	}
	return string(s.Kind)
}

func TestADescription(t *testing.T) {
	file := compiled(t, shop)
	shapes := describe.New(describe.Options{EmitDefaults: true})
	order := shapes.Message(file.Messages().ByName("Order"))
	assert.Equal(t, `shop.v1.Order deprecated "Order is what somebody\n  has bought."
  number: int64 "The number,\nwhich grows."
  noteText: string deprecated "behind the line"
  state: enum shop.v1.State "In a\nblock."
  card? in payment: shop.v1.Card "A card."
  cash? in payment: string
  gift?: bool
  parts: list of shop.v1.Order
  cards: map of int32 to shop.v1.Card
  time?: timestamp
  tip?: int64
  blobs: map of bool to bytes
  oneof payment of 2 "How it was paid."
shop.v1.Card
  no: string
shop.v1.State "State says how far an order is."
  STATE_UNSPECIFIED = 0 alias=false "not known"
  STATE_PAID = 1 alias=false
  STATE_SETTLED = 1 alias=true deprecated
`, outline(shapes))
	assert.Same(t, order, shapes.Message(file.Messages().ByName("Order")), "a type is described once")
	assert.Same(t, order.Object, order.Object.Fields[6].Shape.Elem.Object, "a recursive type leads back to itself")
	watch := file.Services().Get(0).Methods().Get(0)
	assert.Equal(t, "Watch watches.", describe.Doc(watch))
	assert.True(t, describe.Deprecated(watch))
	assert.Empty(t, describe.Doc(file.Services().Get(0)))
	assert.False(t, describe.Deprecated(file.Services().Get(0)))
}

func TestTheOptionsOfADescription(t *testing.T) {
	file := compiled(t, shop)
	for _, test := range []struct {
		options describe.Options
		lines   []string
	}{
		{describe.Options{}, []string{"  noteText?: string", "  state?: enum shop.v1.State", "  parts?: list", "  no?: string"}},
		{describe.Options{ProtoNames: true, EmitDefaults: true}, []string{"  note_text: string", "  number: string"}},
		{describe.Options{EnumNumbers: true, EmitDefaults: true}, []string{"  state: enum number shop.v1.State"}},
		{describe.Options{EmitUnpopulated: true}, []string{"  number: int64", "  gift?: bool", "  time or null: timestamp", "  cash? in"}},
	} {
		shapes := describe.New(test.options)
		shapes.Message(file.Messages().ByName("Order"))
		for _, line := range test.lines {
			assert.Contains(t, outline(shapes), line, "under %+v", test.options)
		}
	}
}

// A comment is the text of a stranger.
func TestACommentIsPlainText(t *testing.T) {
	for _, test := range []struct{ comment, doc string }{
		{"// a\u2028b\u2029c\u0085d", "a\nb\nc\nd"},
		{"// a\rb", "a\nb"},
		{"// a\vb\fc", "a\nb\nc"},
		{"// a\x1b[31mb\x07\x7f\u009b", "a[31mb"},
		{"// a\u202eb\u2066c\ufeffd", "abcd"},
		{"//\ta\tb", "   a    b"},
		{"//\n//\n// a  \n//", "a"},
		{"// a\n// buf:lint:ignore X\n// b", "a\nb"},
		{"//", ""},
	} {
		file := compiled(t, "syntax = \"proto3\";\n\n"+test.comment+"\nmessage M {}\n")
		assert.Equal(t, test.doc, describe.Doc(file.Messages().Get(0)), "%q", test.comment)
	}
}
