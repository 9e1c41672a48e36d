package processors

import (
	"context"
	"time"
)

// A process uses all processors at first. These are for that time.
const (
	// A process that has used between leastShare and mostShare of one processor will have to do with one. A process that uses less
	// gains nothing, and would be woken each millisecond. mostShare is less than busyShare, also because the same work costs more on
	// several processors. Where it had less or more to do before, two looks must find such a share: the
	// first one may have seen the beginning or the end of something, and looks are not cheap while one processor is used.
	leastShare, mostShare = 0.25, 0.65
	// usualLook is the time between two looks, and idleLook where the process has used less than leastShare. While it uses less than
	// quietShare, that time doubles with each look up to quietLook: a look costs a quiet process a third of a millisecond, since it
	// wakes threads of the runtime too.
	usualLook, idleLook = 50 * time.Millisecond, 500 * time.Millisecond
	quietLook           = 2 * time.Second
	quietShare          = 0.02
	// longestLook is the time until the first look where one processor was too few several times, each time within shortStay.
	longestLook, shortStay = 800 * time.Millisecond, 200 * time.Millisecond
)

// These are for the time while a process uses one processor.
const (
	// oneLook is the time between two looks. A goroutine that does not wait can delay a look by ten milliseconds or more.
	oneLook = time.Millisecond
	// One processor is too few where the process has used busyShare of it for busyTime. Streams that have their events at the same
	// moment keep a processor busy for a millisecond or two.
	busyShare, busyTime = 0.9, 4 * time.Millisecond
	// It is too few where all looks of waitedTime have found goroutines that wait. A process never uses all of a processor of which
	// other programs take a part.
	waitedTime = 16 * time.Millisecond
	// It is too few where all looks of crowdTime have found a crowd of goroutines that wait, or one look has found a throng. That is so
	// when many browsers come or leave. A connection to an upstream that brings many events at once has a crowd wait, but not for long.
	crowd, crowdTime = 128, 5 * time.Millisecond
	throng           = 256
	// A process that has used less than idleShare on the average of idleTime uses all processors again.
	idleShare, idleTime = 0.15, 200 * time.Millisecond
)

// Process is a process whose processors are governed. Its functions are called on one goroutine.
type Process struct {
	Spent   func() time.Duration // the CPU time since the process began
	Waiting func() int           // how many goroutines wait for a processor now
	// Collects reports whether a long garbage collection is near. The number of processors cannot change while the collection runs,
	// and it takes longest on one processor that has other things to do.
	Collects func() bool
	UseOne   func() // has the goroutines run on one processor
	UseAll   func() // has them run on as many as the process may use
}

// Govern has the process use one processor where it saves time and is enough, until ctx ends. Then the process uses all.
func Govern(ctx context.Context, p Process) {
	g := governor{process: p, wait: usualLook, last: mark{time.Now(), p.Spent()}}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(g.look(time.Now()))
		case <-ctx.Done():
			if g.one {
				p.UseAll()
			}
			return
		}
	}
}

// governor decides how many processors a process uses.
type governor struct {
	process Process
	last    mark          // the last look
	wait    time.Duration // from the moment when one processor was too few until the next look
	quiet   time.Duration // until the next look at a process that is quiet
	fits    bool          // the last look has found that one processor may be enough, or one was used until then

	one    bool          // the process uses one processor
	began  time.Time     // since when
	idle   mark          // the beginning of the time for which the average is taken
	busy   time.Duration // for how long looks have found the one processor busy, without one that has not
	waited time.Duration // for how long they have found goroutines that wait for it
	crowds time.Duration // for how long they have found a crowd of them
}

// mark is the CPU time of a process at a time.
type mark struct {
	at    time.Time
	spent time.Duration
}

// share returns how much of one processor was used since an earlier mark.
func (m mark) share(before mark) float64 {
	return float64(m.spent-before.spent) / float64(max(1, m.at.Sub(before.at)))
}

// look looks at what the process has done since the last look, and changes the number of its processors where that is due. It returns
// the time until the next look.
func (g *governor) look(at time.Time) (next time.Duration) {
	now, before := mark{at, g.process.Spent()}, g.last
	g.last = now
	if !g.one {
		return g.lookAtAll(now, now.share(before))
	}
	return g.lookAtOne(now, now.share(before), now.at.Sub(before.at))
}

// lookAtAll looks at a process that uses all processors, and has used a share of one.
func (g *governor) lookAtAll(now mark, share float64) (next time.Duration) {
	fitted := g.fits
	g.fits = false
	if share < quietShare {
		g.quiet = min(2*max(g.quiet, idleLook/2), quietLook)
		return g.quiet
	}
	g.quiet = 0
	switch {
	case share < leastShare:
		return idleLook
	case share > mostShare:
		return usualLook
	}
	if g.fits = true; !fitted || g.process.Waiting() > 0 || g.process.Collects() {
		return usualLook
	}
	g.one, g.began, g.idle, g.busy, g.waited, g.crowds = true, now.at, now, 0, 0, 0
	g.process.UseOne()
	return oneLook
}

// lookAtOne looks at a process that uses one processor, and has used a share of it for a time.
func (g *governor) lookAtOne(now mark, share float64, passed time.Duration) (next time.Duration) {
	waiting := g.process.Waiting()
	g.busy, g.waited = longer(g.busy, passed, share >= busyShare), longer(g.waited, passed, waiting > 0)
	g.crowds = longer(g.crowds, passed, waiting >= crowd)
	if g.process.Collects() {
		return g.useAll(usualLook)
	}
	if waiting >= throng || g.crowds >= crowdTime || g.busy >= busyTime || g.waited >= waitedTime {
		stayed := now.at.Sub(g.began)
		if g.wait = min(2*g.wait, longestLook); stayed >= shortStay {
			g.wait = usualLook
		}
		return g.useAll(g.wait)
	}
	if now.at.Sub(g.idle.at) >= idleTime {
		if now.share(g.idle) < idleShare {
			next = g.useAll(idleLook)
			g.fits = false
			return next
		}
		g.idle = now
	}
	return oneLook
}

func (g *governor) useAll(wait time.Duration) (next time.Duration) {
	g.one, g.fits = false, true
	g.process.UseAll()
	return wait
}

// longer returns for how long something was found without a break, after a look that has found it or not.
func longer(found, passed time.Duration, again bool) time.Duration {
	if !again {
		return 0
	}
	return found + passed
}
