package bind

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

func binderOf(t require.TestingT, m proto.Message, spec Spec) *Binder {
	b, problems := Compile(m.ProtoReflect().Descriptor(), spec)
	require.Empty(t, problems)
	return b
}

func TestWhichRequestsAreWrittenDirectly(t *testing.T) {
	for name, tt := range map[string]struct {
		message proto.Message
		spec    Spec
		want    bool
	}{
		"variables":                   {&streamv1.WatchRequest{}, Spec{Variables: []string{"topic", "after_sequence"}}, true},
		"no variables":                {&streamv1.WatchRequest{}, Spec{}, true},
		"with a query":                {&streamv1.WatchRequest{}, Spec{Variables: []string{"topic"}, QueryAll: true}, true},
		"an optional field":           {&bindv1.Kinds{}, Spec{Variables: []string{"int32"}}, true},
		"one nested":                  {&streamv1.WatchRequest{}, Spec{Variables: []string{"topic", "filter.venue"}}, false},
		"a message":                   {&streamv1.WatchRequest{}, Spec{Variables: []string{"since"}}, false},
		"a member of a oneof":         {&bindv1.Kinds{}, Spec{Variables: []string{"left"}}, false},
		"a literal":                   {&streamv1.WatchRequest{}, Spec{Set: []Setting{{Field: "topic", Value: Value{{Text: "x"}}}}}, false},
		"a reference":                 {&streamv1.WatchRequest{}, Spec{Set: []Setting{{Field: "topic", Value: Value{{Ref: "query.x"}}}}}, false},
		"a message that needs fields": {&bindv1.Strict{}, Spec{Variables: []string{"must"}}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, binderOf(t, tt.message, tt.spec).direct) })
	}
}

// scalars returns the names of the fields that can be written directly.
func scalars(md protoreflect.MessageDescriptor) (names []string) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		oneof := fd.ContainingOneof()
		if fd.Message() == nil && !fd.IsList() && (oneof == nil || oneof.IsSynthetic()) {
			names = append(names, string(fd.Name()))
		}
	}
	return names
}

// A request is the same bytes, or the same error, however it is written.
func TestWhatIsWrittenDirectlyIsWhatAMessageWouldBe(t *testing.T) {
	texts := rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "0", "-0", "1", "-1", "150", "-2147483648", "4294967295", "9223372036854775807", "18446744073709551615", "0.0", "-0.0", "1.5",
			"NaN", "-Infinity", "true", "false", "MODE_FAST", "MODE_NEGATIVE", "MODE_UNSPECIFIED", "YQ==", "text", "é", "\xff",
		}),
		rapid.String(),
	)
	for _, m := range []proto.Message{
		&bindv1.Kinds{}, &streamv1.WatchRequest{}, &transcodev1.Proto3{}, &transcodev1.Proto2{}, &transcodev1.Edition{},
	} {
		all := scalars(m.ProtoReflect().Descriptor())
		require.NotEmpty(t, all)
		rapid.Check(t, func(t *rapid.T) {
			names := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, min(len(all), 6), rapid.ID[string]).Draw(t, "fields")
			direct := binderOf(t, m, Spec{Variables: names})
			require.True(t, direct.direct)
			whole := *direct
			whole.direct = false
			in := Input{}
			for range names {
				in.Variables = append(in.Variables, texts.Draw(t, "text"))
			}
			want, wantErr := whole.Bind(in)
			got, gotErr := direct.Bind(in)
			require.Equal(t, wantErr, gotErr)
			require.Equal(t, want, got, fmt.Sprint(names, in.Variables))
		})
	}
}

// Every kind of field is tried with a value, whatever the property above draws.
func TestEachKindIsWrittenDirectly(t *testing.T) {
	for _, m := range []proto.Message{&bindv1.Kinds{}, &transcodev1.Proto3{}, &transcodev1.Edition{}} {
		for _, name := range scalars(m.ProtoReflect().Descriptor()) {
			written := 0
			for _, text := range []string{"0", "-0", "1", "-1", "-1.5", "true", "false", "YQ==", ""} {
				direct := binderOf(t, m, Spec{Variables: []string{name}})
				whole := *direct
				whole.direct = false
				in := Input{Variables: []string{text}}
				want, wantErr := whole.Bind(in)
				got, gotErr := direct.Bind(in)
				require.Equal(t, wantErr, gotErr, "%s=%s", name, text)
				require.Equal(t, want, got, "%s=%s", name, text)
				if len(got) > 0 {
					written++
				}
			}
			assert.NotZero(t, written, name)
		}
	}
}

func BenchmarkBind(b *testing.B) {
	direct := binderOf(b, &streamv1.WatchRequest{}, Spec{QueryAll: true, Variables: []string{"topic"}})
	whole := *direct
	whole.direct = false
	in := Input{Variables: []string{"topic-17"}}
	for name, binder := range map[string]*Binder{"direct": direct, "by a message": &whole} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := binder.Bind(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
