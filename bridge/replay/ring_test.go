package replay_test

import (
	"testing"

	"github.com/grpcsse/grpcsse/bridge/replay"
	"github.com/grpcsse/grpcsse/bridge/replay/replaytest"
)

func TestRingIsALog(t *testing.T) {
	replaytest.Run(t, func(b replay.Bounds) replay.Log { return replay.NewRing(b) })
}
