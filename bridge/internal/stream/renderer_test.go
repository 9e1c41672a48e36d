package stream

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// rendering returns a renderer of test events, whose id, name and key are the given fields.
func rendering(t *testing.T, limit int, id, name, key string) *renderer {
	md := (&streamv1.Event{}).ProtoReflect().Descriptor()
	path := func(field string) *transcode.Path {
		if field == "" {
			return nil
		}
		p, err := transcode.CompilePath(md, field)
		require.NoError(t, err)
		return p
	}
	json, err := transcode.New(md, transcode.Options{MaxBytes: limit})
	require.NoError(t, err)
	cfg := config.NewRoute("/x")
	cfg.MaxEventBytes = config.Size(limit)
	return &renderer{rt: &route.Route{Config: cfg, Plan: &route.Plan{JSON: json, ID: path(id), Name: path(name), Key: path(key)}}}
}

// One large message must not keep its memory for the life of the stream, whichever part of it was large.
func TestARendererForgetsALargeMessage(t *testing.T) {
	large, err := proto.Marshal(&streamv1.Event{Text: strings.Repeat("x", 2*queueBytes)})
	require.NoError(t, err)
	small, err := proto.Marshal(&streamv1.Event{Text: "x"})
	require.NoError(t, err)
	for part, fields := range map[string][3]string{"data": {}, "id": {"text"}, "name": {"", "text"}, "key": {"", "", "text"}} {
		t.Run(part, func(t *testing.T) {
			r := rendering(t, 1<<20, fields[0], fields[1], fields[2])
			require.NoError(t, r.render(t.Context(), small))
			r.shrink()
			kept := &r.event.Block[:1][0]
			require.NoError(t, r.render(t.Context(), small))
			assert.Same(t, kept, &r.event.Block[:1][0], "the memory of small messages is used again")
			require.NoError(t, r.render(t.Context(), large))
			if part != "data" {
				r.event.Block = nil // what is held beside it must count too
			}
			r.shrink()
			assert.LessOrEqual(t, cap(r.event.Block)+cap(r.event.ID)+cap(r.event.Key)+cap(r.text), queueBytes)
		})
	}
}

func TestRenderingIsBoundedAndStops(t *testing.T) {
	wire, err := proto.Marshal(&streamv1.Event{Text: strings.Repeat("x", 1000)})
	require.NoError(t, err)
	err = rendering(t, 100, "", "", "").render(t.Context(), wire)
	var tooLarge *eventTooLargeError
	require.ErrorAs(t, err, &tooLarge)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, rendering(t, 1<<20, "", "", "").render(ctx, wire), context.Canceled)
}

// The budget of a route is that of its transcoder, which counts while it writes.
func TestARouteGivesItsBudgetToItsTranscoder(t *testing.T) {
	cfg := config.NewRoute("/watch")
	cfg.MaxEventBytes = 100
	wire, err := proto.Marshal(&streamv1.Event{Text: strings.Repeat("x", 1000)})
	require.NoError(t, err)
	_, err = routeOf(t, cfg).Plan.JSON.AppendJSONContext(t.Context(), nil, wire)
	require.ErrorIs(t, err, transcode.ErrTooLarge)
}
