package replay

import (
	"slices"
	"sync"
)

// watchers are the functions that want to know of a change. The zero value has none. It may be used concurrently.
type watchers struct {
	mu   sync.Mutex
	list []*func() // replaced, never changed: who calls them does so without the lock
}

// add has notify called by each call of notify, until stop.
func (w *watchers) add(notify func()) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(slices.Clip(w.list), &notify)
	return func() { w.remove(&notify) }
}

func (w *watchers) remove(notify *func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = slices.DeleteFunc(slices.Clone(w.list), func(f *func()) bool { return f == notify })
}

// notify calls all of them.
func (w *watchers) notify() {
	w.mu.Lock()
	list := w.list
	w.mu.Unlock()
	for _, f := range list {
		(*f)()
	}
}
