package bridge_test

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// startAnnotated starts a server of testdata/annotated.proto. It answers every call with one update. The update has the
// sequence 7, the kind "tick", and a change with the topic of the request.
func startAnnotated(t *testing.T) *server {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	answer := func(_ any, stream grpc.ServerStream) error {
		var request []byte
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		// A request and a change both have the topic in the field 1, so the bytes of the request can be sent back.
		update := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
		update = protowire.AppendString(protowire.AppendTag(update, 2, protowire.BytesType), "tick")
		update = protowire.AppendBytes(protowire.AppendTag(update, 3, protowire.BytesType), request)
		return stream.SendMsg(update)
	}
	s := &server{grpc: grpc.NewServer(grpc.UnknownServiceHandler(answer), grpc.ForceServerCodecV2(rawCodec{})), addr: lis.Addr().String()}
	var served sync.WaitGroup
	served.Go(func() { _ = s.grpc.Serve(lis) })
	t.Cleanup(func() { s.grpc.Stop(); served.Wait() })
	return s
}

const annotatedFile = `
upstreams:
  test: {target: "ADDR", annotations: %v, schema: {proto: {files: [annotated.proto], import_paths: [testdata]}}}
`

func TestAnnotatedMethodsAreServed(t *testing.T) {
	f := startFront(t, startAnnotated(t), fmt.Sprintf(annotatedFile, true))
	tests := map[string]struct {
		path string
		want event
	}{
		"google.api.http":       {"/v1/news", event{"tick", `{"topic":"news"}`, "7"}},
		"an additional binding": {"/v1/topics/news:watch", event{"tick", `{"sequence":"7","kind":"tick","change":{"topic":"news"}}`, "7"}},
		"grpcsse.v1":            {"/v2/news", event{"tick", `{"sequence":"7","kind":"tick","change":{"topic":"news"}}`, "7"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+tt.path))).all(t)
			require.Len(t, got, 2)
			assert.Equal(t, tt.want, got[0])
		})
	}
	var sources []string
	for _, info := range f.bridge.Routes() {
		sources = append(sources, info.Path+" "+info.Source)
	}
	assert.Equal(t, []string{
		"/v2/{topic} annotation of test.annotated.v1.AnnotatedService.Option",
		"/v1/{topic} annotation of test.annotated.v1.AnnotatedService.Rule",
		"/v1/topics/{topic}:watch annotation of test.annotated.v1.AnnotatedService.Rule",
	}, sources)
}

func TestTheFileWinsOverAnnotations(t *testing.T) {
	f := startFront(t, startAnnotated(t), fmt.Sprintf(annotatedFile, true)+`
routes:
  - {path: "/mine/{topic}", rpc: test.annotated.v1.AnnotatedService/Rule, event: {name: {const: mine}}}
  - {path: "/v2/{name}", rpc: test.annotated.v1.AnnotatedService/Plain, request: {set: {topic: "${path.name}"}}}
`)
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/mine/x"))).all(t)
	require.Len(t, got, 2)
	assert.Equal(t, "mine", got[0].name)
	assert.Equal(t, "7", got[0].id, "the options of the message fill in what the route leaves out")

	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/v1/x"))
	assert.Equal(t, 404, resp.StatusCode, "a method in the file is served on the listed path only")

	problems := f.bridge.Problems()
	require.Len(t, problems, 3)
	assert.True(t, problems[0].Warning, "an annotation whose path is taken does not affect the route with the path")
	assert.Contains(t, problems[0].Message, "/v2/{")
	for i, path := range []string{"/mine/{topic}", "/v2/{name}"} {
		assert.True(t, problems[i+1].Warning)
		assert.Contains(t, problems[i+1].Message, `events of the route "`+path+`" have ids`, "the paths of the annotations count")
	}
}

func TestAnnotationsCountOnlyWhereTheUpstreamHasThemTurnedOn(t *testing.T) {
	f := startFront(t, startAnnotated(t), fmt.Sprintf(annotatedFile, false)+`
routes:
  - {path: "/mine/{topic}", rpc: test.annotated.v1.AnnotatedService/Rule}
`)
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/mine/x"))).all(t)
	require.Len(t, got, 2)
	assert.Empty(t, got[0].id)
	assert.Equal(t, 404, do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/v2/x")).StatusCode)
}
