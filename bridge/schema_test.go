package bridge_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestSchemasInFiles(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	dir := t.TempDir()
	set := filepath.Join(dir, "test.binpb")
	data, err := proto.Marshal(&descriptorpb.FileDescriptorSet{
		File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(streamv1.File_test_stream_v1_stream_proto)},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(set, data, 0o600))
	text, err := protojson.Marshal(&descriptorpb.FileDescriptorSet{
		File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(streamv1.File_test_stream_v1_stream_proto)},
	})
	require.NoError(t, err)
	asJSON := filepath.Join(dir, "test.json")
	require.NoError(t, os.WriteFile(asJSON, text, 0o600))
	for name, schema := range map[string]string{
		"descriptor set": fmt.Sprintf("{descriptor_set: %q}", set),
		"JSON":           fmt.Sprintf("{descriptor_set: %q}", asJSON),
		"a pattern":      `{proto: {files: ["test/stream/**/*.proto"], import_paths: [../proto]}}`,
		"proto sources":  `{proto: {files: [test/stream/v1/stream.proto], import_paths: [../proto]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, fmt.Sprintf(`
upstreams:
  test: {target: "ADDR", schema: %s}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch}
`, schema))
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
			require.Len(t, got, 2)
			assert.Contains(t, got[0].data, `"sequence":"1"`)
		})
	}
}

func TestNewRefusesAMissingFile(t *testing.T) {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams:
  test: {target: "localhost:1", schema: {descriptor_set: nowhere.binpb}}
routes:
  - {path: /watch, rpc: test.stream.v1.StreamService/Watch}
`))
	require.NoError(t, err)
	_, err = bridge.New(t.Context(), cfg)
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 1)
	assert.Equal(t, 3, problems[0].Line)
	assert.Contains(t, problems[0].Message, "nowhere.binpb")
}

func TestTheProblemOfAPatternWithoutFilesHasAPosition(t *testing.T) {
	dir := t.TempDir()
	for name, check := range map[string]func(*config.Config) error{
		"New":          func(cfg *config.Config) error { _, err := bridge.New(t.Context(), cfg); return err },
		"CheckOffline": func(cfg *config.Config) error { return bridge.CheckOffline(t.Context(), cfg) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse(filepath.Join(dir, "grpcsse.yaml"), []byte(`upstreams:
  test:
    target: "localhost:1"
    schema:
      proto:
        files:
          - test/stream/v1/stream.proto
          - "nowhere/**/*.proto"
routes:
  - {path: /watch, rpc: test.stream.v1.StreamService/Watch}
`))
			require.NoError(t, err)
			var problems config.Problems
			require.ErrorAs(t, check(cfg), &problems)
			assert.Equal(t, 8, problems[0].Line)
			assert.Equal(t, "upstreams.test.schema.proto.files[1]", problems[0].Path)
			assert.Contains(t, problems[0].Message, `"nowhere/**/*.proto" finds no file`)
			assert.Contains(t, problems[0].Message, dir)
		})
	}
}

func TestServeEveryMethodOfAServer(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	b, err := bridge.New(t.Context(), config.ForUpstream(s.addr))
	require.NoError(t, err)
	url := serveHTTP(t, b)
	require.NoError(t, b.Ready(t.Context()))
	var paths []string
	for _, info := range b.Routes() {
		assert.Nil(t, info.Problem)
		paths = append(paths, info.Path)
	}
	assert.Contains(t, paths, "/test.stream.v1.StreamService/Watch")
	assert.NotContains(t, paths, "/test.stream.v1.StreamService/Get")
	assert.NotContains(t, paths, "/test.stream.v1.StreamService/Chat")
	got := newReader(do(t, clients(t)["HTTP1"],
		eventSource(t.Context(), t, url+"/test.stream.v1.StreamService/Watch?topic=x"))).all(t)
	require.Len(t, got, 2)
	assert.JSONEq(t, `{"topic":"x"}`, echoed(t, got[0]))
}

func TestUnknownPathsAreRefusedWhileSchemasAreMissing(t *testing.T) {
	b, err := bridge.New(t.Context(), config.ForUpstream("127.0.0.1:1"))
	require.NoError(t, err)
	_, resp, answer := ask(t, clients(t)["HTTP1"], serveHTTP(t, b)+"/test.stream.v1.StreamService/Watch")
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, "404 would close an EventSource for good")
	assert.True(t, answer.Retry)
}

func TestTheUpstreamIsFoundByItsService(t *testing.T) {
	s, other := startServer(t, "127.0.0.1:0", count(1, nil)), startServer(t, "127.0.0.1:0", count(2, nil))
	const file = `
upstreams:
  down: {target: "127.0.0.1:1"}
  test: {target: "ADDR"}
%s
routes:
  - {path: /watch, rpc: test.stream.v1.StreamService/Watch%s}
`
	f := startFront(t, s, fmt.Sprintf(file, "", ""))
	assert.Equal(t, "test", f.bridge.Routes()[0].Upstream)

	second := fmt.Sprintf("  other: {target: %q}", other.addr)
	f = startFront(t, s, fmt.Sprintf(file, second, ""))
	require.NotNil(t, f.bridge.Routes()[0].Problem)
	assert.Contains(t, f.bridge.Routes()[0].Problem.Message, `"test" and "other" both have the service`)

	f = startFront(t, s, fmt.Sprintf(file, second, ", upstream: other"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch"))).all(t)
	assert.Len(t, got, 3)
}
