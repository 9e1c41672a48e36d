package front

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// handshakes is a listener of connections whose TLS handshake is over, whether it succeeded or not: [net/http.Server] asks for the
// handshake again, and gets the same result. It would otherwise make the handshake on the goroutine that serves the connection, and
// for HTTP/2 that goroutine stays: its stack would remain as large as the handshake needs, which is 8 KiB more.
type handshakes struct {
	net.Listener

	config  *tls.Config
	timeout time.Duration
	log     *log.Logger
	results chan accepted
	begin   sync.Once
	pending sync.WaitGroup

	ctx    context.Context // ends when the listener is closed
	cancel context.CancelFunc
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// newHandshakes returns the listener of the TLS connections on those of inner, for a server. Each handshake may take as long as the
// header of a request.
func newHandshakes(inner net.Listener, s *server) *handshakes {
	h := &handshakes{
		Listener: inner, config: s.TLSConfig, timeout: s.ReadHeaderTimeout, log: s.ErrorLog, results: make(chan accepted),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Accept implements [net.Listener].
func (h *handshakes) Accept() (net.Conn, error) {
	h.begin.Do(func() { go h.run() })
	select {
	case a := <-h.results:
		return a.conn, a.err
	case <-h.ctx.Done():
		return nil, net.ErrClosed
	}
}

// run accepts connections until the listener is closed.
func (h *handshakes) run() {
	for h.ctx.Err() == nil {
		conn, err := h.Listener.Accept()
		switch {
		case err == nil:
			h.pending.Go(func() { h.shake(tls.Server(conn, h.config)) })
			continue
		case errors.Is(err, errStopped), errors.Is(err, net.ErrClosed): // a listener that systemd has passed is closed
			h.settle()
		}
		h.pass(accepted{err: err})
	}
}

// shake makes the handshake of a connection. A panic costs the connection, as one in [net/http.Server] does.
func (h *handshakes) shake(conn *tls.Conn) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Printf("http: panic serving %v: %v\n%s", conn.RemoteAddr(), p, debug.Stack())
			_ = conn.Close()
		}
	}()
	_ = conn.SetDeadline(time.Now().Add(h.timeout))
	if conn.HandshakeContext(h.ctx) == nil {
		_ = conn.SetDeadline(time.Time{})
	}
	if !h.pass(accepted{conn: conn}) {
		_ = conn.Close()
	}
}

// pass has Accept return a. It returns false once the listener is closed.
func (h *handshakes) pass(a accepted) bool {
	select {
	case h.results <- a:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// settle waits until the handshakes that have begun are over, but not for long.
func (h *handshakes) settle() {
	settled := make(chan struct{})
	go func() {
		h.pending.Wait()
		close(settled)
	}()
	timer := time.NewTimer(farewell)
	defer timer.Stop()
	select {
	case <-settled:
	case <-timer.C:
	case <-h.ctx.Done():
	}
}

// Close implements [net.Listener]. It ends the handshakes that are under way.
func (h *handshakes) Close() error {
	h.cancel()
	return h.Listener.Close()
}
