package pump

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Loops drive parked connections: those of plain HTTP/1.1 that were taken over from net/http. No goroutine belongs to any of
// them; a loop writes to all that are behind, and hears from the kernel who has left and who takes something again. What the
// client reads is what [Run] would have written.
//
// All methods may be called concurrently.
type Loops struct {
	drivers []*driver
	next    atomic.Uint32 // whose turn it is to get a connection
	running sync.WaitGroup
	quit    chan struct{} // closed when no connection is left, and none can come

	mu     sync.RWMutex // held for reading while a connection is counted in
	closed bool
	open   sync.WaitGroup // connections whose outcome was not told yet
}

// ErrClosed is what Park returns after Close.
var ErrClosed = errors.New("no connection can be parked any more")

// NewLoops starts n loops, at least one. When drain is closed, they end each stream with its DrainEnd at a random moment before drainBy,
// those that are parked later too. Where the system has no epoll, the error is [errors.ErrUnsupported].
func NewLoops(n int, drain <-chan struct{}, drainBy func() time.Time) (*Loops, error) {
	return newLoops(n, drain, drainBy, newPoller)
}

// poller tells a loop, through its inbox, what happens to its sockets.
type poller interface {
	// Adopt makes a socket of a connection, which is closed where that works.
	Adopt(conn *net.TCPConn, s *Settings) (socket, error)
	Close()
}

func newLoops(n int, drain <-chan struct{}, drainBy func() time.Time, poll func(*inbox) (poller, error)) (*Loops, error) {
	l := &Loops{quit: make(chan struct{})}
	for range max(1, n) {
		in := newInbox()
		p, err := poll(in)
		if err != nil {
			l.Close()
			return nil, err
		}
		d := newDriver(in, p, l.open.Done)
		l.drivers = append(l.drivers, d)
		l.running.Go(func() { d.run(l.quit, drain, drainBy) })
	}
	return l, nil
}

// Park takes over conn, to which the response's header was written, and writes to it what cur has, until an end as in [Run].
// Then the connection is closed, and done is called once, by a loop: it must not wait. Bytes that the client sends are not
// read; where it closes its side, it is gone.
//
// After Park the caller must not use conn, which is closed: the loops have a descriptor of their own. Where Park returns an
// error, the connection is still the caller's, and done is not called.
func (l *Loops) Park(conn *net.TCPConn, cur Cursor, s *Settings, done func(Outcome)) error {
	if !l.enter() {
		return ErrClosed
	}
	d := l.drivers[int(l.next.Add(1)%uint32(len(l.drivers)))]
	sock, err := d.poller.Adopt(conn, s)
	if err != nil {
		l.open.Done()
		return err
	}
	d.park(sock, cur, s, done)
	return nil
}

func (l *Loops) enter() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.closed {
		l.open.Add(1)
	}
	return !l.closed
}

// Close writes what each client takes at once, closes every connection, and returns when each subscriber's done has been
// called; that of a stream which had not ended with [Gone].
func (l *Loops) Close() {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	for _, d := range l.drivers {
		d.loop.inbox.put(func(m *mail) { m.closing = true })
	}
	l.open.Wait()
	if !again {
		close(l.quit)
	}
	l.running.Wait()
}
