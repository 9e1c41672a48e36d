package bridge

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// Where an upstream has no slot for the stream, the browsers of a shared one are not told, if it can be opened again.
func TestWantOfASlotIsHiddenFromThoseWhoShare(t *testing.T) {
	b, err := New(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	rt := &route{cfg: config.NewRoute("/x"), health: &health{}, plan: &plan{method: "/a/b"}}
	for name, tt := range map[string]struct {
		attempt fanout.Attempt
		end     *ending.Ending
		want    fanout.Fate
	}{
		"no slot, when opening":      {fanout.Attempt{}, ending.Refuse(ending.ResourceExhausted, ending.ByLimit, ""), fanout.Broken},
		"no slot, when reopening":    {fanout.Attempt{Reopening: true}, ending.Refuse(ending.ResourceExhausted, ending.ByLimit, ""), fanout.Broken},
		"a message that fits nobody": {fanout.Attempt{Reopening: true}, unreadable(nil), fanout.Over},
	} {
		u := &sharedUpstream{feed: feed{renderer: renderer{rt: rt}, bridge: b}}
		assert.Equal(t, tt.want, u.judged(t.Context(), tt.attempt, tt.end).Fate, name)
	}
}
