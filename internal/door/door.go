// Package door keeps the address of a server that is stopped and started again.
package door

import (
	"errors"
	"net"
	"sync"
	"time"
)

// acceptAgain is how long the door waits after an error of accept while no server lives. A server that lives is given the error.
const acceptAgain = 50 * time.Millisecond

// Door listens for the lives of a server, one after the other, so that no other program can take the address in between.
// Connections that come while no server lives are reset. Its methods may be called concurrently.
type Door struct {
	listener net.Listener
	closed   chan struct{}
	ended    sync.WaitGroup

	mu   sync.Mutex
	life *life // guarded by mu; nil while nothing serves
}

// New accepts from a listener until [Door.Close].
func New(listener net.Listener) *Door {
	d := &Door{listener: listener, closed: make(chan struct{})}
	d.ended.Go(d.accept)
	return d
}

// Open returns the listener of the server's next life. The life ends when its listener is closed.
func (d *Door) Open() net.Listener {
	next := &life{door: d, arrivals: make(chan arrival), over: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life = next
	return next
}

// Close closes the listener and frees the address. It is called once.
func (d *Door) Close() error {
	close(d.closed)
	err := d.listener.Close()
	d.ended.Wait()
	return err
}

func (d *Door) accept() {
	for {
		connection, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		d.mu.Lock()
		lives := d.life
		d.mu.Unlock()
		taken := lives != nil && lives.take(arrival{connection, err})
		switch {
		case taken:
		case err == nil:
			reset(connection)
		default: // for example, the process has no free descriptor
			select {
			case <-time.After(acceptAgain):
			case <-d.closed:
			}
		}
	}
}

// reset closes a connection with an RST, as the system does for a port where nothing listens.
func reset(connection net.Conn) {
	if tcp, ok := connection.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

// life is the listener of one life of the server.
type life struct {
	door     *Door
	arrivals chan arrival
	once     sync.Once
	over     chan struct{} // closed when the life has ended
}

// arrival is what an accept returned.
type arrival struct {
	connection net.Conn
	err        error
}

// take hands an arrival to the server, and reports whether the server still lives.
func (l *life) take(a arrival) bool {
	select {
	case l.arrivals <- a:
		return true
	case <-l.over:
		return false
	}
}

// Accept implements [net.Listener].
func (l *life) Accept() (net.Conn, error) {
	select {
	case a := <-l.arrivals:
		return a.connection, a.err
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. The address stays taken.
func (l *life) Close() error {
	l.once.Do(func() {
		close(l.over)
		l.door.mu.Lock()
		defer l.door.mu.Unlock()
		if l.door.life == l {
			l.door.life = nil
		}
	})
	return nil
}

// Addr implements [net.Listener].
func (l *life) Addr() net.Addr { return l.door.listener.Addr() }
