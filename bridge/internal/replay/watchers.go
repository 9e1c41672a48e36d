package replay

import (
	"slices"
	"sync"
)

// watchers holds the functions that are called after a change. The zero value has none. It may be used concurrently.
type watchers struct {
	mu   sync.Mutex
	list []*func() // replaced, never changed: notify calls the functions without the lock
}

// add has f called by each call of notify, until stop.
func (w *watchers) add(f func()) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(slices.Clip(w.list), &f)
	return func() { w.remove(&f) }
}

func (w *watchers) remove(f *func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = slices.DeleteFunc(slices.Clone(w.list), func(other *func()) bool { return other == f })
}

// notify calls all functions.
func (w *watchers) notify() {
	w.mu.Lock()
	list := w.list
	w.mu.Unlock()
	for _, f := range list {
		(*f)()
	}
}
