package upstream

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/connectivity"
)

// State says whether the server behind a [Client] can be reached.
type State uint8

const (
	// Connecting is the state while the first attempt to connect is made, and after a connection was lost.
	Connecting State = iota
	// Up is the state while there is a connection.
	Up
	// Idle is the state without a connection, while no stream needs one.
	Idle
	// Down is the state after an attempt to connect has failed, until one succeeds.
	Down
)

// follower follows the state of a client. Its methods may be called concurrently.
type follower struct {
	mu    sync.Mutex
	state State
	since time.Time
}

// State returns the state of the first connection, and the time from which the client has had this state. For [Down], it is the
// time from which there was no connection. The state lags behind by moments.
func (c *Client) State() (State, time.Time) {
	f := &c.follower
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state, f.since
}

// follow follows the state of the first connection until the pool is closed.
func (c *Client) follow() {
	ctx := untilClosed{c.pool.done}
	for state := c.first.GetState(); state != connectivity.Shutdown; state = c.first.GetState() {
		c.follower.note(state, time.Now())
		if !c.first.WaitForStateChange(ctx, state) {
			return
		}
	}
}

// note records the state that gRPC reports of a connection. An attempt to connect after a failed one does not end [Down]. The
// time without a connection begins when the connection was lost, and goes on while attempts fail.
func (f *follower) note(reported connectivity.State, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.state
	switch reported {
	case connectivity.Ready:
		next = Up
	case connectivity.TransientFailure:
		next = Down
	case connectivity.Idle:
		if f.state != Down {
			next = Idle
		}
	case connectivity.Connecting:
		if f.state != Down {
			next = Connecting
		}
	case connectivity.Shutdown:
	}
	if next != f.state && (f.state != Connecting || next != Down) {
		f.since = now
	}
	f.state = next
}

// untilClosed is a context that ends when a channel is closed.
type untilClosed struct{ done <-chan struct{} }

// Deadline implements [context.Context].
func (untilClosed) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (u untilClosed) Done() <-chan struct{} { return u.done }

// Err implements [context.Context].
func (u untilClosed) Err() error {
	select {
	case <-u.done:
		return context.Canceled
	default:
		return nil
	}
}

// Value implements [context.Context].
func (untilClosed) Value(any) any { return nil }
