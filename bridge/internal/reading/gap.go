package reading

import (
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// StaleAfter is how long an upstream may be gone before clients are told that what they show is old. They are told nothing of a
// shorter gap.
const StaleAfter = 5 * time.Second

// gap is the time in which a stream has no upstream. Its methods may be called concurrently: a gap that lasts is told of on a
// goroutine of its own.
type gap struct {
	owner Owner

	mu     sync.Mutex
	timer  *time.Timer // of the gap that there is now, nil while there is none
	number int         // of the newest gap
	by     ending.Code // what the newest attempt ended with
	told   bool        // whether the owner was told of a gap that it does not know the end of
}

// begin begins a gap. Within one, it changes only what is told of it.
func (g *gap) begin(by ending.Code) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = by
	if g.timer == nil {
		g.number++
		number := g.number
		g.timer = time.AfterFunc(StaleAfter, func() { g.lasts(number) })
	}
}

// lasts tells the owner of the gap with a number, unless that is over.
func (g *gap) lasts(number int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil && g.number == number {
		g.told = true
		g.owner.Stale(g.by)
	}
}

// end ends the gap, if there is one.
func (g *gap) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	if g.told {
		g.told = false
		g.owner.Live()
	}
}

// stop makes sure that nothing more is told.
func (g *gap) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
}

// forget is called with the lock held.
func (g *gap) forget() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}
