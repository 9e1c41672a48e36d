package transcode

import (
	"context"
	"math"
)

// budget bounds one call: how much it may write, and for how long somebody waits for it.
type budget struct {
	limit int             // the largest capacity that the output may have
	ctx   context.Context // nil where nothing ends it
	steps int             // how many messages, or fields that are merged, were begun
	spent bool            // the failure is the budget's
}

// stepsToStop is how many steps are done before the context is asked again. It is a power of two.
const stepsToStop = 1 << 10

// grow makes room for n more bytes: twice the capacity, and all that the limit allows once that is more than half of it. So all that
// a call allocates for its output, one after the other, is less than twice the limit. It returns nil if n bytes are over the limit, or if the context has ended.
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

// stopped reports whether the context has ended, which is a failure.
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
