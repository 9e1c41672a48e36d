package pump

import (
	"math"
	"runtime"
	"time"
)

// driver runs a loop on a goroutine and tells it the time.
type driver struct {
	loop    *loop
	poller  poller
	records records // of the loop's connections that carry TLS
	began   time.Time
	alarm   *time.Timer
	armed   time.Duration // when the alarm goes off; never where it is stopped
}

func newDriver(in *inbox, p poller, w writer, ended func()) *driver {
	d := &driver{loop: newLoop(in, w, ended), poller: p, began: time.Now(), alarm: time.NewTimer(math.MaxInt64), armed: never}
	d.loop.began = d.began
	return d
}

// park hands a subscriber to the loop.
func (d *driver) park(sock socket, s Subscriber) {
	p := newParked(sock, s.Cursor, s.Settings, s.Done)
	p.begin(s.Head)
	d.loop.inbox.arrive(p, s.Control)
}

// run steps the loop until quit is closed.
func (d *driver) run(quit, drain <-chan struct{}, drainBy func() time.Time) {
	defer d.poller.Close()
	defer d.loop.flights.writer.close()
	defer d.alarm.Stop()
	in := d.loop.inbox
	for m := new(mail); ; {
		in.take(m)
		now := time.Since(d.began)
		next := d.loop.step(now, m)
		if next <= now {
			runtime.Gosched() // the goroutine that makes the events may be waiting for this processor
			continue
		}
		d.arm(now, next)
		select {
		case <-in.wake:
			runtime.Gosched() // the readers that run now have more for this step
		case <-d.alarm.C:
			d.armed = never
		case <-drain:
			drain = nil
			within := max(0, time.Until(drainBy()))
			in.put(func(m *mail) { m.draining, m.drain = true, within })
		case <-quit:
			return
		}
	}
}

// arm sets the alarm for the time next. Mostly it is set for that time already.
func (d *driver) arm(now, next time.Duration) {
	switch next {
	case d.armed:
	case never:
		d.alarm.Stop()
	default:
		d.alarm.Reset(next - now)
	}
	d.armed = next
}
