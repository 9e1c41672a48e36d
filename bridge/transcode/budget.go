package transcode

import (
	"context"
	"math"
)

// budget bounds one call: how many bytes it may write, and for how long.
type budget struct {
	limit int             // the largest capacity that the output may have
	ctx   context.Context // ends the call; nil where nothing does
	steps int             // how many messages and merged fields were begun
	spent bool            // the call failed because of the budget
}

// stepsToStop is how many steps are done between two looks at the context. It is a power of two.
const stepsToStop = 1 << 10

// grow makes room for n more bytes. It doubles the capacity. Once that would be more than half of the limit, it allocates the
// whole limit. So a call allocates less than twice the limit for its output, all buffers together. grow returns nil if n bytes
// are over the limit, or if the context has ended.
//
//go:noinline
func (w *walk) grow(b []byte, n int) []byte {
	if w.stopped() {
		return nil
	}
	need := len(b) + n
	if need <= cap(b) {
		return b
	}
	if need > w.limit {
		return w.overspent(ErrTooLarge)
	}
	size := max(need, 2*cap(b))
	if size > w.limit/2 && w.limit < math.MaxInt {
		size = w.limit
	}
	return append(make([]byte, 0, size), b...)
}

// stopped reports whether the context has ended. If so, it notes the failure.
func (w *walk) stopped() bool {
	if w.ctx != nil && w.ctx.Err() != nil {
		w.overspent(w.ctx.Err())
	}
	return w.spent
}

// overspent notes that the budget is spent, and returns nil.
func (w *walk) overspent(kind error) []byte {
	w.fail(kind, -1)
	w.spent = true
	return nil
}
