package fanout

import (
	"container/list"
	"context"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// catchUp is a short upstream stream beside a shared stream. It is opened with an id that the log does not have, for the
// subscribers that came with this very id. They read what it brings until it meets the log, and go on in the log.
//
// Subscribers with other ids do not share it, even where it brings their ids. An upstream may answer a made-up id with a
// snapshot, in which their ids stand at a wrong place.
//
//	waiting ──turn──► catching ──it meets the log──► met ──► forgotten
//	   └───────────────────┴──────────────────────► lost, or over with an end
//
// A catchUp is the [pump.Topic] of its subscribers while they read from it. The stream's lock guards the fields from state on.
type catchUp struct {
	stream   *stream
	id       string // the id that it is opened with
	upstream reading.Upstream
	watchers watchers
	held     atomic.Int64 // bytes of its events

	state    catchUpState
	cancel   context.CancelFunc // ends its reader; nil before its turn
	trail    trail
	header   reading.Header
	accepted bool
	readers  int           // subscribers that read from it
	since    time.Time     // when the request of its present upstream stream was sent; zero while there is none
	resting  bool          // its last upstream stream broke, and the next one is not opened yet
	finished *pump.End     // the end of its upstream; nil while the upstream is read
	stopped  bool          // its reader has returned
	paced    rounds        // of the pace of the stream
	shown    int           // how many of its events the newest round has shown
	place    *list.Element // in the queue for a turn
	turn     bool          // it has one of the stream's turns
	rings    bool          // its subscribers are called when the lock is given up
	timer    *time.Timer
	began    time.Time    // when it got its turn
	beganAt  replay.State // the log at that time
	counted  int64        // its part of the registry's sums of bytes

	// These belong to one of the states in which it is no longer read.
	meets meeting      // in the state met, and in the state lost where it had met before
	why   ending.Reset // in the state lost
	end   *pump.End    // in the state over
}

// catchUpState is a state of a catchUp.
type catchUpState uint8

const (
	waiting  catchUpState = iota // for its turn
	catching                     // it is read, or waits for the log after the end of its upstream
	met                          // its subscribers go on in the log
	lost                         // its subscribers are told a reset
	over                         // its subscribers are told an end
)

// meeting says where a catch-up has met the log.
type meeting struct {
	n  int             // the index of the event of the catch-up from which subscribers read the log
	at replay.Position // the place of that event in the log; without an epoch until the log's first epoch begins
	// doubtful says that the place is the end of a snapshot whose last event is not the newest one of the upstream, as far as is
	// known.
	doubtful bool
}

// These are the times of a catch-up.
const (
	turnWithin   = 10 * time.Second // for how long it waits for its turn
	catchUpTime  = 10 * time.Second // for how long it is read, and how long one that has met is kept from its begin on
	finishWithin = 10 * time.Second // for how long its last subscribers may read from one that is no longer kept
	quietAfter   = 5 * time.Second  // for how long an upstream stream stands until its silence counts
	turnCools    = time.Second      // how long the turn of one that has not met lasts after its end
)

var _ pump.Topic = (*catchUp)(nil)

// Watch implements [pump.Topic].
func (c *catchUp) Watch(notify func()) (stop func()) { return c.watchers.add(notify) }

// begin begins to read the upstream. The catch-up has got its turn.
func (c *catchUp) begin() {
	st := c.stream
	ctx, cancel := context.WithCancel(st.registry.catchingUp)
	c.state, c.cancel, c.began, c.beganAt = catching, cancel, time.Now(), st.log.State()
	c.after(catchUpTime, c.timeIsOver)
	st.registry.Hooks.catchUpBegan(st)
	set := st.catchUps
	set.running = append(set.running, c)
	if c.turn = st.registry.readers.start(func() { c.read(ctx) }); c.turn {
		set.turns++
		return
	}
	c.stopped, c.resting = true, true // the registry is closed, and so the stream is over or is about to be
	if st.end != nil {
		c.conclude(st.end)
	}
}

// after has the stream call a function with its lock held, after a time. It replaces the function of an earlier call.
func (c *catchUp) after(d time.Duration, call func()) {
	if c.timer != nil {
		c.timer.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		c.stream.update(func() {
			if c.timer == timer {
				call()
			}
		})
	})
	c.timer = timer
}

// read reads the upstream until the catch-up is over.
func (c *catchUp) read(ctx context.Context) {
	defer c.cancel()
	st := c.stream
	owner := &catchUpReader{catchUp: c}
	reader := reading.Reader{Upstream: c.upstream, Owner: owner, Backoff: st.settings.Backoff, Persistent: true}
	end := reader.Run(ctx)
	st.update(func() {
		c.stopped, c.since = true, time.Time{}
		if c.state == catching {
			c.upstreamEnded(&end, owner.refused)
		}
		if c.state == met {
			c.giveTurn()
			return
		}
		time.AfterFunc(turnCools, func() { st.update(c.giveTurn) })
	})
}

// upstreamEnded decides what the end of the upstream means.
func (c *catchUp) upstreamEnded(end *pump.End, refused bool) {
	c.finished = end
	switch {
	case refused && len(c.trail.events) == 0:
		c.lose(ending.ResetInvalid, CursorInvalid)
	case c.stream.end != nil:
		c.conclude(end)
	case end.Ending.Reason == ending.ByLimit && len(c.trail.events) == 0:
		c.lose(ending.ResetExpired, CatchUpExpired) // the upstream has no slot for it
	}
	// Otherwise the log may still get there. Where the registry closes, the stream is about to end.
}

// add adds an event, and looks for it in the log. It reports false where the catch-up is over.
func (c *catchUp) add(e *replay.Event) bool {
	st := c.stream
	if c.state != catching {
		return false
	}
	pair, ok := c.trail.add(e)
	e.Frame.Hold(&c.held)
	c.held.Add(overhead(e))
	c.count()
	c.showIfDue()
	if len(c.trail.events) > 1 || e.ID != c.id { // an upstream may begin with the event that has the id
		st.catchUps.came(e.ID)
	}
	if ok {
		if at, ok := st.registry.place(st.log, &st.sure, pair); ok {
			c.meet(meeting{n: len(c.trail.events) - 1, at: at}, CaughtUp)
			return false
		}
	}
	switch limit := st.registry.limits.Load().Bytes; {
	case c.tooLarge():
		c.lose(ending.ResetExpired, TooMuchMissed)
	case limit > 0 && st.registry.Bytes() > limit:
		c.lose(ending.ResetExpired, NoRoom)
	}
	return c.state == catching
}

// tooLarge reports whether the catch-up has brought more than the log may hold.
func (c *catchUp) tooLarge() bool {
	b := c.stream.settings.Bounds
	return b.Events > 0 && len(c.trail.events) > b.Events || b.Bytes > 0 && c.held.Load() > b.Bytes
}

// timeIsOver decides about a catch-up that has not met the log in its time.
func (c *catchUp) timeIsOver() {
	if m, ok := c.quiet(); ok {
		c.meet(m, CaughtUpQuiet)
		return
	}
	c.lose(ending.ResetExpired, CatchUpExpired)
}

// quiet reports whether nothing follows the end of the catch-up, neither in its upstream nor in the log. The meeting is at the
// end of the log, which has no epoch before the first one. A log whose upstream is gone or was opened only just now is not
// quiet: it may still bring what the subscribers have. An upstream that takes long to look up what follows an id seems to be
// quiet.
func (c *catchUp) quiet() (m meeting, ok bool) {
	st := c.stream
	now := st.log.State()
	newest, last := c.trail.newest(), newestID(st.log, now)
	m = meeting{n: len(c.trail.events), at: now.End()}
	m.doubtful = now.Next > 0 && !st.sure.known && newest != last
	switch {
	case !stands(c.since) || !stands(st.since) && !st.sure.covers(m.at):
		return m, false
	case m.n > 0:
		return m, newest != "" && newest == last
	case now.Epoch == "":
		return m, st.end == nil
	}
	same := now.Epoch == c.beganAt.Epoch || c.beganAt.Epoch == ""
	return m, stands(st.since) && same && now.Next == c.beganAt.Next
}

// stands reports whether the silence of an upstream stream counts, whose request was sent at a time.
func stands(since time.Time) bool { return !since.IsZero() && time.Since(since) >= quietAfter }

// meet has the subscribers go on in the log.
func (c *catchUp) meet(m meeting, outcome Outcome) {
	c.settled(outcome)
	c.state, c.meets = met, m
	for _, e := range c.trail.events[m.n:] { // the log has them, or gets them
		e.Frame.Release(&c.held)
		c.held.Add(-overhead(e))
	}
	clear(c.trail.events[m.n:])
	c.trail = trail{events: c.trail.events[:m.n], newer: c.trail.newer[:min(len(c.trail.newer), m.n)]}
	c.count()
	if c.stopped {
		c.giveTurn()
	}
	if m.at.Epoch == "" {
		c.stream.catchUps.awaitEpoch(c)
		return
	}
	c.after(catchUpTime-time.Since(c.began), c.keptEnough)
	c.stream.catchUps.keep(c)
}

// begins gives a catch-up that has met its place in the log's first epoch.
func (c *catchUp) begins(epoch string) {
	c.meets.at.Epoch = epoch
	c.changed()
	c.keptEnough()
}

// keptEnough forgets a catch-up that has met. Its subscribers have some time to read the rest of it.
func (c *catchUp) keptEnough() {
	c.stream.catchUps.forget(c)
	if c.readers > 0 {
		c.after(finishWithin, func() { c.drop(ending.ResetExpired) })
	}
}

// lose has the subscribers told a reset. A refused id is remembered for a while.
func (c *catchUp) lose(why ending.Reset, outcome Outcome) {
	c.settled(outcome)
	c.drop(why)
	if why == ending.ResetInvalid {
		c.after(catchUpTime, func() { c.stream.catchUps.forget(c) })
		return
	}
	c.stream.catchUps.forget(c)
}

// drop drops the events, and has the subscribers that still read them told a reset.
func (c *catchUp) drop(why ending.Reset) {
	c.state, c.why = lost, why
	c.free()
	c.changed()
}

// conclude has the subscribers read the rest of the events, and then end.
func (c *catchUp) conclude(end *pump.End) {
	if c.state > catching {
		return
	}
	c.settled(CatchUpOver)
	c.state, c.end = over, end
	set := c.stream.catchUps
	set.held = append(set.held, c)
	set.forget(c)
}

// settled ends the reading of the upstream, and reports how the catch-up went.
func (c *catchUp) settled(outcome Outcome) {
	c.stopTimer()
	c.changed()
	c.stream.catchUps.settled(c)
	if c.state == waiting {
		return
	}
	c.cancel()
	c.stream.registry.Hooks.catchUpEnded(c.stream, outcome, time.Since(c.began))
}

// leave counts a reader less.
func (c *catchUp) leave() {
	if c.readers--; c.readers > 0 {
		return
	}
	set := c.stream.catchUps
	switch c.state {
	case waiting, catching:
		c.settled(CatchUpLeft)
		c.state = lost
		set.forget(c)
	case met, over:
		set.early = without(set.early, c)
		if set.isForgotten(c) {
			c.free()
		}
	}
}

// giveTurn gives the turn to the next catch-up.
func (c *catchUp) giveTurn() {
	if c.turn {
		c.turn = false
		c.stream.catchUps.turns--
		c.stream.catchUps.giveTurns()
	}
}

// changed has the subscribers called when the lock is given up.
func (c *catchUp) changed() {
	set := c.stream.catchUps
	if !c.rings {
		c.rings = true
		set.ring = append(set.ring, c)
	}
}

func (c *catchUp) stopTimer() {
	c.paced.stop()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// count updates the registry's sums with the bytes of the events.
func (c *catchUp) count() {
	held := c.held.Load()
	c.addBytes(held - c.counted)
	c.counted = held
}

// free drops the events, and takes their bytes from the registry's sums.
func (c *catchUp) free() {
	c.stopTimer() // it would keep the catch-up in memory
	c.trail = trail{}
	c.addBytes(-c.counted)
	c.counted = 0
	c.stream.catchUps.held = without(c.stream.catchUps.held, c)
}

func (c *catchUp) addBytes(n int64) {
	set, r := c.stream.catchUps, c.stream.registry
	held := set.bytes > 0
	set.bytes += n
	r.catchUpBytes.Add(n)
	if holds := set.bytes > 0; holds != held {
		r.holders.note(c.stream, holds)
	}
}
