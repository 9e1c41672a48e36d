package upstream

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Limits bound the streams of a [Client]. A stream over a limit fails at once with a [*LimitError]. 0 is no limit.
type Limits struct {
	// Streams is how many streams may be open, with those that wait for a slot.
	Streams int
	// Waiting is how many streams may wait for a slot.
	Waiting int
}

// These are what [errors.Is] finds in a [*LimitError].
var (
	ErrTooManyStreams = errors.New("too many streams")
	ErrTooManyWait    = errors.New("too many streams wait")
)

// LimitError says that a stream was over a limit of its client. The server was not called.
type LimitError struct {
	// Reached is [ErrTooManyStreams] or [ErrTooManyWait].
	Reached error
	// Most is the limit.
	Most int
}

// Error returns a message with the limit and the setting that can be raised.
func (e *LimitError) Error() string {
	if errors.Is(e.Reached, ErrTooManyWait) {
		return fmt.Sprintf("expected at most %d streams that wait for a place, found another one; "+
			"raise `limits.waiting` of the upstream, `max_connections` or the server's MAX_CONCURRENT_STREAMS", e.Most)
	}
	return fmt.Sprintf("expected at most %d open streams, found another one; raise `limits.streams` of the upstream", e.Most)
}

// Unwrap returns e.Reached.
func (e *LimitError) Unwrap() error { return e.Reached }

// GRPCStatus returns RESOURCE_EXHAUSTED.
func (e *LimitError) GRPCStatus() *status.Status {
	return status.New(codes.ResourceExhausted, e.Error())
}

// admit counts a stream, from the call of Open until the stream is closed or has failed to open.
func (p *pool) admit() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if most := p.limits.Streams; most > 0 && p.admitted >= most {
		return &LimitError{ErrTooManyStreams, most}
	}
	p.admitted++
	return nil
}

// dismiss ends what admit has counted.
func (p *pool) dismiss() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.admitted--
}

// admitWaiting counts a stream that must wait, once. A stream that has its place meanwhile is not over the limit. The caller
// holds the lock of the pool.
func (w *waiter) admitWaiting() error {
	p := w.pool
	if w.counted {
		return nil
	}
	if most := p.limits.Waiting; most > 0 && p.waiting >= most && w.element != nil {
		return &LimitError{ErrTooManyWait, most}
	}
	w.counted = true
	p.waiting++
	p.notify(p.hooks.OnWaiting, p.waiting)
	return nil
}
