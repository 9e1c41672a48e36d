package fanout

import "sync"

// readers runs the goroutines of the catch-ups, which begin at any time.
type readers struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

// start runs f on a goroutine of its own, and reports whether it does: it does not once the readers are closed.
func (r *readers) start(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.running.Go(f)
	}
	return !r.closed
}

// close waits until all goroutines have returned. No further one begins.
func (r *readers) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.running.Wait()
}
