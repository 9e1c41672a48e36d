package bridgetest

import (
	"net"
	"sync"
)

// door accepts connections on one address, and hands them to the server that is up. While there is none, it closes them. So a
// server comes back at its address although other programs look for free ports meanwhile.
type door struct {
	lis      net.Listener
	accepted sync.WaitGroup

	mu   sync.Mutex
	lane *lane // nil while no server is up
}

func newDoor(lis net.Listener) *door {
	d := &door{lis: lis}
	d.accepted.Go(func() {
		for {
			c, err := lis.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			to := d.lane
			d.mu.Unlock()
			if to == nil || !to.hand(c) {
				_ = c.Close()
			}
		}
	})
	return d
}

// open returns the listener of a new server.
func (d *door) open() net.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lane = &lane{addr: d.lis.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	return d.lane
}

func (d *door) close() {
	_ = d.lis.Close()
	d.accepted.Wait()
}

// lane is the listener of one server.
type lane struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// hand gives a connection to the server, and reports whether the server is still up.
func (l *lane) hand(c net.Conn) bool {
	select {
	case l.conns <- c:
		return true
	case <-l.closed:
		return false
	}
}

// Accept implements [net.Listener].
func (l *lane) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *lane) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements [net.Listener].
func (l *lane) Addr() net.Addr { return l.addr }
