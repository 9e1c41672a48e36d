package pump

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Run serves a subscriber as [Start] says, on the goroutine of the caller. It waits for the end, and returns the outcome.
func Run(ctx context.Context, conn Conn, cur Cursor, s *Settings, control *Control) (out Outcome) {
	Start(conn, cur, s, control, Here, func(o Outcome) { out = o }).Wait(ctx)
	return out
}

// Worker says which goroutine does what there is to do for a stream.
type Worker bool

const (
	// Here is the goroutine in [Running.Wait]. This costs the least time.
	Here Worker = false
	// Aside are goroutines that begin where there is something to do. The one in Wait then only waits, and so keeps the smallest
	// stack.
	Aside Worker = true
)

// Start begins to write to conn what cur has. The stream ends at cur's end, when the client has left, in a drain, at the maximum
// age, or when control says so; control may be nil. The first write comes at once: the events that are ready, or else a comment, so
// that the client sees its stream open. done is called at the end, by the worker. It is not called where one of the calls that serve
// the stream panics. [Running.Wait] must be called: it sees a client that leaves, and a drain.
func Start(conn Conn, cur Cursor, s *Settings, control *Control, by Worker, done func(Outcome)) *Running {
	now := time.Now()
	r := &Running{
		pump: pump{conn: conn, cur: cur, s: s, control: control, began: now, life: lifetimeFrom(now, s)},
		done: done, over: make(chan struct{}),
	}
	if by == Here {
		r.here = make(chan struct{}, 1)
	}
	r.due.Store(1) // for the first turn: until then, what happens waits for it
	r.follower = NewFollower(cur, func() {
		r.rouse()
		r.watch()
	})
	control.attach(func(time.Duration) {
		r.told.Store(true)
		r.rouse()
	})
	r.takeTurn()
	return r
}

// Running is a stream that [Start] has begun.
type Running struct {
	pump

	done func(Outcome)
	over chan struct{} // closed behind done
	// here has a value where the goroutine in Wait is to take a turn; nil where other goroutines do.
	here chan struct{}
	// due is how often something has happened that no turn has seen yet. A turn begins when it becomes 1 and ends when it is 0
	// again. Behind the end it stays above 0.
	due      atomic.Int64
	begun    bool
	released bool
	alarm    *time.Timer // nil where the stream has neither heartbeats nor a time at which it ends

	// What has happened, as a turn finds it.
	rang, told, draining, gone atomic.Bool

	panicked any // what the last turn panicked with
}

// Wait waits until the stream has ended and done has returned. The stream ends when ctx ends, because the client has left. Wait
// panics where the stream ended by a panic.
func (r *Running) Wait(ctx context.Context) {
	left, drain := ctx.Done(), r.s.Drain
	if r.here != nil {
		left = nil // it must be seen while this goroutine writes
		defer context.AfterFunc(ctx, r.leave)()
	}
	for {
		select {
		case <-r.here:
			r.turn()
		case <-r.over:
			if r.panicked != nil {
				panic(r.panicked)
			}
			return
		case <-left:
			left = nil
			r.leave()
		case <-drain:
			drain = nil
			r.draining.Store(true)
			r.rouse()
		}
	}
}

// leave ends the stream of a client that has left.
func (r *Running) leave() {
	r.gone.Store(true)
	r.conn.Abort() // a write must not wait for it
	r.rouse()
}

// rouse has the worker do what is due. It may be called concurrently.
func (r *Running) rouse() {
	if r.due.Add(1) == 1 {
		r.takeTurn()
	}
}

// takeTurn has the worker take a turn. No turn is under way.
func (r *Running) takeTurn() {
	if r.here != nil {
		r.here <- struct{}{} // it has room: the turn before has ended
		return
	}
	go r.turn()
}

// turn does what is due, until nothing is. Behind the end of the stream due stays above 0, so that no turn follows.
func (r *Running) turn() {
	returned := false
	defer func() {
		if !returned {
			r.panicked = Carried(recover())
			r.release()
			close(r.over)
		}
	}()
	for {
		seen := r.due.Load()
		over, ready := r.step()
		if over {
			r.end()
			break
		}
		if !ready && r.due.Add(-seen) == 0 {
			break
		}
	}
	returned = true
}

// end reports the end of the stream.
func (r *Running) end() {
	r.release()
	r.out.explain(r.cur)
	r.done(r.out)
	close(r.over)
}

// release ends what tells the stream that something is due. Further calls do nothing.
func (r *Running) release() {
	if r.released {
		return
	}
	r.released = true
	r.follower.Stop()
	r.control.detach()
	if r.alarm != nil {
		r.alarm.Stop()
	}
}

// step does what is due, and writes at most one batch of events. It reports whether the stream is over, and whether more events may be
// ready.
func (r *Running) step() (over, ready bool) {
	if !r.begun {
		r.begun = true
		over = r.begin()
		r.setAlarm(time.Now())
		return over, true
	}
	if r.gone.Load() {
		r.out.Reason = ending.ByGone
		return true, false
	}
	if r.heed() {
		return true, false
	}
	r.peek()
	ready = len(r.pieces) > 0
	over = r.deliver()
	return over, ready && !drained(r.cur)
}

// heed does what is due besides events, and reports whether the stream is over.
func (r *Running) heed() (over bool) {
	draining, told, rang := r.draining.Swap(false), r.told.Swap(false), r.rang.Swap(false)
	if !draining && !told && !rang {
		return false
	}
	if draining {
		r.life.drainNow(r.s)
	}
	if told {
		r.life.obey(r.control)
		if !r.speak(r.control) {
			return true
		}
	}
	now := time.Now()
	if r.life.over(now) {
		return r.expire()
	}
	if now.Sub(r.quietSince) >= r.s.Heartbeat && r.s.beats() {
		if !r.beat() {
			return true
		}
		now = time.Now()
	}
	r.setAlarm(now)
	return false
}

// expire ends the stream before its upstream ends it, behind the events that are ready.
func (r *Running) expire() (over bool) {
	hurry(r.cur)
	if r.peek(); r.deliver() {
		return true
	}
	return r.finish(r.life.farewell(r.s, r.cur), false)
}

// setAlarm has the next turn come when a heartbeat or the end is due, at the latest. A write postpones the heartbeat but leaves the alarm
// where it is, so a write costs nothing here.
func (r *Running) setAlarm(now time.Time) {
	var next time.Time
	if r.s.beats() {
		next = r.quietSince.Add(r.s.Heartbeat)
	}
	if r.life.end != nil && (next.IsZero() || r.life.at.Before(next)) {
		next = r.life.at
	}
	switch {
	case next.IsZero():
	case r.alarm == nil:
		r.alarm = time.AfterFunc(next.Sub(now), func() {
			r.rang.Store(true)
			r.rouse()
		})
	default:
		r.alarm.Reset(next.Sub(now))
	}
}
