package memory

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// The Go runtime keeps memory for what will be allocated: by default as much as the objects in use take. A process that holds
// thousands of idle streams allocates hardly anything, and would keep twice the memory that it needs.

const (
	// look is the time between two looks at the memory.
	look = 2 * time.Second
	// quietLooks is how many looks in a row must find the process quiet: browsers often come in waves.
	quietLooks = 2
	// reserve is the time for which the memory that could be given back would be enough, at the rate at which the process
	// allocates now. Where it would be used up sooner, the process keeps it.
	reserve = time.Minute
	// leastGain is how many bytes are worth a collection.
	leastGain = 4 << 20
)

// heap is what the Go runtime says of the heap, in bytes.
type heap struct {
	allocated uint64 // since the start of the process
	objects   uint64 // in objects, also in those that are garbage
	live      uint64 // in objects that the last collection has kept
	free      uint64 // in no object, and not given back
	off       bool   // the operator has switched the collector off
}

// gain returns how many bytes a collection can give back at most.
func (h heap) gain() uint64 { return h.free + h.objects - min(h.objects, h.live) }

// quiet reports whether the process should give memory back. before is what the runtime has said look ago, and left is how much could
// not be given back the last time.
func (h heap) quiet(before heap, left uint64) bool {
	gain, needed := h.gain()-min(h.gain(), left), (h.allocated-before.allocated)*uint64(reserve/look)
	return !h.off && gain >= max(leastGain, h.live/8) && gain >= needed
}

// GiveBackWhenQuiet returns unused memory to the system whenever the process has become quiet, until ctx ends.
func GiveBackWhenQuiet(ctx context.Context) { giveBackWhenQuiet(ctx, readHeap, debug.FreeOSMemory) }

// giveBackWhenQuiet has giveBack return unused memory to the system. read returns what the runtime says of the heap.
func giveBackWhenQuiet(ctx context.Context, read func() heap, giveBack func()) {
	looks := time.NewTicker(look)
	defer looks.Stop()
	left := uint64(0)
	for before, quiet := read(), 0; ; {
		select {
		case <-looks.C:
		case <-ctx.Done():
			return
		}
		now := read()
		left = min(left, now.gain())
		if quiet++; !now.quiet(before, left) {
			quiet = 0
		}
		if quiet >= quietLooks {
			giveBack()
			now, quiet = read(), 0
			left = now.gain()
		}
		before = now
	}
}

// readHeap returns what the Go runtime says of the heap now.
func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/gogc:percent"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return heap{allocated: value(0), objects: value(1), live: value(2), free: value(3), off: value(4) == math.MaxUint64}
}
