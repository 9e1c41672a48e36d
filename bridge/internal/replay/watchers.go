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
// Most logs have one watcher. The first one stands here and not in a list, because a process may have many logs, and what an event
// looks at is in no cache then.
type watchers struct {
	mu    sync.Mutex
	first watcher
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
	one := watcher{all.added, w}
	if all.first.Watcher == nil {
		all.first = one
	} else {
		all.more = append(all.more, one)
	}
	return func() { all.remove(one.number) }
}

func (all *watchers) remove(number uint64) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.first.number == number {
		all.first = watcher{}
		return
	}
	all.more = slices.DeleteFunc(slices.Clone(all.more), func(one watcher) bool { return one.number == number })
}

// notify tells all watchers.
func (all *watchers) notify() {
	all.mu.Lock()
	first, more := all.first.Watcher, all.more
	all.mu.Unlock()
	if first != nil {
		first.LogChanged()
	}
	for _, one := range more {
		one.LogChanged()
	}
}
