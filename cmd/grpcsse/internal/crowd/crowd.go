package crowd

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Most is how many clients a crowd can have. Each takes two file descriptors where the server is in the same process.
const Most = 2000

// inStep is how many events a client may be behind the first of the crowd and still count as current.
const inStep = 12

// Crowd is a number of clients of one URL. Its methods may be called concurrently.
type Crowd struct {
	ctx       context.Context
	cancel    context.CancelFunc
	url       string
	transport *http.Transport
	running   sync.WaitGroup

	mu      sync.Mutex
	clients []*client // guarded by mu; it only grows
}

// Figures are how a crowd fares at one moment.
type Figures struct {
	// Clients is how many there are. Of these,
	Clients int
	// Connected have a connection on which events flow,
	Connected int
	// Stalled read nothing for the time being,
	Stalled int
	// Current have the newest events that any of them has,
	Current int
	// Gone have been told to stay away, or got an answer that no EventSource survives.
	Gone int
	// Deliveries is how many events all of them got so far.
	Deliveries int64
	// Ledger says what was wrong with these.
	Ledger Ledger
}

// Start begins a crowd of n clients, at most [Most], which ends with ctx or with [Crowd.Stop].
func Start(ctx context.Context, url string, n int) *Crowd {
	ctx, cancel := context.WithCancel(ctx)
	dialer := net.Dialer{Timeout: 10 * time.Second, Control: control}
	c := &Crowd{ctx: ctx, cancel: cancel, url: url, transport: &http.Transport{
		DialContext:         dialer.DialContext,
		DisableCompression:  true, // a window for each client would be most of its memory
		MaxIdleConnsPerHost: -1,   // a client opens its own
		ReadBufferSize:      1 << 10,
		WriteBufferSize:     1 << 10,
	}}
	c.Grow(n)
	return c
}

// Grow lets n more clients join, as far as there is room for them, and returns how many did.
func (c *Crowd) Grow(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return 0
	}
	n = max(0, min(n, Most-len(c.clients)))
	for range n {
		one := &client{transport: c.transport}
		c.clients = append(c.clients, one)
		c.running.Go(func() { one.run(c.ctx, c.url) })
	}
	return n
}

// Stall makes n clients read nothing for a time, without closing their connections. It returns how many were found that
// read until now.
func (c *Crowd) Stall(n int, d time.Duration) int {
	stalled := 0
	for _, one := range c.all() {
		if stalled == n {
			break
		}
		if one.stall(d) {
			stalled++
		}
	}
	return stalled
}

// Figures returns how the crowd fares. They stay what they were when the crowd has stopped, but for its connections.
func (c *Crowd) Figures() Figures {
	all := c.all()
	newest := int64(0)
	for _, one := range all {
		newest = max(newest, one.newest())
	}
	var f Figures
	for _, one := range all {
		one.add(&f, newest)
	}
	return f
}

// Stop makes all clients leave, and waits until they have.
func (c *Crowd) Stop() {
	c.mu.Lock()
	c.cancel() // under the lock, so that nobody joins whom nobody waits for
	c.mu.Unlock()
	c.running.Wait()
}

func (c *Crowd) all() []*client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients // which only grows: what is there now stays as it is
}
