package replay

import (
	"slices"
	"sync"
)

// Watcher is told of the changes of a log.
type Watcher interface {
	// LogChanged is called by the goroutine that has made a change. It must not block, and may call the log's methods.
	LogChanged()
}

// WatcherFunc is a function as a [Watcher].
type WatcherFunc func()

// LogChanged implements [Watcher].
func (f WatcherFunc) LogChanged() { f() }

// watchers holds those that are told of each change. The zero value has none. It may be used concurrently.
//
// Most logs have one watcher. One stands here and not in a list: a process may have many logs, and then the list of each is in no cache.
type watchers struct {
	mu    sync.Mutex
	one   watcher   // the zero watcher where there is none
	more  []watcher // its elements never change: notify uses it without the lock
	added uint64    // how many there were
}

// watcher is a Watcher with a number of its own. The zero watcher is none.
type watcher struct {
	number uint64
	Watcher
}

// add has w told by each call of notify, until stop.
func (all *watchers) add(w Watcher) (stop func()) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.added++
	added := watcher{all.added, w}
	if all.one.Watcher == nil {
		all.one = added
	} else {
		all.more = append(all.more, added)
	}
	return func() { all.remove(added.number) }
}

func (all *watchers) remove(number uint64) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.one.number == number {
		all.one = watcher{}
		return
	}
	all.more = slices.DeleteFunc(slices.Clone(all.more), func(w watcher) bool { return w.number == number })
}

// notify tells all watchers.
func (all *watchers) notify() {
	all.mu.Lock()
	one, more := all.one.Watcher, all.more
	all.mu.Unlock()
	if one != nil {
		one.LogChanged()
	}
	for _, w := range more {
		w.LogChanged()
	}
}
