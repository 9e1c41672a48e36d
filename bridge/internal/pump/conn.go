package pump

import (
	"net/http"
	"time"
)

// Conn is a subscriber's connection, as the pump sees it. Only the pump's goroutine calls it.
type Conn interface {
	// Write sends p whole and at once. An error means that the connection is of no more use.
	Write(p []byte) error
}

// HTTPConn writes to a response of net/http. It gives the client Timeout to take each 64 KiB, so that a large event does
// not cut off one that is slow but takes what it can; the deadline is cleared afterwards, since on an idle HTTP/2 stream
// one that has passed resets the stream.
type HTTPConn struct {
	Response   http.ResponseWriter
	Controller *http.ResponseController
	Timeout    time.Duration
}

// NewHTTPConn returns a connection over w.
func NewHTTPConn(w http.ResponseWriter, timeout time.Duration) *HTTPConn {
	return &HTTPConn{Response: w, Controller: http.NewResponseController(w), Timeout: timeout}
}

// Write implements [Conn]. It fails where w, or what wraps it, supports neither write deadlines nor flushing: a client that
// stalls could then not be cut off.
func (c *HTTPConn) Write(p []byte) error {
	for {
		if err := c.Controller.SetWriteDeadline(time.Now().Add(c.Timeout)); err != nil {
			return err
		}
		piece := p[:min(len(p), pieceBytes)]
		if _, err := c.Response.Write(piece); err != nil {
			return err
		}
		if p = p[len(piece):]; len(p) == 0 {
			break
		}
	}
	if err := c.Controller.Flush(); err != nil {
		return err
	}
	return c.Controller.SetWriteDeadline(time.Time{})
}

// pieceBytes is what has to be taken within one write deadline. The batches of a stream of small events are no larger.
const pieceBytes = 64 << 10
