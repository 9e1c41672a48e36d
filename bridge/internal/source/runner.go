package source

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// Runner runs the iterators and the services of this process, each stream on a goroutine of its own, and waits for them. Its
// methods may be called concurrently.
type Runner struct {
	log *slog.Logger

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// NewRunner returns a runner that logs panics to log.
func NewRunner(log *slog.Logger) *Runner { return &Runner{log: log} }

// start runs f on a goroutine. It reports false, and does not run f, after Close was called.
func (r *Runner) start(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.running.Go(f)
	return true
}

// Close waits until all goroutines have returned, and refuses new ones from now on. It does not end the streams: the caller
// ends their contexts first.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.running.Wait()
}

// panicked logs a panic of the code behind a method. It is called on the goroutine that panicked.
func (r *Runner) panicked(method string, value any) {
	r.log.Error("panic in the source of a stream", "source", method, "panic", fmt.Sprint(value), "stack", string(debug.Stack()))
}
