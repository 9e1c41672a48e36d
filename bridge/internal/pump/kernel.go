package pump

import (
	"net"
	"sync"
	"syscall"
)

// kernel asks the kernel about a TCP connection that net/http writes to. A nil kernel stands for a connection that is not
// known; its methods may be called. All methods may be called concurrently.
type kernel struct {
	conn *net.TCPConn
	raw  syscall.RawConn

	mu    sync.Mutex
	asked int              // what ask found
	ask   func(fd uintptr) // made once, so that asking allocates nothing; mu is held while it is called
}

// kernelOf returns the kernel of a TCP connection, also where it carries TLS or another connection wraps it. It returns nil for
// any other connection.
func kernelOf(conn net.Conn) *kernel {
	tcp, _ := carriedBy(conn)
	if tcp == nil {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	k := &kernel{conn: tcp, raw: raw}
	k.ask = func(fd uintptr) { k.asked = unacknowledged(int(fd)) }
	return k
}

// carriedBy returns the TCP connection that carries conn, and the [Carrier] on the way to it. Each is nil where there is none. A
// connection that another one carries names that one by a method NetConn, as [crypto/tls.Conn] does.
func carriedBy(conn net.Conn) (tcp *net.TCPConn, carrier *Carrier) {
	for range deepest {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c, carrier
		case *Carrier:
			carrier, conn = c, c.Conn
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil, nil
		}
	}
	return nil, nil
}

// deepest bounds how many connections may carry each other. A connection that names itself must not hold up its caller.
const deepest = 8

// waiting returns how many bytes the client has not acknowledged, or 0 where this is not known.
func (k *kernel) waiting() int {
	if k == nil {
		return 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = 0 // a closed connection has none
	_ = k.raw.Control(k.ask)
	return k.asked
}

// linger calls [net.TCPConn.SetLinger].
func (k *kernel) linger(seconds int) {
	if k != nil {
		_ = k.conn.SetLinger(seconds) // a closed connection has nothing left to send
	}
}
