package front

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// listener is a TCP listener whose connections have places.
type listener struct {
	net.Listener

	places  *places
	proxied bool          // each connection begins with a PROXY protocol header
	timeout time.Duration // for that header
	log     *slog.Logger
	bounded *serverLog

	closing sync.Once
	closed  chan struct{}

	stopped bool       // the listener accepts nothing more; of Accept alone, as waiting is
	waiting []net.Conn // they waited for being accepted at that moment
}

func newListener(tcp net.Listener, s *Settings, log *slog.Logger) *listener {
	return &listener{
		Listener: tcp, places: newPlaces(s.Room), proxied: s.Server.ProxyProtocol, timeout: s.Server.HeaderTimeout,
		log: log, bounded: &serverLog{log: log, now: time.Now}, closed: make(chan struct{}),
	}
}

// errStopped is the error of Accept after stop.
var errStopped = errors.New("the listener has stopped")

// Accept implements [net.Listener]. It goes on where the system has no descriptor or memory left: an idle connection is closed,
// or Accept tries again when a connection has ended, and soon in any case.
func (l *listener) Accept() (net.Conn, error) {
	for {
		if l.stopped {
			return l.acceptWaiting()
		}
		conn, err := l.Listener.Accept()
		switch tcp, isTCP := l.Listener.(*net.TCPListener); {
		case err == nil:
			return l.seat(conn)
		case isTCP && errors.Is(err, os.ErrDeadlineExceeded):
			l.stopped, l.waiting = true, takeWaiting(tcp)
			continue
		case !exhausted(err):
			return nil, err
		}
		l.bounded.warn("no connection can be accepted for now: " + err.Error())
		if !l.places.evictIdle() && !l.wait(acceptAgain) {
			return nil, net.ErrClosed
		}
	}
}

// acceptWaiting returns the next connection that waited when the listener was stopped.
func (l *listener) acceptWaiting() (net.Conn, error) {
	if len(l.waiting) == 0 {
		return nil, errStopped
	}
	conn := l.waiting[0]
	l.waiting = l.waiting[1:]
	return l.seat(conn)
}

// acceptAgain is how soon Accept tries again where nothing is left.
const acceptAgain = 100 * time.Millisecond

// exhausted reports whether accept(2) failed because the system or the process has nothing left.
func exhausted(err error) bool {
	for _, known := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// seat waits until there is a place for a connection, which takes a moment at most. See lobbyIdle and its neighbours.
func (l *listener) seat(conn net.Conn) (net.Conn, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok { // Passed accepts no other listener
		_ = conn.Close()
		return nil, errors.ErrUnsupported
	}
	s, wait := l.places.take(tcp)
	for s == nil {
		if !l.wait(wait) {
			_ = tcp.Close()
			return nil, net.ErrClosed
		}
		s, wait = l.places.take(tcp)
	}
	c := &connection{Conn: tcp, tcp: tcp, place: s}
	if l.proxied {
		c.Conn = newBehindProxy(tcp, l.timeout, l.wrongHeader)
	}
	return c, nil
}

// wait waits until a place becomes free, d at most. It returns false once the listener is closed.
func (l *listener) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-l.places.freed:
	case <-timer.C:
	case <-l.closed:
		return false
	}
	return true
}

func (l *listener) wrongHeader(err error) {
	l.bounded.warn("a connection has no valid PROXY protocol header, which server.proxy_protocol requires: " + err.Error())
}

// SyscallConn implements [syscall.Conn], so that the bridge knows what the connections inherit.
func (l *listener) SyscallConn() (syscall.RawConn, error) {
	conn, ok := l.Listener.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return conn.SyscallConn()
}

// Close implements [net.Listener].
func (l *listener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// stop has Accept return an error once no connection waits for being accepted. No client that the kernel has connected is reset.
func (l *listener) stop() {
	if tcp, ok := l.Listener.(*net.TCPListener); ok {
		_ = ignoreNewcomers(tcp) // without that, one that comes between the last accept(2) and close(2) is reset
		if tcp.SetDeadline(time.Now().Add(lastAccept)) == nil {
			return
		}
	}
	_ = l.Close()
}

// lastAccept is how long connections are still accepted after stop: those that the kernel has begun take a round trip.
const lastAccept = 100 * time.Millisecond
