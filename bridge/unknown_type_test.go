package bridge_test

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// A type that no schema has does not end a stream. The event has the bytes of the type. The observer is told each time, and the
// log names the type once.
func TestATypeThatNoSchemaHasDoesNotEndAStream(t *testing.T) {
	messages := func(context.Context, struct{}) iter.Seq2[*transcodev1.Known, error] {
		return func(yield func(*transcodev1.Known, error) bool) {
			for range 2 {
				if !yield(&transcodev1.Known{OneAny: &anypb.Any{TypeUrl: "x.org/no.Such", Value: []byte("v")}}, nil) {
					return
				}
			}
		}
	}
	var log bytes.Buffer
	l := &ledger{}
	r := config.NewRoute("/known")
	r.JSON.EmitDefaults = false
	f := startProgram(t, nil, bridge.WithRoute(r, bridge.Func(messages)), bridge.WithObserver(l),
		bridge.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/known"))).all(t)
	require.Len(t, got, 3)
	for _, ev := range got[:2] {
		assert.JSONEq(t, `{"oneAny":{"@type":"x.org/no.Such","value":"dg=="}}`, ev.data)
	}
	assert.Contains(t, got[2].data, `"status":"OK"`)
	require.NoError(t, f.bridge.Close())
	lines := strings.Join(l.lines, "\n")
	assert.Equal(t, 2, strings.Count(lines, "type unknown /known no.Such"), lines)
	assert.Equal(t, 1, strings.Count(log.String(), "type=no.Such"), log.String())
	assert.NotContains(t, log.String(), "dg==")
}
