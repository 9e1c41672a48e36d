package transcode

import (
	"maps"
	"sync"
	"sync/atomic"
)

// growingMap is a map that is read all the time and written a few times in its life. It may be used concurrently, and reading
// takes no lock. It stops growing at a bound, because its keys come from messages.
type growingMap[K comparable, V any] struct {
	mu      sync.Mutex
	current atomic.Pointer[map[K]V]
}

const growingMapBound = 4096

// load returns the present map, which must not be changed.
func (g *growingMap[K, V]) load() map[K]V {
	if m := g.current.Load(); m != nil {
		return *m
	}
	return nil
}

// full reports whether the map has reached its bound.
func (g *growingMap[K, V]) full() bool { return len(g.load()) >= growingMapBound }

func (g *growingMap[K, V]) put(k K, v V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := map[K]V{}
	if m := g.current.Load(); m != nil {
		if len(*m) >= growingMapBound {
			return
		}
		next = maps.Clone(*m)
	}
	next[k] = v
	g.current.Store(&next)
}
