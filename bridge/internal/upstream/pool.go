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

// Observe is told what happens to the streams and connections of a [Client]. Each function may be nil. They are called
// from the goroutines that open and close streams, concurrently, with no lock held; they must not block.
type Observe struct {
	// OnWaiting says that one more stream waits for a slot; n wait now, this one included. It is called once for each
	// stream that waits, however long.
	OnWaiting func(n int)
	// OnGrow says that a connection was added since streams waited, and how many there are now.
	OnGrow func(connections int)
	// OnShrink says that connections were closed that had no streams for a while, and how many are left.
	OnShrink func(connections int)
}

// Load is what a [Client] carries at one moment.
type Load struct {
	// Connections is the number of connections, whether the server can be reached or not.
	Connections int
	// Open is the number of streams that have a slot and are not closed.
	Open int
	// Waiting is the number of streams that wait for a slot.
	Waiting int
}

// connection is one ClientConn of a pool. It has one HTTP/2 connection, or one for each backend behind its name. All
// fields but conn belong to the pool's mutex.
type connection struct {
	conn *grpc.ClientConn
	// open streams have a slot; pending ones are being opened.
	open, pending int
	// limit is how many streams it holds, as far as is known. gRPC tells nobody, so it is learnt: from how many were open
	// when one more had to wait.
	limit int
	// opened and closed count the streams that ever were.
	opened, closed uint64
	idleSince      time.Time
}

// fails reports whether the server could not be reached: gRPC refuses streams at once then.
func (c *connection) fails() bool { return c.conn.GetState() == connectivity.TransientFailure }

func (c *connection) ready() bool { return c.conn.GetState() == connectivity.Ready }

// pool is the connections of a client, and the streams that wait for a slot on one of them.
//
// Each stream goes to a connection that has room: the least loaded of those that are there from the start, or else the
// first of the added ones, so that these fall idle when there is less to do. Where none has room a connection is added.
// Where none may be added, streams queue, and the first in the queue tries the connections in turn, as what is known of
// their limits may be wrong.
type pool struct {
	dial    func() (*grpc.ClientConn, error)
	base    int // connections from the start
	most    int
	idle    time.Duration // after which an added connection is closed
	start   time.Duration // a stream may wait for a slot
	observe Observe

	lookEvery time.Duration // at an attempt under way

	done     chan struct{} // closed with the pool
	retiring sync.WaitGroup

	mu          sync.Mutex
	connections []*connection
	queue       list.List // of *waiter
	waiting     int       // streams that OnWaiting was told of
	probing     bool      // the first of the queue is trying a connection that is believed to be full
	probe       int       // index of the connection to be tried next, modulo their number
	closed      bool
	told        []func() // what observe is to be told when the lock is given back
}

// place is a connection on which one stream may be opened. It counts as pending there until settled or given back.
type place struct {
	*connection

	probe    bool
	waiter   *waiter   // nil for a stream that did not wait
	deadline time.Time // of the wait, zero where there was none
}

func newPool(cfg Config, dial func() (*grpc.ClientConn, error)) (*pool, error) {
	p := &pool{
		dial: dial, base: cfg.Connections, most: cfg.MaxConnections, idle: cfg.IdleTimeout, start: cfg.StartTimeout,
		observe: cfg.Observe, lookEvery: lookEvery, done: make(chan struct{}),
	}
	for range p.base {
		conn, err := dial()
		if err != nil {
			_ = p.close() // of connections that were never used
			return nil, err
		}
		p.connections = append(p.connections, &connection{conn: conn, limit: noLimit})
	}
	return p, nil
}

// unlock gives the lock back, and then tells what happened under it.
func (p *pool) unlock() {
	told := p.told
	p.told = nil
	p.mu.Unlock()
	for _, tell := range told {
		tell()
	}
}

func (p *pool) tell(f func(int), n int) {
	if f != nil {
		p.told = append(p.told, func() { f(n) })
	}
}

// take is the way of a stream that need not wait. It reports false where it has to.
func (p *pool) take() (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queue.Len() > 0 {
		return place{}, false
	}
	c := p.room()
	if c == nil {
		return place{}, false
	}
	c.pending++
	return place{connection: c}, true
}

// room finds the connection for the next stream, nil where all are full. While none can reach its server it is the
// first, for the sake of the error.
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

// grow adds a connection, nil where it may not.
func (p *pool) grow() *connection {
	if p.closed || len(p.connections) >= p.most {
		return nil
	}
	limit := 0
	for _, c := range p.connections {
		if c.fails() {
			return nil // the server takes no more connections, or nothing at all
		}
		if c.limit != noLimit {
			limit = max(limit, c.limit)
		}
	}
	conn, err := p.dial()
	if err != nil {
		return nil // cannot be: the same was dialled at the start
	}
	// A server gives each connection the same limit.
	c := &connection{conn: conn, limit: max(limit, 1)}
	p.connections = append(p.connections, c)
	p.tell(p.observe.OnGrow, len(p.connections))
	if len(p.connections) == p.base+1 {
		p.retiring.Go(p.retire)
	}
	return c
}

// learn takes note that a stream waited on a connection.
func (p *pool) learn(full *connection) {
	full.limit = max(full.open, 1)
	for _, c := range p.connections {
		if c.limit == noLimit {
			c.limit = max(full.limit, c.open)
		}
	}
}

// forget is for a pool without streams: by the time there are some, the server may be another.
func (p *pool) forget() {
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

// release takes note that a stream with a slot was closed.
func (p *pool) release(c *connection) {
	p.mu.Lock()
	defer p.unlock()
	c.open--
	c.closed++
	p.rest(c)
	p.forget()
	p.grant()
}

// rest notes since when a connection is idle, if it is.
func (p *pool) rest(c *connection) {
	if c.open+c.pending == 0 {
		c.idleSince = time.Now()
	}
}

// retire closes added connections that were idle for long enough. It ends with the last of them, or with the pool.
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
				_ = c.conn.Close() // only fails where it is closed already
			}
			if !more {
				return
			}
		}
	}
}

// takeIdle removes what is idle from the pool, and reports whether there is more to watch.
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
		p.tell(p.observe.OnShrink, len(kept))
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

// close cuts every connection. Streams that wait are sent to the first one, to meet the error of a closed connection.
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
