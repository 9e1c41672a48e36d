package stream

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

func TestAStreamThatFoundNoSlotIsTurnedAway(t *testing.T) {
	rt := &route.Route{Config: &config.Route{}}
	end := notOpened(rt, fmt.Errorf("open: %w", upstream.ErrNoSlot))
	assert.JSONEq(t, `{"code":14,"status":"UNAVAILABLE","message":"the upstream has no room for another stream",
		"retry":true,"reason":"limit"}`, string(end.JSON()))
	require.ErrorIs(t, end.Cause, upstream.ErrNoSlot, "the operator can do something about it")
}
