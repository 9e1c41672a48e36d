package replaytest

import (
	"context"
	"testing"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// Log is the log under test. [replay.Ring] says what its methods promise, and the package replay what they promise together.
type Log interface {
	Begin(ctx context.Context, epoch string) error
	BeginAt(epoch string, offset uint64) error
	Append(ctx context.Context, d replay.Draft) error
	AppendAll(events []*replay.Event) error
	Watch(w replay.Watcher) (stop func())
	Read(dst []*replay.Event, from replay.Position, limit int) ([]*replay.Event, error)
	Find(id string) (replay.Position, bool)
	State() replay.State
	Lag(from replay.Position) replay.Lag
	Trim(bytes int64)
	Close()
}

// Run runs the suite. open returns a new log, which holds nothing and is in no epoch. Logs share nothing. The suite closes each
// log. One goroutine at a time calls open.
func Run(t *testing.T, open func(replay.Bounds) Log) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(replay.Bounds) Log)
	}{
		{"before the first epoch", testBeforeTheFirstEpoch},
		{"events are read as they were appended", testReadsWhatWasAppended},
		{"read stays within its maximum", testReadMax},
		{"an append at another position conflicts", testConflict},
		{"of two appenders one wins each position", testAppenders},
		{"an epoch ends the one before it", testEpochs},
		{"epochs need a new name", testEpochNames},
		{"an epoch begins at an offset", testBeginAt},
		{"an epoch goes on at an offset", testLeap},
		{"several events at once", testAppendAll},
		{"several events of which one conflicts", testAppendAllConflict},
		{"bounded in events", testBoundedInEvents},
		{"bounded in bytes", testBoundedInBytes},
		{"bounded in age", testBoundedInAge},
		{"the newest event is always held", testNewestIsHeld},
		{"trim", testTrim},
		{"find by id", testFind},
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
