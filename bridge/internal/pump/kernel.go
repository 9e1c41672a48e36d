package pump

import (
	"crypto/tls"
	"net"
	"syscall"
)

// kernel is what the kernel has of a TCP connection that net/http writes to. Its methods may be called on nil, which stands for
// one that is not known, and concurrently.
type kernel struct {
	conn *net.TCPConn
	raw  syscall.RawConn
}

// kernelOf returns nil for a connection that is no TCP connection, plain or under TLS.
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

// tcpOf returns the TCP connection that carries conn, nil where none does.
func tcpOf(conn net.Conn) *net.TCPConn {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	tcp, _ := conn.(*net.TCPConn)
	return tcp
}

// waiting returns how many bytes the client has not acknowledged; 0 where that is not known.
func (k *kernel) waiting() (n int) {
	if k == nil {
		return 0
	}
	_ = k.raw.Control(func(fd uintptr) { n = unacknowledged(int(fd)) }) // a connection that is closed has nothing
	return n
}

// linger is [net.TCPConn.SetLinger].
func (k *kernel) linger(seconds int) {
	if k != nil {
		_ = k.conn.SetLinger(seconds) // one that is closed has nothing left
	}
}
