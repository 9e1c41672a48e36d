package backstage

import (
	"errors"
	"net"
	"sync"
	"time"
)

// acceptAgain is the wait after an error of accept that nobody else waits for.
const acceptAgain = 50 * time.Millisecond

// door keeps the address of a server that is killed and started again, so that no other program can take the address in between.
// Connections that come while the server is dead are reset. Its methods may be called concurrently.
type door struct {
	listener net.Listener
	closed   chan struct{}
	ended    sync.WaitGroup

	mu   sync.Mutex
	life *doorLife // guarded by mu; nil while nothing serves
}

// newDoor accepts from a listener until close.
func newDoor(listener net.Listener) *door {
	d := &door{listener: listener, closed: make(chan struct{})}
	d.ended.Go(d.accept)
	return d
}

// open returns the listener of the server's next life. The life ends when its listener is closed.
func (d *door) open() net.Listener {
	life := &doorLife{door: d, arrivals: make(chan arrival), over: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life = life
	return life
}

// close closes the listener, once.
func (d *door) close() error {
	close(d.closed)
	err := d.listener.Close()
	d.ended.Wait()
	return err
}

func (d *door) accept() {
	for {
		connection, err := d.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		d.mu.Lock()
		life := d.life
		d.mu.Unlock()
		taken := life != nil && life.take(arrival{connection, err})
		switch {
		case taken:
		case err == nil:
			reset(connection)
		default: // as without a free descriptor
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

// doorLife is the listener of one life of the server.
type doorLife struct {
	door     *door
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
func (l *doorLife) take(a arrival) bool {
	select {
	case l.arrivals <- a:
		return true
	case <-l.over:
		return false
	}
}

// Accept implements [net.Listener].
func (l *doorLife) Accept() (net.Conn, error) {
	select {
	case a := <-l.arrivals:
		return a.connection, a.err
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. The address stays taken.
func (l *doorLife) Close() error {
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
func (l *doorLife) Addr() net.Addr { return l.door.listener.Addr() }
