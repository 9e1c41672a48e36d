package pump

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/backoff"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// These are how many things of each kind one step does at most. So no kind holds up the others for more than a few
// milliseconds.
const (
	eventsPerStep     = 256
	arrivalsPerStep   = 64
	visitsPerStep     = 64  // to subscribers that wait for a visit of their own
	turnsPerStep      = 256 // visits to members of groups
	visitsPerTurn     = 64  // visits to members of one group before the next group has its turn
	alarmsPerStep     = 64
	departuresPerStep = 64 // connections that are closed because their clients have left
	writesPerVisit    = 4
)

// These are the errors in the [Outcome] of a client that was cut off.
var (
	errStalled = errors.New("the client took nothing for the write timeout")
	errOverdue = errors.New("the client fell too far behind")
)

// loop drives parked subscribers: it decides which of them is written to, and when. It makes no system calls of its own, is
// told the time, and never waits.
type loop struct {
	inbox *inbox
	ended func() // called after each subscriber's done
	began time.Time
	now   time.Duration // since the loop began
	clock clock

	flights flights

	slots      []*parked // by key.slot; nil for a free slot
	free       []uint32
	generation uint32
	groups     map[Topic]*group
	turns      fifo[*group]  // groups whose topics have changed
	line       fifo[*parked] // subscribers that wait for a visit of their own
	arrivals   fifo[*parked]
	events     fifo[event]
	departures fifo[departure]

	draining bool
	drainBy  time.Duration
	closing  bool
}

func newLoop(in *inbox, w writer, ended func()) *loop {
	return &loop{
		inbox: in, ended: ended, groups: make(map[Topic]*group), flights: flights{writer: w, most: flightsAtOnce},
	}
}

// step does what is due at the time now. Where there is much, it does a part of it. It returns when the next step is due if no
// mail comes earlier: now where something is left to do, never where nothing is due.
func (l *loop) step(now time.Duration, m *mail) (next time.Duration) {
	l.now = now
	l.read(m)
	left := l.departures.len()
	for range min(l.events.len(), eventsPerStep) {
		l.handle(l.events.pop())
	}
	l.forget(min(left, departuresPerStep))
	for range min(l.arrivals.len(), arrivalsPerStep) {
		l.admit(l.arrivals.pop())
	}
	for range min(l.line.len(), visitsPerStep) {
		p := l.line.pop()
		if p.queued = false; p.done != nil {
			l.launch(p)
		}
	}
	l.takeTurns()
	l.land()
	for range alarmsPerStep {
		slot, tick, ok := l.clock.pop(now)
		if !ok {
			break
		}
		if p := l.slots[slot]; p != nil && p.ticking && p.tick == tick {
			p.ticking = false
			l.alarm(p)
		}
	}
	l.land()
	if l.departures.len()+l.events.len()+l.arrivals.len()+l.line.len()+l.turns.len() > 0 {
		return now
	}
	return max(now, l.clock.next())
}

// read takes the mail into the loop's queues.
func (l *loop) read(m *mail) {
	for _, g := range m.changed {
		g.changed.Store(false) // from here on a change is mail again
		g.turn()
		l.queue(g)
	}
	l.arrivals.push(m.arrivals...)
	l.events.push(m.events...)
	for _, o := range m.orders {
		l.obey(o)
	}
	if m.draining && !l.draining {
		l.draining, l.drainBy = true, l.now+m.drain
		for _, p := range l.slots {
			if p != nil {
				l.drain(p)
			}
		}
	}
	if m.closing {
		l.closing = true
		l.forget(l.departures.len())
		l.dismiss(l.slots...)
	}
}

// obey follows an order. The subscriber may have gone already, and it may not have its slot yet.
func (l *loop) obey(o order) {
	p := o.p
	if p.done == nil {
		return
	}
	if o.within != never {
		end, _ := p.control.ordered()
		p.limit(l.now+o.within, end)
	}
	p.told = true
	if p.group != nil {
		l.clock.set(p, l.now)
		l.stand(p)
	}
}

// dismiss writes what the clients take at once, and closes their connections. Each p may be nil.
func (l *loop) dismiss(all ...*parked) {
	for _, p := range all {
		if p != nil && !p.blocked {
			l.launch(p)
		}
	}
	l.land()
	for _, p := range all {
		if p != nil && p.done != nil {
			l.finish(p, p.outcome(ending.ByGone, nil), plainly)
		}
	}
}

// handle acts on an event of a socket.
func (l *loop) handle(e event) {
	p := l.slots[e.key.slot]
	if p == nil || p.key != e.key || p.gone {
		return // the event is of an earlier socket that had the slot, or of one that is to be closed
	}
	switch {
	case e.left:
		l.depart(p, p.sock.Fault())
	case e.heard && p.sock.Left():
		l.depart(p, nil)
	case e.writable && p.blocked:
		l.stand(p)
	}
}

// admit gives a new subscriber its slot, adds it to its group, and writes the opening of its stream.
func (l *loop) admit(p *parked) {
	if n := len(l.free); n > 0 {
		p.key.slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		p.key.slot = uint32(len(l.slots))
		l.slots = append(l.slots, nil)
	}
	l.generation++
	p.key.generation = l.generation
	l.slots[p.key.slot] = p
	p.taken, p.uptake.asked = l.now, l.now
	l.join(p)
	if l.closing {
		l.dismiss(p)
		return
	}
	if err := p.sock.Watch(p.key); err != nil {
		l.finish(p, p.outcome(ending.ByGone, err), plainly)
		return
	}
	if p.s.MaxAge > 0 {
		p.limit(l.now+backoff.Early(p.s.MaxAge), nil)
	}
	if l.draining {
		l.drain(p)
	}
	l.clock.set(p, l.now)
	l.launch(p)
}

// follow moves p to another group where the topic of its cursor has changed, and reports whether it has moved p. The caller
// peeks once more, because the new group does not learn of earlier changes.
func (l *loop) follow(p *parked) (moved bool) {
	if p.cur.Topic() == p.group.topic {
		return false
	}
	l.leave(p)
	l.join(p)
	return true
}

// leave removes p from its group. Where no member is left, the topic is not watched any more.
func (l *loop) leave(p *parked) {
	g := p.group
	if g.remove(p); len(g.members) == 0 {
		g.stop()
		delete(l.groups, g.topic)
	}
}

// join adds p to the group of its topic. The caller visits p afterwards, because the group does not learn of earlier changes.
func (l *loop) join(p *parked) {
	t := p.cur.Topic()
	g := l.groups[t]
	if g == nil {
		g = &group{topic: t}
		l.groups[t] = g
		g.stop = t.Watch(func() { l.inbox.change(g) })
	}
	g.add(p)
}

// drain picks a random time within the drain at which p's stream ends.
func (l *loop) drain(p *parked) {
	within := max(0, l.drainBy-l.now-resolution)
	p.limit(l.now+time.Duration(rand.Float64()*float64(within)), &p.s.DrainEnd)
	l.clock.set(p, l.now)
}

// queue has a group wait for its turn, unless it waits already.
func (l *loop) queue(g *group) {
	if !g.queued {
		g.queued = true
		l.turns.push(g)
	}
}

// stand has p wait for a visit of its own, unless it waits already.
func (l *loop) stand(p *parked) {
	if !p.queued {
		p.queued = true
		l.line.push(p)
	}
}

// takeTurns visits members of the groups whose topics have changed.
func (l *loop) takeTurns() {
	for visits := 0; visits < turnsPerStep && l.turns.len() > 0; {
		g := l.turns.pop()
		g.queued = false
		for range visitsPerTurn {
			p := g.next()
			if p == nil {
				break
			}
			visits++
			l.call(p)
		}
		if g.left > 0 || g.again {
			l.queue(g)
		}
	}
}

// call visits p because its topic has changed.
func (l *loop) call(p *parked) {
	switch {
	case p.queued, p.flying, p.gone: // p waits for a visit already, or has one, or needs none
	case p.overdue(l.now):
		l.finish(p, p.outcome(ending.BySlow, errOverdue), atOnce)
	case !p.blocked:
		l.launch(p)
	}
}

// block notes whether the socket takes no more bytes now.
func (l *loop) block(p *parked, blocked bool) {
	if blocked != p.blocked {
		p.blocked = blocked
		l.clock.set(p, l.now)
	}
}

// alarm does what is due for p at this time.
func (l *loop) alarm(p *parked) {
	if p.gone {
		return
	}
	if p.stalled(l.now) {
		l.finish(p, p.outcome(ending.BySlow, errStalled), atOnce)
		return
	}
	if l.now >= p.ends && p.end == nil {
		p.end = p.farewell()
		hurry(p.cur)
		if !p.blocked {
			l.stand(p)
		}
	}
	if p.silent(l.now) {
		l.beat(p) // which sets the clock when it was written
		return
	}
	l.clock.set(p, l.now)
}

// finish closes the connection of p and forgets it.
func (l *loop) finish(p *parked, out Outcome, how closing) {
	p.sock.Close(how)
	l.leave(p)
	l.slots[p.key.slot] = nil
	l.free = append(l.free, p.key.slot)
	done := p.done
	out.explain(p.cur)
	p.control.detach()
	*p = parked{queued: p.queued} // p may still be in a queue
	done(out)
	l.ended()
}
