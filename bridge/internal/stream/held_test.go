package stream

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// heldSource counts who holds its connections.
type heldSource struct {
	scripted

	held   atomic.Int64
	closed bool // it can no longer be held
}

func (s *heldSource) Hold() bool {
	if s.closed {
		return false
	}
	s.held.Add(1)
	return true
}

func (s *heldSource) Release() { s.held.Add(-1) }

// The connections of an upstream that a reload has removed stay open as long as a stream reads them. A shared stream does so while
// it lingers, without any caller.
func TestAStreamHoldsTheConnectionsThatItReads(t *testing.T) {
	const linger = time.Minute
	for name, tt := range map[string]struct {
		share   *config.Share
		callers int64 // how often the source is held with two callers
		lingers int64 // and after both have left
	}{
		"private":             {callers: 2},
		"shared, lingers":     {config.NewShare(config.LateJoin{Mode: config.LateJoinAll}), 3, 1},
		"shared, lingers not": {config.NewShare(config.LateJoin{Mode: config.LateJoinAll}), 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &heldSource{scripted: scripted{plays: []play{{events: 1, stands: time.Hour}, {events: 1, stands: time.Hour}}}}
				b, rt := resumableRoute(t, src)
				if rt.Config.Share = tt.share; tt.share != nil {
					rt.Config.Share.Linger = time.Duration(tt.lingers) * linger
				}
				first, end := watchThrough(b, rt)
				require.Nil(t, end)
				second, end := watchThrough(b, rt)
				require.Nil(t, end)
				synctest.Wait()
				assert.Equal(t, tt.callers, src.held.Load())
				first.Close()
				second.Close()
				synctest.Wait()
				assert.Equal(t, tt.lingers, src.held.Load())
				time.Sleep(2 * linger)
				synctest.Wait()
				assert.Zero(t, src.held.Load(), "nothing reads the source any more")

				src.closed = true
				_, end = watchThrough(b, rt)
				require.NotNil(t, end, "the connections are closed")
				assert.True(t, end.Retry)
				assert.Zero(t, src.held.Load())
				require.NoError(t, b.Close())
			})
		})
	}
}
