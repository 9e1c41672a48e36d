package reading

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// listener is an owner that takes note of what it is told of gaps.
type listener struct {
	Owner

	stale []ending.Code
	live  int
}

func (l *listener) Stale(by ending.Code) { l.stale = append(l.stale, by) }
func (l *listener) Live()                { l.live++ }

// reported returns the codes of the gaps that were reported. A gap calls its owner with its lock held.
func (l *listener) reported(g *gap) []ending.Code {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(l.stale)
}

// A timer may have fired, and wait for the lock, while its gap ends and another one begins.
func TestATimerOfAFormerGapTellsNothing(t *testing.T) {
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
