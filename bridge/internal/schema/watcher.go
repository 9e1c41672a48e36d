package schema

import (
	"context"
	"math/rand/v2"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

const (
	// backoffBase and backoffMax bound the pause before the schema is read again after an error.
	backoffBase = 200 * time.Millisecond
	backoffMax  = 10 * time.Second
	// refreshInterval is how often the schema is read again without a sign of change. Behind a proxy, or while several servers are
	// replaced one after the other, the connection may give no sign.
	refreshInterval = 5 * time.Minute
	// maxReported bounds how many different errors are reported and remembered.
	maxReported = 16
)

// Watcher keeps the schema of a server up to date by reflection. One goroutine uses it, in [Watcher.Run].
type Watcher struct {
	conn     connection
	load     func(context.Context) (*Snapshot, error)
	onChange func(*Snapshot, error)

	last     *Snapshot       // the snapshot that was reported last
	reported map[string]bool // the texts of the errors that were reported since then
	losses   atomic.Int64    // how often the connection was lost
	arrived  chan struct{}   // of capacity 1; holds a value when the connection has become ready
	ports    *regexp.Regexp
}

// connection has the methods of *grpc.ClientConn that the watcher uses.
type connection interface {
	GetState() connectivity.State
	WaitForStateChange(ctx context.Context, from connectivity.State) bool
	Connect()
}

// NewWatcher returns a watcher of the server behind cc. [Watcher.Run] calls onChange, one call at a time. It passes each
// snapshot that differs from the one before, or for which the server defines a type that was looked up differently, with a nil
// error. It passes each error with a nil snapshot, and each distinct text of an error once. After an error, the last snapshot
// stays valid.
func NewWatcher(cc *grpc.ClientConn, onChange func(*Snapshot, error)) *Watcher {
	load := func(ctx context.Context) (*Snapshot, error) { return FromReflection(ctx, cc) }
	return newWatcher(cc, load, onChange)
}

func newWatcher(conn connection, load func(context.Context) (*Snapshot, error), onChange func(*Snapshot, error)) *Watcher {
	return &Watcher{
		conn: conn, load: load, onChange: onChange,
		reported: map[string]bool{}, arrived: make(chan struct{}, 1),
		ports: regexp.MustCompile(`\S+->`),
	}
}

// Run reads the schema until that succeeds, with a growing pause between attempts. Then it reads the schema again each time the
// connection was lost and has come back, and every 5 minutes. It returns when ctx ends, and waits for its goroutines.
//
// After a loss, gRPC leaves a connection idle until the next call. The watcher makes gRPC connect: otherwise a method that only
// the new server has would never be found, since no one calls a method that is unknown.
func (w *Watcher) Run(ctx context.Context) {
	var observer sync.WaitGroup
	state := w.state()
	observer.Go(func() { w.observe(ctx, state) })
	defer observer.Wait()
	for w.read(ctx) {
		w.pause(ctx, jitter(refreshInterval))
	}
}

// observe follows the state of the connection until ctx ends, so that the watcher notices a server that is replaced while the
// schema is being read. It makes an idle connection connect.
func (w *Watcher) observe(ctx context.Context, state connectivity.State) {
	for w.conn.WaitForStateChange(ctx, state) {
		if state == connectivity.Ready {
			w.losses.Add(1) // even if the connection is ready again already
		}
		if state = w.state(); state == connectivity.Ready {
			w.arrive()
		}
	}
}

// arrive records that the connection has become ready.
func (w *Watcher) arrive() {
	select {
	case w.arrived <- struct{}{}:
	default: // recorded already
	}
}

// read reads the schema until that succeeds. It reports false if ctx ends before that.
func (w *Watcher) read(ctx context.Context) bool {
	for pause := backoffBase; ctx.Err() == nil; pause = min(2*pause, backoffMax) {
		losses := w.losses.Load()
		snapshot, err := w.load(ctx)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			w.report(snapshot)
			w.dropArrival(losses)
			return true
		}
		w.reportError(err)
		w.pause(ctx, jitter(pause))
	}
	return false
}

// report calls onChange for a snapshot that has changed.
func (w *Watcher) report(s *Snapshot) {
	clear(w.reported)
	if w.last != nil && w.last.hash == s.hash && !s.changes(w.last) {
		w.last.renew()
		return
	}
	w.last = s
	w.onChange(s, nil)
}

// dropArrival drops the record that the connection became ready, unless the connection was lost since losses was read: the
// schema was read over this connection.
func (w *Watcher) dropArrival(losses int64) {
	select {
	case <-w.arrived:
		if w.losses.Load() != losses {
			w.arrive()
		}
	default:
	}
}

// reportError calls onChange for an error, unless its text was reported already. Texts that differ only in the local port of a
// connection, which gRPC writes into some errors, count as the same.
func (w *Watcher) reportError(err error) {
	text := w.ports.ReplaceAllString(err.Error(), "")
	if w.reported[text] || len(w.reported) == maxReported {
		return
	}
	w.reported[text] = true
	w.onChange(nil, err)
}

// pause waits until the connection becomes ready, for the duration limit at most. Then it waits a little longer, so that the
// schema of a server that restarts again and again is not read each time at once.
func (w *Watcher) pause(ctx context.Context, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.arrived:
	case <-timer.C:
	case <-ctx.Done():
	}
	sleep(ctx, jitter(backoffBase))
}

// state returns the state of the connection. It makes an idle connection connect.
func (w *Watcher) state() connectivity.State {
	state := w.conn.GetState()
	if state == connectivity.Idle {
		w.conn.Connect()
	}
	return state
}

// jitter returns a random duration between half of d and one and a half times d, so that many bridges do not ask one server at
// once.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
