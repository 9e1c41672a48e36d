package bridge_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// The bridge builds a new table of routes each time it has read a schema. Each warning about the table is logged once.
func TestEachWarningOfCheckIsLoggedOnce(t *testing.T) {
	const local = "schema: {proto: {files: [annotated.proto], import_paths: [testdata]}}"
	tests := map[string]struct {
		file string
		want int
	}{
		"a port that is missing": {
			file: "upstreams: {a: {target: 127.0.0.211, " + local + "}}\nroutes: [{path: /a, rpc: test.annotated.v1.AnnotatedService/Plain}]", want: 1,
		},
		"a service that cannot be described": {
			file: "upstreams: {a: {target: BROKEN}, b: {target: ADDR}}\nroutes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]", want: 1,
		},
		"annotations that are ignored": {
			file: "upstreams: {a: {target: BROKEN, annotations: true}, b: {target: ADDR}}\nroutes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]", want: 1,
		},
		"annotations whose path is taken, and ids that cannot resume": {
			file: "upstreams: {a: {target: ADDR, annotations: true, " + local + "}}\nroutes: [{path: '/v2/{name}', " +
				"rpc: test.annotated.v1.AnnotatedService/Rule, request: {query: [], set: {topic: '${path.name}'}}}]", want: 2,
		},
		"no method with annotations": {
			file: "upstreams: {a: {target: ADDR, annotations: true}}", want: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			file := strings.NewReplacer("ADDR", fmt.Sprintf("%q", s.addr), "BROKEN", fmt.Sprintf("%q", startPartly(t, partly{}))).Replace(tt.file)
			cfg, err := config.Parse("grpcsse.yaml", []byte(file))
			require.NoError(t, err)
			text := new(logText)
			b, err := bridge.New(t.Context(), cfg, bridge.WithLogger(slog.New(slog.NewTextHandler(text, nil))))
			require.NoError(t, err)
			require.NoError(t, b.Ready(t.Context()))
			require.NoError(t, b.Close())
			warned := 0
			for _, p := range bridge.Check(t.Context(), cfg) {
				if !p.Warning {
					continue
				}
				warned++
				assert.Equal(t, 1, strings.Count(text.String(), fmt.Sprintf("msg=%q", p.Error())), "%v in\n%s", p, text)
			}
			assert.Equal(t, tt.want, warned)
		})
	}
}

func TestAnUpstreamWithoutServedMethodsIsLogged(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	full, none := config.ForUpstream(s.addr), config.ForUpstream("127.0.0.1:1")
	none.Upstreams[0].Schema = config.Schema{Proto: &config.ProtoSources{Files: []string{"google/protobuf/any.proto"}, ImportPaths: []string{"."}}}
	full.Upstreams = append(full.Upstreams, none.Upstreams...)
	for name, cfg := range map[string]*config.Config{"alone": none, "beside another": full} {
		text := new(logText)
		b, err := bridge.New(t.Context(), cfg, bridge.WithLogger(slog.New(slog.NewTextHandler(text, nil))))
		require.NoError(t, err, name)
		require.NoError(t, b.Ready(t.Context()))
		problems := b.Problems()
		require.NoError(t, b.Close())
		require.Len(t, problems, 1, name)
		assert.False(t, problems[0].Warning)
		assert.Contains(t, problems[0].Message, "has no server-streaming method: nothing of the upstream is served")
		assert.Len(t, linesWith(text.String(), "nothing of the upstream is served"), 1, name)
	}
}
