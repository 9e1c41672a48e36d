package process

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// kept is how many bytes of what a process says are kept.
const kept = 4 << 10

// words is what a process has said last on its standard error. It may be used concurrently.
type words struct {
	mu       sync.Mutex
	last     []byte         // guarded by mu
	awaited  *regexp.Regexp // guarded by mu; nil when it has been said
	announce chan string    // gets its first group
}

// await returns a channel that gets what the first group of the expression stands for, once it has been said.
func (w *words) await(expression *regexp.Regexp) <-chan string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awaited, w.announce = expression, make(chan string, 1)
	return w.announce
}

// Write takes what the process says.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = append(w.last, p...)
	if w.awaited != nil {
		if found := w.awaited.FindSubmatch(w.last); found != nil {
			w.announce <- string(found[1])
			w.awaited = nil
		}
	}
	if extra := len(w.last) - kept; extra > 0 {
		w.last = bytes.Clone(w.last[extra:])
	}
	return len(p), nil
}

// String returns what was said last.
func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.last))
}
