package bridge

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

func TestThePublicReasonsAreThoseThatPagesRead(t *testing.T) {
	for reason, want := range map[Reason]ending.Reason{
		ReasonUpstream: ending.ByUpstream, ReasonRequest: ending.ByRequest, ReasonRoute: ending.ByRoute, ReasonDrain: ending.ByDrain,
		ReasonMaxAge: ending.ByMaxAge, ReasonLimit: ending.ByLimit, ReasonMessage: ending.ByMessage, ReasonSlow: ending.BySlow,
		ReasonGone: ending.ByGone,
	} {
		assert.Equal(t, string(want), string(reason))
	}
}
