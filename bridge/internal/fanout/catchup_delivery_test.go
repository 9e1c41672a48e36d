package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// source is the upstream that one call of open made. It is the upstream of a shared stream or of a catch-up.
type source struct {
	arrivals chan<- arrival
	bell     chan<- struct{}
	open     atomic.Int32 // how many of its upstream streams are open now
	all      *atomic.Int32

	of       *sharedStream // nil until this is known
	cursor   string        // of the first attempt
	newest   item          // the newest event that it has brought
	newestID string        // the newest id that it has brought
	attempts int
}

// opened checks an attempt. A shared stream is opened on its own newest id alone. A catch-up is opened on the id that it belongs
// to, and later on its own newest id.
func (s *source) opened(a reading.Attempt) error {
	s.attempts++
	want := s.newest.id
	switch {
	case a.CatchingUp && s.attempts == 1:
		want, s.cursor = a.Cursor, a.Cursor
	case a.CatchingUp:
		if want = s.newestID; want == "" {
			want = s.cursor
		}
	}
	if a.Cursor != want || a.HasCursor != (want != "") || a.CatchingUp && want == "" {
		return fmt.Errorf("expected the cursor %q of attempt %d, found %v", want, s.attempts, a)
	}
	return nil
}

// arrival is an upstream stream that was opened.
type arrival struct {
	source *source
	*attempt
}

func (s *source) Run(ctx context.Context, a reading.Attempt, sink reading.Sink) reading.Result {
	s.open.Add(1)
	s.all.Add(1)
	defer s.all.Add(-1)
	defer s.open.Add(-1)
	at := &attempt{Attempt: a, ctx: ctx, sink: sink, acts: make(chan func() *reading.Result)}
	s.arrivals <- arrival{s, at}
	ring(s.bell)
	for {
		select {
		case <-ctx.Done():
			return result(reading.Broken, "cancelled")
		case act := <-at.acts:
			if e := act(); e != nil {
				return *e
			}
		}
	}
}

// ring wakes up the goroutine that waits for the bell.
func ring(bell chan<- struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// sharedStream is what the test knows of the shared stream of a key.
type sharedStream struct {
	source   *source
	catchUps []*source
	epochs   []*shownEpoch
	current  *attempt // the newest upstream stream of source
}

// shownEpoch is what one epoch of a log has shown, evicted events included.
type shownEpoch struct {
	items   []item
	leftOut int // the events up to this message are not in the epoch
}

// epoch returns the newest epoch and its number, nil and -1 where there is none.
func (st *sharedStream) epoch() (e *shownEpoch, number int) {
	if st == nil || len(st.epochs) == 0 {
		return nil, -1
	}
	return st.epochs[len(st.epochs)-1], len(st.epochs) - 1
}

// delivery brings what an upstream stream owes, at its own pace.
type delivery struct {
	arrival
	h        *history
	rng      *rand.Rand
	lag      time.Duration // up to which a new message comes late
	explicit bool          // the upstream accepts with its header, not with its first message
	began    bool          // the upstream has got the request
	isSilent bool          // it brings nothing any more
	leftOut  int

	due  []due
	last time.Time // when the last of those is due
	over bool
}

// due is something that an upstream stream does at a time.
type due struct {
	at    time.Time
	items []item
	end   *reading.Result // instead of items
	opens bool            // instead of items: the request is sent
	gets  bool            // instead of items: the upstream gets the request
}

func newDelivery(a arrival, h *history, seed uint64, down bool) *delivery {
	sum := fnv.New64a()
	fmt.Fprint(sum, a.Cursor, a.CatchingUp, a.source.attempts)
	d := &delivery{arrival: a, h: h, rng: rand.New(rand.NewPCG(seed, sum.Sum64())), last: time.Now()}
	d.explicit = d.rng.IntN(2) == 0
	d.lag = d.pick(0, 5, 200, 1500)
	if down {
		d.end(reading.Broken, "down")
		return d
	}
	d.after(d.pick(0, 30, 1, 500), due{opens: true})
	d.after(d.pick(0, 30, 1, 500), due{gets: true})
	return d
}

// pick returns one of some times in milliseconds. A calm upstream takes only the first two.
func (d *delivery) pick(ms ...int) time.Duration {
	if d.h.calm {
		ms = ms[:2]
	}
	return time.Duration(ms[d.rng.IntN(len(ms))]) * time.Millisecond
}

// after adds something that is due some time after the last thing that is.
func (d *delivery) after(wait time.Duration, what due) {
	now := time.Now()
	if d.last.Before(now) {
		d.last = now
	}
	d.last = d.last.Add(wait)
	what.at = d.last
	d.due = append(d.due, what)
}

// end has the upstream end the stream soon. The stream brings nothing any more.
func (d *delivery) end(fate reading.Fate, reason ending.Reason) {
	r := result(fate, reason)
	d.after(d.pick(0, 20, 300, 1000), due{end: &r})
	d.isSilent = true
}

// answer decides what the upstream stream begins with.
func (d *delivery) answer() {
	if d.explicit {
		d.after(d.pick(0, 30, 1, 500), due{})
	}
	_, known := d.h.find(d.Cursor)
	switch {
	case !d.HasCursor:
		d.begin()
	case d.h.refuses(d.Cursor):
		d.end(reading.Refused, "forgotten")
	case known:
		wait, pace := d.pick(0, 100, 1000, 2000), d.pick(0, 1, 30)
		for _, items := range d.h.behind(d.Cursor) {
			d.after(wait, due{items: items})
			wait = pace
		}
		if len(d.due) == 0 || d.explicit && len(d.due) == 1 {
			d.last = d.last.Add(wait) // the upstream looks for what follows first
		}
	case d.h.madeUp == "is silent":
		d.isSilent = true
	case d.h.madeUp == "refuses":
		d.end(reading.Refused, "refused")
	case d.h.madeUp == "ends":
		d.end(reading.Over, "ended")
	default:
		d.begin()
	}
}

// begin has the upstream stream begin as one without a cursor. A snapshot comes whole soon after the upstream has accepted.
func (d *delivery) begin() {
	all, leftOut := d.h.beginning(d.rng)
	d.leftOut = leftOut
	soon := 250 * time.Millisecond / time.Duration(len(all)+1)
	pace := d.pick(0, 1, 20)
	for _, items := range all {
		if d.h.begins == "everything" {
			d.after(pace, due{items: items})
		} else {
			d.after(time.Duration(d.rng.Int64N(int64(soon))), due{items: items})
		}
	}
}

// published adds a new message to what the upstream stream owes.
func (d *delivery) published(items []item) {
	if !d.began || d.isSilent || d.over {
		return
	}
	wait := time.Duration(0)
	if d.lag > 0 {
		wait = time.Duration(d.rng.Int64N(int64(d.lag)))
	}
	if at := time.Now().Add(wait); d.last.Before(at) {
		d.last = at
	}
	d.after(0, due{items: items})
}

// deliver does the first thing that is due.
func (d *delivery) deliver() (err error) {
	what := d.due[0]
	d.due = d.due[1:]
	if what.gets {
		d.began = true
		d.answer()
		return nil
	}
	d.do(func() *reading.Result {
		switch {
		case what.opens:
			d.sink.Opened()
			return nil
		case what.end != nil:
			return what.end
		case len(what.items) == 0:
			d.accept()
			return nil
		}
		for _, i := range what.items {
			d.accept()
			if d.sink.Event(d.ctx, d.h.event(i)) != nil {
				return nil
			}
			err = errors.Join(err, d.brought(i))
		}
		return nil
	})
	if what.end != nil {
		d.over = true
		d.tear()
		if what.end.Fate == reading.Refused && d.HasCursor {
			d.source.newest = item{} // the shared stream has no cursor until an event comes
		}
	}
	return err
}

// tear notes that the upstream stream has ended. The shared stream may have only a part of the snapshot then, and goes on behind
// the id of its newest event.
func (d *delivery) tear() {
	ordered := d.h.begins == "everything"
	for _, what := range d.due {
		if e, _ := d.source.of.epoch(); !d.CatchingUp && !d.HasCursor && !ordered && len(what.items) > 0 && d.attempt.accepted {
			e.leftOut = d.h.newest()
		}
	}
}

// accept has the upstream accept, and notes the epoch that begins with that.
func (d *delivery) accept() {
	if d.attempt.accepted {
		return
	}
	d.attempt.accepted = true
	if st := d.source.of; !d.CatchingUp && (!d.HasCursor || len(st.epochs) == 0) {
		st.epochs = append(st.epochs, &shownEpoch{leftOut: d.leftOut})
	}
	if d.explicit {
		d.sink.Accepted(reading.Header{})
	}
}

// brought notes that the shared stream or the catch-up has had an event.
func (d *delivery) brought(i item) error {
	if d.source.newest = i; i.id != "" {
		d.source.newestID = i.id
	}
	if d.CatchingUp {
		return nil
	}
	e, number := d.source.of.epoch()
	if number < 0 {
		return errors.New("an event before the first epoch")
	}
	e.items = append(e.items, i)
	return nil
}
