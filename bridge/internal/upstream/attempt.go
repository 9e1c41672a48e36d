package upstream

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// While NewStream blocks, an attempt looks at its connection every lookEvery. After maxQuiet looks in a row at a ready
// connection on which no other stream opened either, the connection counts as full. Two looks give a process that was suspended
// time to catch up.
const (
	lookEvery = 25 * time.Millisecond
	maxQuiet  = 2
)

// errElsewhere says that a stream got no slot on this connection, and should try another connection.
var errElsewhere = errors.New("no slot on this connection")

// attempt watches one call of NewStream. gRPC blocks in NewStream while the connection has as many streams as the server
// allows, and does not report that. An attempt that blocks is cancelled, and its stream waits in the queue of the pool instead,
// where it gets the first free slot of any connection. The fields are guarded by the mutex of the pool.
type attempt struct {
	place

	pool   *pool
	cancel context.CancelFunc
	timer  *time.Timer

	// The state at the last look, and the number of looks in a row without a change.
	sawReady             bool
	sawOpened, sawClosed uint64
	quiet                int

	full     bool // the attempt was cancelled because the connection is full
	givenUp  bool // the attempt was cancelled
	finished bool // NewStream has returned
}

// watch begins an attempt, which calls cancel to give up. The caller must call finish when NewStream has returned.
func (p *pool) watch(at place, cancel context.CancelFunc) *attempt {
	a, again := p.attempts.Get().(*attempt)
	if !again {
		a = new(attempt)
	}
	*a = attempt{place: at, pool: p, cancel: cancel, timer: a.timer, sawReady: at.ready()}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.sawOpened, a.sawClosed = at.opened, at.closed
	if again {
		a.timer.Reset(p.lookEvery)
	} else {
		a.timer = time.AfterFunc(p.lookEvery, a.look)
	}
	return a
}

// look is called by the timer until NewStream has returned.
func (a *attempt) look() {
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if a.finished {
		return
	}
	ready := a.ready()
	// Where other streams opened and none was closed, the connection has room: this stream is slow for another reason.
	roomy := a.opened != a.sawOpened && a.closed == a.sawClosed
	if a.sawReady && ready && !roomy {
		a.quiet++
	} else {
		a.quiet = 0
	}
	a.sawReady, a.sawOpened, a.sawClosed = ready, a.opened, a.closed
	a.full = a.quiet >= maxQuiet
	if !a.full && (a.deadline.IsZero() || time.Now().Before(a.deadline)) {
		a.timer.Reset(a.pool.lookEvery)
		return
	}
	a.givenUp = true
	a.cancel()
}

// finish ends an attempt. err is the error of NewStream. finish returns nil where the stream has its slot, errElsewhere where
// the stream should try another connection, and err otherwise. The attempt must not be used afterwards: it may be one of another stream.
func (a *attempt) finish(err error) error {
	p := a.pool
	p.mu.Lock()
	defer p.unlock()
	a.finished = true
	if a.timer.Stop() { // otherwise a look waits for the mutex, or was the last one
		defer a.recycle()
	}
	a.pending--
	switch {
	case a.givenUp && err == nil:
		err = errElsewhere // the stream opened at the same moment, but its context has ended
	case a.givenUp:
		if a.full {
			p.learnLimit(a.connection)
		}
		err = errElsewhere
	case err == nil:
		a.open++
		a.opened++
		a.correct()
	case status.Code(err) == codes.Unavailable && p.reachableBut(a.connection):
		err = errElsewhere
	case err != nil:
		p.forgetLimits() // the pool may have no streams left
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
	p.noteIdle(a.connection)
	p.grant()
	return err
}

// recycle gives the attempt to a later stream. Nothing uses it any more.
func (a *attempt) recycle() {
	p := a.pool
	*a = attempt{timer: a.timer}
	p.attempts.Put(a)
}

// correct raises the limit of a connection that has more streams than the limit allows.
func (a *attempt) correct() {
	if a.open <= a.limit {
		return
	}
	a.limit = a.open
	if a.closed == a.sawClosed {
		a.limit *= 2 // no stream was closed, so the server allows more streams, and the number is unknown
	}
}

// reachableBut reports whether a connection other than this one is ready.
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
