package auth

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Stream is the open stream of a caller. Its methods are called by one goroutine at a time, and must not wait.
type Stream interface {
	// Say writes a block between two events.
	Say(block []byte)
	// End ends the stream now.
	End(e *ending.Ending)
}

// Vigil watches over the credentials of a caller whose stream is open. It has one timer for all that is due. Its methods may be
// called concurrently. The methods of a nil Vigil do nothing.
type Vigil struct {
	room   *Room
	stream Stream
	caller *Identity

	mu       sync.Mutex
	ends     time.Time // when the stream ends; zero: never
	warns    time.Time // when the caller is told of that; zero: never, or done
	asks     time.Time // when the caller is asked about again; zero: never
	timer    *time.Timer
	over     bool
	checking context.CancelFunc // cancels the check that is running, nil where none is
}

// Watch begins the vigil over the caller of a stream. It returns nil where nothing about the caller can change, as for a nil
// caller. [Vigil.Stop] must be called when the stream is over.
func (r *Room) Watch(caller *Identity, s Stream) *Vigil {
	if caller == nil {
		return nil
	}
	now := time.Now()
	g := &Vigil{room: r, stream: s, caller: caller}
	if at, expires := caller.EndAt(now); expires {
		g.ends = at
		if warn := r.Warn(); warn > 0 {
			g.warns = at.Add(-warn)
		}
	}
	if caller.Recheck != nil {
		g.asks = nextCheck(now, caller.Again)
	}
	if g.ends.IsZero() && g.asks.IsZero() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = time.AfterFunc(time.Hour, g.act)
	g.arm()
	return g
}

// nextCheck returns a random moment for the next check, at most every after the time at which the last one began.
func nextCheck(began time.Time, every time.Duration) time.Time {
	return began.Add(every - time.Duration(rand.Float64()*float64(every/5)))
}

// checkAfter returns when a caller is checked again after a check that began at a time and has just ended. A check that takes
// long does not delay the next one, except that there is a pause between the two.
func checkAfter(began time.Time, every time.Duration) time.Time {
	next, least := nextCheck(began, every), time.Now().Add(every/5)
	if next.Before(least) {
		return least
	}
	return next
}

// arm sets the timer for what is due next. The caller holds g.mu.
func (g *Vigil) arm() {
	var next time.Time
	for _, at := range []time.Time{g.ends, g.warns, g.asks} {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		g.timer.Stop()
		return
	}
	g.timer.Reset(max(0, time.Until(next)))
}

// act does what is due.
func (g *Vigil) act() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	switch {
	case g.over:
		return
	case isDue(g.ends, now):
		g.end(g.caller.Expired())
		return
	}
	if isDue(g.warns, now) {
		g.warns = time.Time{}
		g.stream.Say(ending.ExpiringBlock(g.ends.Sub(now)))
	}
	asks := isDue(g.asks, now)
	if asks {
		g.asks = time.Time{}
	}
	g.arm() // the stream may have to end during the check
	if !asks {
		return
	}
	if end := g.recheck(now); end != nil && !g.over {
		g.end(end)
	}
}

func isDue(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// end ends the stream now. The caller holds g.mu.
func (g *Vigil) end(e *ending.Ending) {
	g.over = true
	if e.Retry && g.caller.From == config.InQuery { // the URL stays the same, and so do the credentials in it
		final := *e
		final.Retry = false
		e = &final
	}
	g.stream.End(e)
}

// recheck asks about the caller again, and says when that is due next. It gives g.mu back meanwhile.
func (g *Vigil) recheck(now time.Time) *ending.Ending {
	if !g.room.enter() {
		return nil
	}
	ctx, cancel := context.WithCancel(g.room.ctx)
	g.checking = cancel
	g.mu.Unlock()
	defer func() { // also where the program's function ends its goroutine
		cancel()
		g.room.running.Done()
		g.mu.Lock()
		g.checking = nil
		if !g.over {
			g.asks = checkAfter(now, g.caller.Again)
			g.arm()
		}
	}()
	return g.caller.Recheck(ctx)
}

// Stop ends the vigil. It cancels a check that is running, and does not wait for it: a check of the program that takes no
// notice must not keep the stream open. The room waits for the check.
func (g *Vigil) Stop() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	g.timer.Stop()
	if g.checking != nil {
		g.checking()
	}
}
