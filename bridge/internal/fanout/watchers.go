package fanout

import (
	"sync"
	"sync/atomic"
)

// watchers holds the functions to call when subscribers may have something new. One function may serve many subscribers. The
// zero value has none. It may be used concurrently.
type watchers struct {
	mu   sync.Mutex
	only *watcher              // one that came when there was no other; it stands here and not in all
	all  map[*watcher]struct{} // the others
	list []*watcher            // those in all, never changed once made; nil where it must be made again
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
	switch {
	case w.only != nil:
		w.all, w.list, w.only = map[*watcher]struct{}{w.only: {}, one: {}}, nil, nil
	case len(w.all) > 0:
		w.all[one], w.list = struct{}{}, nil
	default:
		w.only = one
	}
	return func() { w.remove(one) }
}

func (w *watchers) remove(one *watcher) {
	one.stopped.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.only == one {
		w.only = nil
	}
	delete(w.all, one)
	w.list = nil
}

// notify calls all functions.
func (w *watchers) notify() {
	only, list := w.listed()
	if only != nil {
		only.call()
	}
	for _, one := range list {
		one.call()
	}
}

func (w *watcher) call() {
	if !w.stopped.Load() {
		w.notify()
	}
}

func (w *watchers) listed() (only *watcher, list []*watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.list == nil && len(w.all) > 0 {
		w.list = make([]*watcher, 0, len(w.all))
		for one := range w.all {
			w.list = append(w.list, one)
		}
	}
	return w.only, w.list
}
