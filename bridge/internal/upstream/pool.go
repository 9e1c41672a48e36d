package upstream

import (
	"container/list"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// noLimit is the limit of a connection that has refused no stream yet.
const noLimit = math.MaxInt

// Hooks are called when something happens to the streams and connections of a [Client]. Each function may be nil. The functions
// are called concurrently, on the goroutines that open and close streams, without locks held. They must not block.
type Hooks struct {
	// OnWaiting is called once for each stream that must wait for a slot. n is the number of streams that wait now.
	OnWaiting func(n int)
	// OnWaited is called once for each stream that has waited, when it has its slot or gives up. waited is the time since the call
	// of Open.
	OnWaited func(waited time.Duration)
	// OnGrow is called when a connection was added because streams waited. connections is the number of connections now.
	OnGrow func(connections int)
	// OnShrink is called when connections without streams were closed. connections is the number of connections now.
	OnShrink func(connections int)
	// OnStale is called when a file with credentials has changed and cannot be used, so that the old credentials stay in use. It is
	// not called again until the file could be used.
	OnStale func(error)
}

// stale calls OnStale.
func (h Hooks) stale(err error) {
	if h.OnStale != nil {
		h.OnStale(err)
	}
}

// Load holds the numbers of connections and streams of a [Client] at one moment.
type Load struct {
	// Connections is the number of connections, including those whose server cannot be reached.
	Connections int
	// Open is the number of streams that have a slot and are not closed.
	Open int
	// Waiting is the number of streams that wait for a slot.
	Waiting int
}

// connection is one ClientConn of a pool. It consists of one HTTP/2 connection, or of one to each server behind the name. All
// fields except conn are guarded by the mutex of the pool.
type connection struct {
	conn *grpc.ClientConn
	// open is the number of streams that have a slot, and pending the number of streams that are being opened.
	open, pending int
	// limit is how many streams the server allows on the connection, as far as is known. gRPC does not report the limit, so it is
	// learnt: it is the number of streams that were open when another stream had to wait.
	limit int
	// opened and closed count all streams since the connection was made.
	opened, closed uint64
	idleSince      time.Time
}

// fails reports whether the server could not be reached, so that gRPC refuses streams at once.
func (c *connection) fails() bool { return c.conn.GetState() == connectivity.TransientFailure }

// ready reports whether the connection is established.
func (c *connection) ready() bool { return c.conn.GetState() == connectivity.Ready }

// pool holds the connections of a client, and the streams that wait for a slot.
//
// A new stream goes to a connection that has room: to the least loaded of the connections from the start, or else to the first
// of the added connections, so that the others become idle when there are fewer streams. Where no connection has room, one is
// added. Where none may be added, the stream waits in the queue. The first stream in the queue tries the connections in turn,
// because the known limits may be wrong.
type pool struct {
	dial  func() (*grpc.ClientConn, error)
	base  int           // see [Config.Connections]
	most  int           // see [Config.MaxConnections]
	idle  time.Duration // see [Config.IdleTimeout]
	start time.Duration // see [Config.StartTimeout]
	hooks Hooks

	lookEvery time.Duration // how often an attempt looks at its connection
	attempts  sync.Pool     // attempts that are over, with timers that are stopped

	done     chan struct{} // closed when the pool is closed
	retiring sync.WaitGroup

	mu          sync.Mutex
	connections []*connection
	queue       list.List // of *waiter
	waiting     int       // the number of waiting streams, for which OnWaiting was called
	probing     bool      // the first stream of the queue is trying a connection that counts as full
	probe       int       // the index of the connection to be tried next, modulo their number
	closed      bool
	limits      Limits
	admitted    int      // the number of streams that [pool.admit] has counted
	calls       []func() // calls of hooks that are made when the lock is released
}

// place is a connection on which one stream may be opened. The stream counts as pending until its attempt is finished or the
// place is given back.
type place struct {
	*connection

	probe    bool
	waiter   *waiter   // nil for a stream that did not wait
	deadline time.Time // the end of the start timeout, zero for a stream that did not wait
}

func newPool(cfg Config, dial func() (*grpc.ClientConn, error)) (*pool, error) {
	p := &pool{
		dial: dial, base: cfg.Connections, most: cfg.MaxConnections, idle: cfg.IdleTimeout, start: cfg.StartTimeout,
		hooks: cfg.Hooks, limits: cfg.Limits, lookEvery: lookEvery, done: make(chan struct{}),
	}
	for range p.base {
		conn, err := dial()
		if err != nil {
			_ = p.close() // the connections were never used, so the error does not matter
			return nil, err
		}
		p.connections = append(p.connections, &connection{conn: conn, limit: noLimit})
	}
	return p, nil
}

// unlock releases the lock, and then makes the calls of hooks that were collected.
func (p *pool) unlock() {
	calls := p.calls
	p.calls = nil
	p.mu.Unlock()
	for _, call := range calls {
		call()
	}
}

// notify collects the call of a hook. The caller holds p.mu.
func (p *pool) notify(hook func(int), n int) {
	if hook != nil {
		p.calls = append(p.calls, func() { hook(n) })
	}
}

// take returns a place for a stream that need not wait. It reports false where the stream must wait.
func (p *pool) take() (place, bool) { return p.takeFrom((*pool).room) }

// takeFrom returns a place on the connection that find returns, with the lock held. It reports false where find returns nil, and
// where streams wait in the queue: the next slot is theirs.
func (p *pool) takeFrom(find func(*pool) *connection) (place, bool) {
	p.mu.Lock()
	defer p.unlock()
	if p.queue.Len() > 0 {
		return place{}, false
	}
	c := find(p)
	if c == nil {
		return place{}, false
	}
	c.pending++
	return place{connection: c}, true
}

// room returns the connection for the next stream, nil where all are full. While no connection can reach its server, it returns
// the first one, so that the stream gets the error of gRPC.
func (p *pool) room() *connection {
	first := p.connections[0]
	if p.closed {
		return first
	}
	var best *connection
	reachable := false
	for i, c := range p.connections {
		if len(p.connections) > 1 && c.fails() {
			continue
		}
		reachable = true
		if c.open+c.pending >= c.limit {
			continue
		}
		if i >= p.base && best == nil {
			return c
		}
		if i < p.base && (best == nil || c.open+c.pending < best.open+best.pending) {
			best = c
		}
	}
	if !reachable {
		return first
	}
	return best
}

// grow adds a connection and returns it. It returns nil where no connection may be added.
func (p *pool) grow() *connection {
	if p.closed || len(p.connections) >= p.most {
		return nil
	}
	limit := 0
	for _, c := range p.connections {
		if c.fails() {
			return nil // the server accepts no more connections, or is down
		}
		if c.limit != noLimit {
			limit = max(limit, c.limit)
		}
	}
	conn, err := p.dial()
	if err != nil {
		return nil // cannot happen: the same call succeeded in newPool
	}
	// A server has the same limit for each connection.
	c := &connection{conn: conn, limit: max(limit, 1)}
	p.connections = append(p.connections, c)
	p.notify(p.hooks.OnGrow, len(p.connections))
	if len(p.connections) == p.base+1 {
		p.retiring.Go(p.retire)
	}
	return c
}

// learnLimit sets the limit of a connection on which a stream had to wait.
func (p *pool) learnLimit(full *connection) {
	full.limit = max(full.open, 1)
	for _, c := range p.connections {
		if c.limit == noLimit {
			c.limit = max(full.limit, c.open)
		}
	}
}

// forgetLimits drops what is known about limits once the pool has no streams: the next stream may meet another server.
func (p *pool) forgetLimits() {
	if p.queue.Len() > 0 {
		return
	}
	for _, c := range p.connections {
		if c.open > 0 {
			return
		}
	}
	for _, c := range p.connections {
		c.limit = noLimit
	}
}

// release gives back the slot of a stream that was closed.
func (p *pool) release(c *connection) {
	p.mu.Lock()
	defer p.unlock()
	c.open--
	c.closed++
	p.noteIdle(c)
	p.forgetLimits()
	p.grant()
}

// noteIdle records that a connection is idle from now on, if it has no streams.
func (p *pool) noteIdle(c *connection) {
	if c.open+c.pending == 0 {
		c.idleSince = time.Now()
	}
}

// retire closes added connections that are idle for p.idle. It returns when none of them is left, or when the pool is closed.
func (p *pool) retire() {
	ticker := time.NewTicker(max(p.idle/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case now := <-ticker.C:
			idle, more := p.takeIdle(now)
			for _, c := range idle {
				_ = c.conn.Close() // fails only for a connection that is closed already
			}
			if !more {
				return
			}
		}
	}
}

// takeIdle removes the idle connections from the pool and returns them. more reports whether added connections are left.
func (p *pool) takeIdle(now time.Time) (idle []*connection, more bool) {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return nil, false
	}
	kept := p.connections[:p.base:p.base]
	for _, c := range p.connections[p.base:] {
		if c.open+c.pending == 0 && now.Sub(c.idleSince) >= p.idle {
			idle = append(idle, c)
		} else {
			kept = append(kept, c)
		}
	}
	p.connections = kept
	if len(idle) > 0 {
		p.notify(p.hooks.OnShrink, len(kept))
	}
	return idle, len(kept) > p.base
}

func (p *pool) load() Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	load := Load{Connections: len(p.connections), Waiting: p.waiting}
	for _, c := range p.connections {
		load.Open += c.open
	}
	return load
}

// close closes every connection. Streams that wait get a place on the first one, where they fail because the connection is
// closed.
func (p *pool) close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.done)
	connections := p.connections
	p.mu.Unlock()

	var first error
	for _, c := range connections {
		if err := c.conn.Close(); err != nil && first == nil {
			first = err
		}
	}
	p.retiring.Wait()
	p.mu.Lock()
	defer p.unlock()
	if len(connections) > 0 {
		p.grant()
	}
	return first
}
