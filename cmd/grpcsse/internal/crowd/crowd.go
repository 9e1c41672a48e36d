package crowd

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Most is how many clients a crowd can have. Each client takes two file descriptors where the server is in the same process.
const Most = 2000

// inStep is how many events a client may be behind the first client of the crowd and still count as current.
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

// Figures say how a crowd is doing at one moment.
type Figures struct {
	// Clients is the number of clients.
	Clients int
	// Connected is how many have a connection on which events come.
	Connected int
	// Stalled is how many read nothing for some time.
	Stalled int
	// Current is how many have the newest events that any client has.
	Current int
	// Gone is how many will not come back: they were told so, or got an answer after which no EventSource comes back.
	Gone int
	// Deliveries is how many events all clients got together.
	Deliveries int64
	// Ledger says what was wrong with the events.
	Ledger Ledger
}

// Start begins a crowd of n clients, at most [Most]. The crowd ends with ctx or with [Crowd.Stop].
func Start(ctx context.Context, url string, n int) *Crowd {
	ctx, cancel := context.WithCancel(ctx)
	dialer := net.Dialer{Timeout: 10 * time.Second, Control: control}
	c := &Crowd{ctx: ctx, cancel: cancel, url: url, transport: &http.Transport{
		DialContext:         dialer.DialContext,
		DisableCompression:  true, // the memory of a client would mostly be its window
		MaxIdleConnsPerHost: -1,   // each client opens a connection of its own
		ReadBufferSize:      1 << 10,
		WriteBufferSize:     1 << 10,
	}}
	c.Grow(n)
	return c
}

// Grow adds n clients, or as many as there is room for, and returns how many it added.
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

// Stall makes n clients read nothing for a time, without closing their connections. It returns how many clients it found that
// were reading.
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

// Figures returns how the crowd is doing. After a crowd has stopped, only its connections change.
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

// Stop makes all clients leave, and returns when they have left.
func (c *Crowd) Stop() {
	c.mu.Lock()
	c.cancel() // with the lock held, so that no client joins that Stop would not wait for
	c.mu.Unlock()
	c.running.Wait()
}

func (c *Crowd) all() []*client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clients // the list only grows, so these elements do not change
}
