package reading

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// listener is an owner that records what it is told of gaps.
type listener struct {
	Owner

	stale []ending.Code
	live  int
}

func (l *listener) Stale(by ending.Code) { l.stale = append(l.stale, by) }
func (l *listener) Live()                { l.live++ }

// reported returns the codes of the gaps that were reported. It holds the lock of the gap, as the calls of the owner do.
func (l *listener) reported(g *gap) []ending.Code {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(l.stale)
}

// A timer may fire and wait for the lock, while its gap ends and another gap begins.
func TestATimerOfAnEarlierGapDoesNotCallTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listener{}
		g := gap{owner: l}
		g.begin(ending.Unavailable)
		former := g.number
		g.end()
		g.reportStale(former)
		g.begin(ending.Internal)
		g.reportStale(former)
		synctest.Wait()
		assert.Empty(t, l.reported(&g))
		time.Sleep(StaleAfter)
		synctest.Wait()
		assert.Equal(t, []ending.Code{ending.Internal}, l.reported(&g))
		g.stop()
		g.reportStale(g.number)
		assert.Len(t, l.reported(&g), 1)
		assert.Zero(t, l.live)
	})
}
