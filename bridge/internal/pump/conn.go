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

// Conn is a subscriber's connection, as [Run] sees it.
type Conn interface {
	// Write sends all pieces, and at once. An error means that the connection is of no more use. Only Run's goroutine calls it.
	Write(pieces ...[]byte) error
	// Abort makes a Write that waits, and every later one, return an error soon: [ErrAborted] where Abort is what ended the
	// write. It may be called concurrently.
	Abort()
	// Taken returns how many bytes of the write that is under way, or of the last one, the client is known to have taken, as far
	// as that can be known. It is negative where the client lacks bytes of earlier writes too. It may be called concurrently.
	Taken() int
}

// HTTPConn writes to a response of net/http. The client has Timeout to take each 64 KiB, so that a large event does not cut off
// a slow client that goes on taking. The deadline is cleared after each write: on HTTP/2 a deadline that passes resets the
// stream even where nothing is being written.
type HTTPConn struct {
	Response   http.ResponseWriter
	Controller *http.ResponseController
	Timeout    time.Duration

	kernel   *kernel   // nil where it is not known, or carries more than this response
	deadline time.Time // of the write that is under way
	written  atomic.Int64

	mu      sync.Mutex
	writing bool // a write is under way. Only then may Abort use the response: it is invalid once the handler has returned
	aborted bool
}

// NewHTTPConn returns a connection over w.
func NewHTTPConn(w http.ResponseWriter, timeout time.Duration) *HTTPConn {
	return &HTTPConn{Response: w, Controller: http.NewResponseController(w), Timeout: timeout}
}

// Over tells what carries the response and nothing else, where that is known: a connection of HTTP/1, plain or under TLS. What
// the client has taken is then known better, and until Release a connection that is closed is reset: a client that is cut off
// does not get the rest first, in its own time.
func (c *HTTPConn) Over(conn net.Conn) *HTTPConn {
	c.kernel = kernelOf(conn)
	c.kernel.linger(0)
	return c
}

// Release gives the connection back to net/http after a stream that was not cut off: the client gets all that was written.
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
	left := pieceBytes // of what has to be taken by the deadline
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
		_ = c.Controller.SetWriteDeadline(time.Now()) // nothing may follow
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

// failure returns ErrAborted where Abort made a write fail, and err otherwise. Whether Abort was called does not tell: a write
// that fails for another reason may end the request's context, which calls Abort too. So failure looks at the deadline, which
// Abort brings forward.
func (c *HTTPConn) failure(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.deadline) {
		return ErrAborted
	}
	return err
}

// Taken implements [Conn].
func (c *HTTPConn) Taken() int { return int(c.written.Load()) - c.kernel.waiting() }

// Abort implements [Conn].
func (c *HTTPConn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	if c.writing {
		_ = c.Controller.SetWriteDeadline(time.Now()) // a response without deadlines has failed already
	}
}

// reasonOf returns [ending.ByGone] for the error of a write to a client that had left, and [ending.BySlow] for one to a client that took nothing
// in time. nil stands for a client that closed its side. ETIMEDOUT is Slow: the kernel returns it when the client acknowledges
// nothing.
func reasonOf(err error) ending.Reason {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, ErrAborted):
		return ending.ByGone
	}
	return ending.BySlow
}

// pieceBytes is how many bytes have one write deadline. A batch of small events is no larger. partBytes is how many are written
// at once, so that Taken tells how far a large event is.
const (
	pieceBytes = 64 << 10
	partBytes  = 16 << 10
)
