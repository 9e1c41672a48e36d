package fanout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// visitor is a page that connects again and again. It reads when it was told that there may be something new, as a pump does.
// An honest one comes with the newest id that it has.
type visitor struct {
	honest bool
	id     string // the newest that it has
	knows  *knowledge
	rng    *rand.Rand
	h      *history

	sub    *fanout.Subscriber // nil while it is away
	of     *sharedStream
	topic  pump.Topic
	stop   func()
	rang   atomic.Bool
	bell   chan<- struct{}
	limit  int           // about how many bytes it is given at once
	take   int           // how many pieces it takes at once
	pause  time.Duration // before it reads again
	joinAt time.Time     // when it comes, while it is away
	readAt time.Time     // when it reads; zero while it waits to be told
	// promised says that the page must be told no reset.
	promised bool
	resets   int
}

// come notes that the page is connected.
func (v *visitor) come(sub *fanout.Subscriber, of *sharedStream, mode fanout.LateJoinMode, size int) {
	v.sub, v.of = sub, of
	v.watch()
	v.readAt = time.Now()
	v.knows = newKnowledge(v.h, mode, size)
	if v.honest && v.id != "" {
		v.knows.follow(v.id)
	}
}

func (v *visitor) watch() {
	v.topic = v.sub.Topic()
	v.stop = v.topic.Watch(func() {
		v.rang.Store(true)
		ring(v.bell)
	})
}

// heed has the page read soon where it was told to.
func (v *visitor) heed() {
	if v.sub != nil && v.readAt.IsZero() && v.rang.Load() {
		v.readAt = time.Now().Add(v.pause)
	}
}

// leave disconnects the page, which comes back after some time.
func (v *visitor) leave(away time.Duration) {
	if v.sub == nil {
		return
	}
	v.stop()
	v.sub.Close()
	v.sub, v.readAt, v.promised = nil, time.Time{}, false
	v.joinAt = time.Now().Add(away)
}

// read takes some of what there is. Afterwards the page reads again, waits or has left.
func (v *visitor) read() error {
	v.rang.Store(false)
	v.readAt = time.Time{}
	pieces, end := v.sub.Peek(nil, v.limit)
	changed := v.sub.Topic() != v.topic
	if changed {
		v.stop()
		v.watch()
	}
	taken := min(len(pieces), v.take)
	events, err := v.note(pieces, taken)
	if err != nil {
		return err
	}
	if got := v.sub.Advance(taken); got != events {
		return fmt.Errorf("expected to pass %d events, found %d", events, got)
	}
	switch {
	case end != nil && taken == len(pieces):
		v.leave(time.Duration(v.rng.Int64N(int64(2 * time.Second))))
	case taken < len(pieces) && v.sub.Overdue(0, false):
		v.leave(time.Duration(v.rng.Int64N(int64(2 * time.Second))))
	case changed || len(pieces) > 0 && !v.sub.Drained():
		v.readAt = time.Now().Add(v.pause)
	}
	return nil
}

// note checks what the page is given, of which it takes some.
func (v *visitor) note(pieces [][]byte, taken int) (events int, err error) {
	var all []given
	for _, p := range pieces {
		all = append(all, parsePiece(string(p)))
	}
	isReset := func(g given) bool { return g.name == "grpc-reset" }
	offered := slices.IndexFunc(all, isReset)
	if offered >= 0 && v.promised {
		return 0, fmt.Errorf("the page is told a reset: %s", all[offered].text)
	}
	v.knows.peeked(v.of, offered >= 0)
	for _, g := range all[:taken] {
		if g.id != "" {
			v.id = g.id
		}
		switch {
		case isReset(g):
			v.resets++
			v.knows.reset()
		case g.name == "":
			events++
			if !v.honest {
				continue
			}
			if err := v.knows.event(g); err != nil {
				return 0, err
			}
		}
	}
	return events, nil
}
