package openapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/anymessage"
	"github.com/grpcsse/grpcsse/internal/misfit"
)

// samplesOfType is how many random messages of each type are written.
const samplesOfType = 6

// TestWhatIsWrittenFits validates JSON that the bridge's transcoder wrote: of empty messages, and of random ones. Then it makes one value
// wrong, and the schema must refuse it.
func TestWhatIsWrittenFits(t *testing.T) {
	right, wrong := 0, map[string]int{}
	for _, bits := range []int{0, 3, 4, 7} {
		o := describe.Options{ProtoNames: bits&1 != 0, EnumNumbers: bits&2 != 0, EmitDefaults: bits&4 == 0}
		api := openapi.API{Auth: &config.Auth{}}
		for _, md := range misfit.MessageTypes() {
			api.Routes = append(api.Routes, routeFor(md, o))
		}
		doc := made(t, api, openapi.V31)
		for _, r := range api.Routes {
			schema := doc.data(t, r.Path)
			shape := describe.New(o).Message(r.Data)
			for _, text := range written(t, r.Data, o) {
				right++
				if err := fits(t, schema, text); !assert.NoError(t, err, "%s does not fit %s", text, r.Data.FullName()) {
					return
				}
				for _, bad := range misfit.Of(t, shape, text) {
					if bad.What == misfit.UnknownMember {
						continue // schemas let further members pass
					}
					if wrong[bad.What]++; wrong[bad.What] <= 60 { // of a kind of mistake, some are enough
						require.Error(t, fits(t, schema, bad.Text), "%s fits %s: %s", bad.Text, r.Data.FullName(), bad.What)
					}
				}
			}
		}
	}
	assert.Greater(t, right, 400)
	t.Logf("%d documents, and mistakes: %v", right, wrong)
	for _, kind := range misfit.Kinds() {
		assert.Equal(t, kind == misfit.UnknownMember, wrong[kind] == 0, "mistakes of the kind %q", kind)
	}
}

// routeFor returns a route whose events are messages of a type.
func routeFor(md protoreflect.MessageDescriptor, o describe.Options) contract.Route {
	path := "/" + string(md.FullName())
	return contract.Route{
		Name: path, Path: path, Methods: []string{"GET"}, RPC: "test", JSON: o, Data: md, Events: contract.Names{Unnamed: true},
		Method: streamv1.File_test_stream_v1_stream_proto.Services().Get(0).Methods().Get(0), Config: config.NewRoute(path),
	}
}

// written returns the JSON that the bridge writes for an empty message of a type, and for random ones.
func written(t *testing.T, md protoreflect.MessageDescriptor, o describe.Options) (all []string) {
	t.Helper()
	tc, err := transcode.New(md, transcode.Options{ProtoNames: o.ProtoNames, EnumNumbers: o.EnumNumbers, EmitDefaults: o.EmitDefaults})
	require.NoError(t, err)
	messages := []protoreflect.Message{dynamicpb.NewMessage(md)}
	draw := rapid.Custom(func(rt *rapid.T) protoreflect.Message { return anymessage.Message(rt, md) })
	for seed := range samplesOfType {
		messages = append(messages, draw.Example(seed))
	}
	met := map[string]bool{}
	for _, m := range messages {
		wire, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m.Interface())
		require.NoError(t, err)
		text, err := tc.AppendJSON(nil, wire)
		if err == nil && !met[string(text)] { // a message may have no JSON
			met[string(text)] = true
			all = append(all, string(text))
		}
	}
	return all
}

// A message with many fields, and with a oneof of many members, has a schema of bearable size.
func TestAWideMessage(t *testing.T) {
	var fields, members string
	for i := range 200 {
		fields += fmt.Sprintf("  int64 field_%d = %d;\n", i, i+1)
		members += fmt.Sprintf("    string member_%d = %d;\n", i, i+201)
	}
	api := described(t, map[string]string{
		"p.proto": "syntax = \"proto3\";\npackage p;\nmessage M {\n" + fields + "  oneof which {\n" + members + "  }\n}\nservice S { rpc Watch(M) returns (stream M); }\n",
		"grpcsse.yaml": `
upstreams: {u: {target: "127.0.0.1:1", schema: {proto: {files: [p.proto]}}}}
routes: [{path: /m, rpc: p.S/Watch, event: {name: which}, json: {emit_defaults: false}}]
`,
	})
	for _, target := range []openapi.Target{openapi.V31, openapi.V32} {
		doc := made(t, api, target)
		assert.Less(t, len(doc.text), 500_000)
		assert.Len(t, doc.Paths.Value("/m").Get.Parameters, 400)
		if target == openapi.V31 {
			schema := doc.data(t, "/m")
			assert.NoError(t, fits(t, schema, `{"field199": "7", "member3": "x"}`))
			assert.Error(t, fits(t, schema, `{"field199": 7}`))
			assert.Error(t, fits(t, schema, `{"member3": "x", "member150": "y"}`))
		}
	}
}
