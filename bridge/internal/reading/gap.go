package reading

import (
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// StaleAfter is how long an upstream may be gone before clients are told that their data is old. A shorter gap is not reported.
const StaleAfter = 5 * time.Second

// gap is the time in which a stream has no upstream. Its methods may be called concurrently, because the timer calls the owner
// on a goroutine of its own.
type gap struct {
	owner Owner

	mu     sync.Mutex
	timer  *time.Timer // the timer of the current gap, nil while there is no gap
	number int         // the number of the newest gap
	by     ending.Code // the code with which the newest attempt ended
	stale  bool        // the owner was told that a gap lasts, and not that it is over
}

// begin begins a gap. Where a gap has begun already, begin changes only its code.
func (g *gap) begin(by ending.Code) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = by
	if g.timer == nil {
		g.number++
		number := g.number
		g.timer = time.AfterFunc(StaleAfter, func() { g.reportStale(number) })
	}
}

// reportStale tells the owner that the gap with the given number lasts, unless that gap is over.
func (g *gap) reportStale(number int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil && g.number == number {
		g.stale = true
		g.owner.Stale(g.by)
	}
}

// end ends the gap, if there is one.
func (g *gap) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopTimer()
	if g.stale {
		g.stale = false
		g.owner.Live()
	}
}

// stop makes sure that the owner is not called any more.
func (g *gap) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopTimer()
}

// stopTimer stops the timer of the current gap. The caller holds g.mu.
func (g *gap) stopTimer() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}
