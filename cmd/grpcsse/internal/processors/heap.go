package processors

import "runtime/metrics"

const (
	// longObjects is how many bytes of objects there are where a garbage collection counts as long. On one processor that is busy, a
	// collection that keeps 32 MiB takes up to 75 ms.
	longObjects = 48 << 20
	// nearShare is how much of what may be allocated between two collections has been where the next one counts as near. The
	// runtime begins a collection at 0.7 of that, or later.
	nearShare = 0.65
)

// heap is what the Go runtime says of the heap, in bytes.
type heap struct {
	live    uint64 // what the last collection has kept
	objects uint64 // in objects, also in those that are garbage and were not swept
	goal    uint64 // what is in objects when the next collection has ended
}

// collects reports whether a long garbage collection is near, or runs because it was near. Nothing tells of one that is forced, as by
// the runtime after two minutes without one.
func (h heap) collects() bool {
	allocated, may := float64(h.objects)-float64(h.live), float64(h.goal)-float64(h.live)
	return h.objects >= longObjects && allocated >= nearShare*may
}

// readHeap returns what the Go runtime says of the heap now.
func readHeap() heap {
	samples := [3]metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/goal:bytes"},
	}
	metrics.Read(samples[:])
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return heap{live: value(0), objects: value(1), goal: value(2)}
}
