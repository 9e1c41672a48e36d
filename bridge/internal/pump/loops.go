package pump

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Loops drive parked connections: connections of HTTP/1.1 that were taken over from net/http. A parked connection has no
// goroutine. A loop writes to all connections whose cursors have something new. The kernel tells the loop which clients have
// left, and which connections can be written to again. The client reads the same bytes as [Start] would have written.
//
// All methods may be called concurrently.
type Loops struct {
	drivers []*driver
	next    atomic.Uint32 // counts the parked connections, so that the drivers take turns
	apart   atomic.Int32  // how many loops write to one connection after the other, although they should not
	rings   bool          // the loops should write to many connections at once
	running sync.WaitGroup
	quit    chan struct{} // closed when no connection is left and no more can be parked

	mu     sync.RWMutex // held for reading while Park adds to open
	closed bool
	open   sync.WaitGroup // the connections whose done was not called yet
}

// ErrClosed is the error of Park after Close.
var ErrClosed = errors.New("no connection can be parked any more")

// NewLoops starts n loops, at least one. After drain is closed, they end each stream with its DrainEnd at a random moment
// before drainBy. This includes streams that are parked later. Where the system has no epoll, the error is
// [errors.ErrUnsupported].
func NewLoops(n int, drain <-chan struct{}, drainBy func() time.Time, how Writing) (*Loops, error) {
	return newLoops(n, drain, drainBy, how, newPoller)
}

// Together reports whether all loops write to many connections with one system call.
func (l *Loops) Together() bool { return l.rings && l.apart.Load() == 0 }

// poller tells a loop, through the loop's inbox, what happens to its sockets.
type poller interface {
	// Adopt makes a socket of a connection, and closes the connection. After an error the connection is as it was.
	Adopt(conn *net.TCPConn) (transport, error)
	Close()
}

func newLoops(
	n int, drain <-chan struct{}, drainBy func() time.Time, how Writing, poll func(*inbox) (poller, error),
) (*Loops, error) {
	l := &Loops{quit: make(chan struct{}), rings: how.Ring != nil}
	alone := func(err error) {
		l.apart.Add(1)
		if how.Alone != nil {
			how.Alone(err)
		}
	}
	for range max(1, n) {
		in := newInbox()
		p, err := poll(in)
		if err != nil {
			l.Close()
			return nil, err
		}
		d := newDriver(in, p, how.newWriter(alone), l.open.Done)
		l.drivers = append(l.drivers, d)
		l.running.Go(func() { d.run(l.quit, drain, drainBy) })
	}
	return l, nil
}

// Subscriber is whose stream a loop writes.
type Subscriber struct {
	// Head is the header of the response where it was not written to the connection yet, and is not changed any more. It goes out
	// with the opening of the stream, in one write. It is no part of the body, whose bytes are counted.
	Head     []byte
	Cursor   Cursor
	Settings *Settings
	Control  *Control // acts on the stream as in [Start]; may be nil
	// Done is called once, when the connection is closed. It must not wait.
	Done func(Outcome)
}

// Park takes over conn. A loop writes to conn the header of the response and what the cursor has, until an end as in [Start]. Then
// the loop closes the connection and calls Done. Bytes that the client sends are not read. A client that closes its side is gone.
//
// After Park the caller must not use conn, which is closed: the loops have a descriptor of their own. Where Park returns an
// error, the connection still belongs to the caller, and Done is not called.
func (l *Loops) Park(conn *net.TCPConn, s Subscriber) error {
	return l.park(conn, s, func(sock transport, _ *records) socket { return sock })
}

// ParkTLS does the same as Park for conn that carries TLS with a [Carrier]. A client that sends close_notify is gone too. The handshake is over, and nothing else reads from
// secured or writes to it. Where ParkTLS returns an error, secured is as it was.
func (l *Loops) ParkTLS(conn *net.TCPConn, secured *tls.Conn, s Subscriber) error {
	carrier := CarrierOf(secured)
	if carrier == nil {
		return errors.ErrUnsupported
	}
	return l.park(conn, s, func(sock transport, made *records) socket {
		return seal(sock, secured, carrier, made)
	})
}

func (l *Loops) park(conn *net.TCPConn, s Subscriber, over func(transport, *records) socket) error {
	if !l.enter() {
		return ErrClosed
	}
	d := l.drivers[int(l.next.Add(1)%uint32(len(l.drivers)))]
	sock, err := d.poller.Adopt(conn)
	if err != nil {
		l.open.Done()
		return err
	}
	d.park(over(sock, &d.records), s)
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

// Close writes to each client what the client takes at once, closes every connection, and returns when every done was called.
// The outcome of a stream that had not ended is [ending.ByGone].
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
