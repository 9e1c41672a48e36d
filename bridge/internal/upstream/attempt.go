package upstream

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An attempt that finds its connection ready, and is still not through after this many looks in a row without a sign
// that others are, waits for a slot. It is two looks so that a process that was held up as a whole gets to catch up.
const (
	lookEvery = 25 * time.Millisecond
	quietMost = 2
)

// errElsewhere says that a stream did not get its slot on this connection, and should look for another.
var errElsewhere = errors.New("no slot on this connection")

// attempt watches one call of NewStream, which blocks for as long as the server has as many streams as it allows, and
// tells nobody. An attempt that waits is given up: the stream queues in the pool instead, where it gets the first slot
// on any connection. Its fields belong to the pool's mutex.
type attempt struct {
	place

	pool   *pool
	cancel context.CancelFunc
	timer  *time.Timer

	// What the last look saw, and how many in a row saw nothing happen.
	sawReady             bool
	sawOpened, sawClosed uint64
	quiet                int

	full    bool // given up since the connection is full
	givenUp bool
	settled bool
}

// watch begins an attempt. Giving up calls cancel. The caller must call settle when NewStream has returned.
func (p *pool) watch(at place, cancel context.CancelFunc) *attempt {
	a := &attempt{place: at, pool: p, cancel: cancel, sawReady: at.ready()}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.sawOpened, a.sawClosed = at.opened, at.closed
	a.timer = time.AfterFunc(p.lookEvery, a.look)
	return a
}

// look is called by the timer while NewStream is under way.
func (a *attempt) look() {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if a.settled {
		return
	}
	ready := a.ready()
	// Where others got in though none has left, there is room: this one is slow for some other reason.
	roomy := a.opened != a.sawOpened && a.closed == a.sawClosed
	if a.sawReady && ready && !roomy {
		a.quiet++
	} else {
		a.quiet = 0
	}
	a.sawReady, a.sawOpened, a.sawClosed = ready, a.opened, a.closed
	a.full = a.quiet >= quietMost
	if !a.full && (a.deadline.IsZero() || time.Now().Before(a.deadline)) {
		a.timer.Reset(a.pool.lookEvery)
		return
	}
	a.givenUp = true
	a.cancel()
}

// settle ends an attempt with what NewStream returned. Where that is no error the stream has its slot, unless settle
// returns one: errElsewhere where the stream should look for another place, or the error itself.
func (a *attempt) settle(err error) error {
	p := a.pool
	p.mu.Lock()
	defer p.unlock()
	a.settled = true
	a.timer.Stop()
	a.pending--
	switch {
	case a.givenUp && err == nil:
		err = errElsewhere // through at the very moment; its context is gone
	case a.givenUp:
		if a.full {
			p.learn(a.connection)
		}
		err = errElsewhere
	case err == nil:
		a.open++
		a.opened++
		a.correct()
	case status.Code(err) == codes.Unavailable && p.reachableBut(a.connection):
		err = errElsewhere
	case err != nil:
		p.forget() // the last of those that waited for a server that is gone
	}
	if a.probe {
		p.probing = false
		if err != nil {
			p.probe++
		}
	}
	if a.waiter != nil && errors.Is(err, errElsewhere) {
		a.waiter.queue()
	}
	p.rest(a.connection)
	p.grant()
	return err
}

// correct raises a limit that a stream got past.
func (a *attempt) correct() {
	if a.open <= a.limit {
		return
	}
	a.limit = a.open
	if a.closed == a.sawClosed {
		a.limit *= 2 // nobody made room for it: the server allows more, and it is not known how many
	}
}

// reachableBut reports whether another connection than this one is ready.
func (p *pool) reachableBut(this *connection) bool {
	if p.closed {
		return false
	}
	for _, c := range p.connections {
		if c != this && c.ready() {
			return true
		}
	}
	return false
}
