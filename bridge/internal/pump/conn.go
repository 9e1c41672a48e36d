package pump

import (
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// Conn is the connection of a subscriber that [Start] serves.
type Conn interface {
	// Write sends all pieces at once. After an error the connection must not be used. Write is never called twice at once.
	Write(pieces ...[]byte) error
	// Abort has a waiting Write, and every later one, return an error soon. The error is [ErrAborted] where Abort ended the
	// write. Abort may be called concurrently.
	Abort()
	// Taken returns how many bytes of the present write, or of the last one, the client has taken, as far as this is known. The
	// result is negative where the client has not taken all bytes of earlier writes. Taken may be called concurrently.
	Taken() int
}

// HTTPConn writes to a response of net/http. The client has Timeout to take each 64 KiB, so a large event does not cut off a
// slow client that goes on taking. The deadline is cleared after each write: on HTTP/2 a deadline that passes resets the stream
// even where nothing is being written.
type HTTPConn struct {
	Response   http.ResponseWriter
	Controller *http.ResponseController
	Timeout    time.Duration

	kernel   *kernel   // nil where the connection is not known, or carries more than this response
	deadline time.Time // the deadline of the present write
	written  atomic.Int64

	mu      sync.Mutex
	writing bool // a write is under way. Abort may use the response only then: it is invalid after the handler has returned
	aborted bool
}

// NewHTTPConn returns a connection over w.
func NewHTTPConn(w http.ResponseWriter, timeout time.Duration) *HTTPConn {
	return &HTTPConn{Response: w, Controller: http.NewResponseController(w), Timeout: timeout}
}

// Over gives c the connection that carries the response and nothing else: one of HTTP/1, plain or under TLS. Then Taken knows
// what the client has acknowledged. Until Release, closing the connection resets it: a client that is cut off does not first
// get the bytes that wait in the kernel.
func (c *HTTPConn) Over(conn net.Conn) *HTTPConn {
	c.kernel = kernelOf(conn)
	c.kernel.linger(0)
	return c
}

// Release gives the connection back to net/http after a stream that was not cut off. The client gets everything that was
// written.
func (c *HTTPConn) Release() { c.kernel.linger(-1) }

// ErrAborted is the error of a write that [Conn].Abort ended.
var ErrAborted = errors.New("the connection was given up")

// Write implements [Conn]. It fails where the response, or middleware around it, does not support write deadlines and
// flushing: a client that stalls could then not be cut off.
func (c *HTTPConn) Write(pieces ...[]byte) error {
	c.written.Store(0)
	if err := c.begin(); err != nil {
		return err
	}
	defer c.end()
	if err := c.write(pieces); err != nil {
		return c.failure(err)
	}
	if err := c.Controller.Flush(); err != nil {
		return c.failure(err)
	}
	return c.Controller.SetWriteDeadline(time.Time{})
}

func (c *HTTPConn) write(pieces [][]byte) error {
	left := pieceBytes // how many bytes the present deadline is still good for
	for _, p := range pieces {
		for len(p) > 0 {
			if left == 0 {
				if err := c.begin(); err != nil {
					return err
				}
				left = pieceBytes
			}
			part := p[:min(len(p), left, partBytes)]
			if _, err := c.Response.Write(part); err != nil {
				return err
			}
			c.written.Add(int64(len(part)))
			p, left = p[len(part):], left-len(part)
		}
	}
	return nil
}

// begin sets a new deadline, unless Abort was called.
func (c *HTTPConn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
		_ = c.Controller.SetWriteDeadline(time.Now()) // nothing may be written after Abort
		return ErrAborted
	}
	c.writing = true
	c.deadline = time.Now().Add(c.Timeout)
	return c.Controller.SetWriteDeadline(c.deadline)
}

func (c *HTTPConn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = false
}

// failure returns ErrAborted where Abort made a write fail, or where the client has reset the stream, and err otherwise. The
// field aborted cannot tell this: a write that fails for another reason may end the request's context, and that calls Abort
// too. So failure looks at the deadline, which Abort brings forward. On HTTP/2, net/http resets the stream at its deadline, and
// returns the same error as for a client that has reset it.
func (c *HTTPConn) failure(err error) error {
	if (errors.Is(err, os.ErrDeadlineExceeded) || isReset(err)) && time.Now().Before(c.deadline) {
		return ErrAborted
	}
	return err
}

// isReset reports whether a write failed because an HTTP/2 stream or its connection is closed. net/http has no values for these
// errors.
func isReset(err error) bool {
	text := err.Error()
	return text == "http2: stream closed" || text == "client disconnected"
}

// Taken implements [Conn].
func (c *HTTPConn) Taken() int { return int(c.written.Load()) - c.kernel.waiting() }

// Abort implements [Conn]. A panic of middleware that wraps the response is ignored, because the goroutine may belong to another
// stream: a write that waits ends at its own deadline then.
func (c *HTTPConn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { _ = recover() }()
	c.aborted = true
	if c.writing {
		_ = c.Controller.SetWriteDeadline(time.Now()) // a response without deadlines has failed already
	}
}

// reasonOf returns the reason that the error of a write stands for: [ending.ByGone] where the client had left, and
// [ending.BySlow] where the client took nothing in time. A nil error stands for a client that closed its side. ETIMEDOUT is
// BySlow: the kernel returns it when the client acknowledges nothing.
func reasonOf(err error) ending.Reason {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, ErrAborted):
		return ending.ByGone
	}
	return ending.BySlow
}

// pieceBytes is how many bytes have one write deadline. A batch of small events is not larger. partBytes is how many bytes are
// written in one call, so that Taken tells how much of a large event was written.
const (
	pieceBytes = 64 << 10
	partBytes  = 16 << 10
)
