package replaytest

import (
	"testing"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Run runs the suite. open returns a new log that holds nothing, is in no epoch, shares nothing with the others, and can take
// any bounds; the suite closes it. It is called by one goroutine at a time.
func Run(t *testing.T, open func(replay.Bounds) replay.Log) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(replay.Bounds) replay.Log)
	}{
		{"before the first epoch", testBeforeTheFirstEpoch},
		{"events are read as they were appended", testReadsWhatWasAppended},
		{"read stays within its maximum", testReadMax},
		{"an append at another position conflicts", testConflict},
		{"of two appenders one wins each position", testAppenders},
		{"an epoch ends the one before it", testEpochs},
		{"epochs need a new name", testEpochNames},
		{"bounded in events", testBoundedInEvents},
		{"bounded in bytes", testBoundedInBytes},
		{"bounded in age", testBoundedInAge},
		{"the newest event is always held", testNewestIsHeld},
		{"trim", testTrim},
		{"find by id", testFind},
		{"find what precedes an epoch", testFindBefore},
		{"lag", testLag},
		{"watch", testWatch},
		{"watch from within", testWatchFromWithin},
		{"readers see the same while events are evicted", testReaders},
		{"close", testClose},
		{"as a model has it", testModel},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}
