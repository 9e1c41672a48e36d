package pump

import (
	"errors"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is a subscriber's connection, as [Run] sees it.
type Conn interface {
	// Write sends all pieces, and at once. An error means that the connection is of no more use. Only Run's goroutine calls it.
	Write(pieces ...[]byte) error
	// Abort makes a Write that waits, and every later one, return an error soon. It may be called by anyone.
	Abort()
}

// HTTPConn writes to a response of net/http. It gives the client Timeout to take each 64 KiB, so that a large event does
// not cut off one that is slow but takes what it can; the deadline is cleared afterwards, since on an idle HTTP/2 stream
// one that has passed resets the stream.
type HTTPConn struct {
	Response   http.ResponseWriter
	Controller *http.ResponseController
	Timeout    time.Duration

	aborted atomic.Bool
}

// NewHTTPConn returns a connection over w.
func NewHTTPConn(w http.ResponseWriter, timeout time.Duration) *HTTPConn {
	return &HTTPConn{Response: w, Controller: http.NewResponseController(w), Timeout: timeout}
}

// errAborted is what a write gets after Abort.
var errAborted = errors.New("the connection was given up")

// Write implements [Conn]. It fails where the response, or what wraps it, supports neither write deadlines nor flushing: a
// client that stalls could then not be cut off.
func (c *HTTPConn) Write(pieces ...[]byte) error {
	if err := c.patience(); err != nil {
		return err
	}
	left := pieceBytes // of what has to be taken by the deadline
	for _, p := range pieces {
		for len(p) > 0 {
			if left == 0 {
				if err := c.patience(); err != nil {
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
	if err := c.Controller.Flush(); err != nil {
		return err
	}
	return c.Controller.SetWriteDeadline(time.Time{})
}

// patience begins a new deadline.
func (c *HTTPConn) patience() error {
	if err := c.Controller.SetWriteDeadline(time.Now().Add(c.Timeout)); err != nil {
		return err
	}
	if c.aborted.Load() { // whose deadline was overwritten just now
		return errAborted
	}
	return nil
}

// Abort implements [Conn].
func (c *HTTPConn) Abort() {
	c.aborted.Store(true)
	_ = c.Controller.SetWriteDeadline(time.Now()) // a response without deadlines fails with its first write
}

// reasonOf tells a client that was not there any more from one that took nothing in time, by the error of a write. ETIMEDOUT,
// with which the kernel gives up data that nobody acknowledges, is of the second kind.
func reasonOf(err error) string {
	if err == nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return Gone
	}
	return Slow
}

// pieceBytes is what has to be taken within one write deadline. The batches of a stream of small events are no larger.
const pieceBytes = 64 << 10
