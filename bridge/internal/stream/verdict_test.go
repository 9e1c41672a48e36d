package stream

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// Where an upstream has no slot for the stream, the browsers of a shared one are not told, if it can be opened again.
func TestWantOfASlotIsHiddenFromThoseWhoShare(t *testing.T) {
	b := newRunning(t, slog.New(slog.DiscardHandler))
	defer func() { require.NoError(t, b.Close()) }()
	rt := &route.Route{Config: config.NewRoute("/x"), Health: &route.Health{}, Plan: &route.Plan{Method: "/a/b"}}
	for name, tt := range map[string]struct {
		attempt reading.Attempt
		end     *ending.Ending
		want    reading.Fate
	}{
		"no slot, when opening":    {reading.Attempt{}, ending.Refuse(ending.ResourceExhausted, ending.ByLimit, ""), reading.Broken},
		"no slot, when reopening":  {reading.Attempt{Reopening: true}, ending.Refuse(ending.ResourceExhausted, ending.ByLimit, ""), reading.Broken},
		"a message that fits deaf": {reading.Attempt{Reopening: true}, unreadable(nil), reading.Over},
	} {
		f := b.sharedFeed(rt, &request.Request{}, bind.Input{}, nil)
		assert.Equal(t, tt.want, f.verdict(t.Context(), tt.attempt, tt.end).Fate, name)
	}
}
