package pump

import (
	"crypto/tls"
	"net"
	"syscall"
)

// kernel asks the kernel about a TCP connection that net/http writes to. A nil kernel stands for a connection that is not
// known; its methods may be called. All methods may be called concurrently.
type kernel struct {
	conn *net.TCPConn
	raw  syscall.RawConn
}

// kernelOf returns the kernel of a TCP connection, plain or under TLS. It returns nil for any other connection.
func kernelOf(conn net.Conn) *kernel {
	tcp := tcpOf(conn)
	if tcp == nil {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &kernel{tcp, raw}
}

// tcpOf returns the TCP connection that carries conn, or nil where there is none.
func tcpOf(conn net.Conn) *net.TCPConn {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}

// waiting returns how many bytes the client has not acknowledged, or 0 where this is not known.
func (k *kernel) waiting() (n int) {
	if k == nil {
		return 0
	}
	_ = k.raw.Control(func(fd uintptr) { n = unacknowledged(int(fd)) }) // a closed connection has none
	return n
}

// linger calls [net.TCPConn.SetLinger].
func (k *kernel) linger(seconds int) {
	if k != nil {
		_ = k.conn.SetLinger(seconds) // a closed connection has nothing left to send
	}
}
