package bridge_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// On a shared route, a setting with the cursor and another value of the caller could let two users share a stream. Such a
// setting is one problem, wherever the route comes from.
func TestACursorBesideACallerOnASharedRouteIsRefusedOnce(t *testing.T) {
	mixed := config.Template{{Ref: "header.x-user"}, {Text: ":"}, {Ref: config.LastEventID}}
	spoil := func(r *config.Route, section string) *config.Route {
		r.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest})
		if section == "request" {
			r.Request.Set = []config.Setting{{Field: "topic", Value: mixed}}
		} else {
			r.Metadata.Set = []config.MetadataSetting{{Name: "x-key", Value: mixed}}
		}
		return r
	}
	route := func(section string) *config.Route {
		r := spoil(config.NewRoute("/a"), section)
		r.Service, r.Method = "test.stream.v1.StreamService", "Watch"
		return r
	}
	events := func(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] { return nil }
	for _, section := range []string{"request", "metadata"} {
		for name, ask := range map[string]func() config.Problems{
			"a file": func() config.Problems {
				field := map[string]string{"request": "topic", "metadata": "x-key"}[section]
				return checkFile(t, "upstreams: {a: {target: '127.0.0.1:1', schema: {proto: {files: [annotated.proto], import_paths: [TESTDATA]}}}}\n"+
					"routes: [{path: /a, rpc: test.annotated.v1.AnnotatedService/Plain, share: {late_join: latest}, "+
					section+": {set: {"+field+": '${header.x-user}:${last_event_id}'}}}]")
			},
			"the defaults of a file": func() config.Problems {
				return checkFile(t, "upstreams: {a: {target: '127.0.0.1:1', annotations: true, schema: {proto: {files: [annotated.proto], import_paths: [TESTDATA]}}}}\n"+
					"defaults: {share: {late_join: latest}, metadata: {set: {x-key: '${header.x-user}:${last_event_id}'}}}")
			},
			"Go": func() config.Problems {
				cfg := config.New(route(section))
				cfg.Upstreams = config.ForUpstream("127.0.0.1:1").Upstreams
				return bridge.CheckOffline(t.Context(), cfg)
			},
			"the defaults of every method": func() config.Problems {
				cfg := config.ForUpstream("127.0.0.1:1")
				spoil(cfg.Defaults, section)
				return bridge.CheckOffline(t.Context(), cfg)
			},
			"a route with a source of its own": func() config.Problems {
				return bridge.CheckOffline(t.Context(), nil, bridge.WithRoute(spoil(config.NewRoute("/a"), section), bridge.Func(events)))
			},
		} {
			problems := ask()
			if assert.Len(t, problems, 1, "%s: %v", name, problems) {
				assert.False(t, problems[0].Warning)
				assert.Contains(t, problems[0].Message, "${last_event_id}", name)
			}
		}
	}
}

// checkFile returns the problems that `grpcsse check --offline` finds in a file, with and without its schema. Problems with the
// same text count once.
func checkFile(t *testing.T, text string) (errors config.Problems) {
	t.Helper()
	data, err := filepath.Abs("testdata")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "TESTDATA", data)), 0o600))
	cfg, problems, err := config.Inspect(path)
	require.NoError(t, err)
	said := map[string]bool{}
	for _, p := range append(problems, bridge.CheckOffline(t.Context(), cfg)...) {
		if !p.Warning && !said[p.Error()] {
			errors = append(errors, p)
		}
		said[p.Error()] = true
	}
	return errors
}
