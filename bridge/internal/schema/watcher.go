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
	// backoffBase and backoffMax bound the pause before a schema is read again after an error.
	backoffBase = 200 * time.Millisecond
	backoffMax  = 10 * time.Second
	// refreshInterval is the pause after which it is read again without any sign of change. Behind a proxy, or with
	// several servers of which one is replaced after the other, no sign may ever come.
	refreshInterval = 5 * time.Minute
	// maxReported bounds the memory of errors that were told.
	maxReported = 16
)

// Watcher keeps the schema of a server up to date by reflection. It belongs to one goroutine, in [Watcher.Run].
type Watcher struct {
	conn     connection
	load     func(context.Context) (*Snapshot, error)
	onChange func(*Snapshot, error)

	last     *Snapshot       // that was told
	reported map[string]bool // errors that were told since then
	losses   atomic.Int64    // how often the connection was ready and is not any more
	arrived  chan struct{}   // of capacity 1: the connection has become ready
	ports    *regexp.Regexp
}

// connection is what the watcher needs of a *grpc.ClientConn.
type connection interface {
	GetState() connectivity.State
	WaitForStateChange(ctx context.Context, from connectivity.State) bool
	Connect()
}

// NewWatcher watches the server behind cc. From within [Watcher.Run], one call at a time, onChange is told of each snapshot
// that differs from the one before, or whose server has another form of a type that was looked up since, with a nil error; and
// of each error, with a nil snapshot, once per distinct text. An error takes nothing back: the last snapshot is still the best
// that is known.
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

// Run reads the schema until that works, with a growing pause between attempts; then again each time the connection was
// lost and has come back, and every few minutes. It returns when ctx ends, and leaves nothing behind.
//
// gRPC lets a connection lie idle after a loss until somebody calls. The watcher makes it connect: a method that only
// the new server has would otherwise never be found, since nobody calls what is not known to exist.
func (w *Watcher) Run(ctx context.Context) {
	var observer sync.WaitGroup
	state := w.state()
	observer.Go(func() { w.observe(ctx, state) })
	defer observer.Wait()
	for w.read(ctx) {
		w.pause(ctx, jitter(refreshInterval))
	}
}

// observe follows the state of the connection until ctx ends: a server that is replaced while its schema is being read must
// not be missed. It makes a connection that lies idle connect.
func (w *Watcher) observe(ctx context.Context, state connectivity.State) {
	for w.conn.WaitForStateChange(ctx, state) {
		if state == connectivity.Ready {
			w.losses.Add(1) // even if it is ready again by now
		}
		if state = w.state(); state == connectivity.Ready {
			w.arrive()
		}
	}
}

func (w *Watcher) arrive() {
	select {
	case w.arrived <- struct{}{}:
	default: // known already
	}
}

// read tries until it has a snapshot or ctx ends, which false means.
func (w *Watcher) read(ctx context.Context) bool {
	for pause := backoffBase; ctx.Err() == nil; pause = min(2*pause, backoffMax) {
		losses := w.losses.Load()
		snapshot, err := w.load(ctx)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			w.tell(snapshot)
			w.settle(losses)
			return true
		}
		w.tellError(err)
		w.pause(ctx, jitter(pause))
	}
	return false
}

func (w *Watcher) tell(s *Snapshot) {
	clear(w.reported)
	if w.last != nil && w.last.hash == s.hash && !s.changes(w.last) {
		w.last.renew()
		return
	}
	w.last = s
	w.onChange(s, nil)
}

// settle forgets that the connection became ready, where that is the connection by which the schema was read.
func (w *Watcher) settle(losses int64) {
	select {
	case <-w.arrived:
		if w.losses.Load() != losses {
			w.arrive()
		}
	default:
	}
}

// tellError leaves out what was told already. The local port of a connection, which gRPC writes into some of its errors,
// does not make them distinct.
func (w *Watcher) tellError(err error) {
	text := w.ports.ReplaceAllString(err.Error(), "")
	if w.reported[text] || len(w.reported) == maxReported {
		return
	}
	w.reported[text] = true
	w.onChange(nil, err)
}

// pause waits for at most so long until the connection becomes ready: for the first time, or again after it was lost.
// Then it waits a little more, so that a server that comes and goes is not read at the speed at which it does so.
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

// state is the connection's, which is made to connect where it lies idle.
func (w *Watcher) state() connectivity.State {
	state := w.conn.GetState()
	if state == connectivity.Idle {
		w.conn.Connect()
	}
	return state
}

// jitter is between half of d and one and a half times d, so that many bridges do not ask one server at once.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
