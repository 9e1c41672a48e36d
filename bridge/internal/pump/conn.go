package pump

import (
	"errors"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is a subscriber's connection, as [Run] sees it.
type Conn interface {
	// Write sends all pieces, and at once. An error means that the connection is of no more use. Only Run's goroutine calls it.
	Write(pieces ...[]byte) error
	// Abort makes a Write that waits, and every later one, return an error soon, [ErrAborted] where that is what ended it. It
	// may be called by anyone.
	Abort()
}

// HTTPConn writes to a response of net/http. It gives the client Timeout to take each 64 KiB, so that a large event does
// not cut off one that is slow but takes what it can; the deadline is cleared afterwards, since on an idle HTTP/2 stream
// one that has passed resets the stream.
type HTTPConn struct {
	Response   http.ResponseWriter
	Controller *http.ResponseController
	Timeout    time.Duration

	deadline time.Time // of the write that is under way

	mu      sync.Mutex
	writing bool // a write is under way: only meanwhile may another goroutine use the response, which ends with the handler
	aborted bool
}

// NewHTTPConn returns a connection over w.
func NewHTTPConn(w http.ResponseWriter, timeout time.Duration) *HTTPConn {
	return &HTTPConn{Response: w, Controller: http.NewResponseController(w), Timeout: timeout}
}

// ErrAborted is what a write gets after Abort.
var ErrAborted = errors.New("the connection was given up")

// Write implements [Conn]. It fails where the response, or what wraps it, supports neither write deadlines nor flushing: a
// client that stalls could then not be cut off.
func (c *HTTPConn) Write(pieces ...[]byte) error {
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
			part := p[:min(len(p), left)]
			if _, err := c.Response.Write(part); err != nil {
				return err
			}
			p, left = p[len(part):], left-len(part)
		}
	}
	return nil
}

// begin begins a new deadline, unless the connection was given up.
func (c *HTTPConn) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aborted {
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

// failure tells a deadline that Abort has brought forward from one that has passed. What follows from a failed write, such as
// the end of the request's context, may call Abort as well: so its having been called says nothing.
func (c *HTTPConn) failure(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(c.deadline) {
		return ErrAborted
	}
	return err
}

// Abort implements [Conn].
func (c *HTTPConn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.aborted = true
	if c.writing {
		_ = c.Controller.SetWriteDeadline(time.Now()) // a response without deadlines has failed already
	}
}

// reasonOf tells a client that was not there any more from one that took nothing in time, by the error of a write: nil is the
// end of what the client sends. ETIMEDOUT, with which the kernel gives up data that nobody acknowledges, is of the second kind.
func reasonOf(err error) string {
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, ErrAborted):
		return Gone
	}
	return Slow
}

// pieceBytes is what has to be taken within one write deadline. The batches of a stream of small events are no larger.
const pieceBytes = 64 << 10
