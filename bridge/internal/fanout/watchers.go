package fanout

import (
	"sync"
	"sync/atomic"
)

// watchers holds the functions to call when subscribers may have something new. One function may serve many subscribers. The
// zero value has none. It may be used concurrently.
type watchers struct {
	mu   sync.Mutex
	all  map[*watcher]struct{}
	list []*watcher // all watchers, never changed once made; nil where it must be made again
}

type watcher struct {
	notify  func()
	stopped atomic.Bool
}

// add has notify called by each call of notify, until stop. notify is called without a lock, so it may itself call add and
// stop.
func (w *watchers) add(notify func()) (stop func()) {
	one := &watcher{notify: notify}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*watcher]struct{}{}
	}
	w.all[one], w.list = struct{}{}, nil
	return func() {
		one.stopped.Store(true)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, one)
		w.list = nil
	}
}

// notify calls all functions.
func (w *watchers) notify() {
	for _, one := range w.listed() {
		if !one.stopped.Load() {
			one.notify()
		}
	}
}

func (w *watchers) listed() []*watcher {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil && len(w.all) > 0 {
		w.list = make([]*watcher, 0, len(w.all))
		for one := range w.all {
			w.list = append(w.list, one)
		}
	}
	return w.list
}
