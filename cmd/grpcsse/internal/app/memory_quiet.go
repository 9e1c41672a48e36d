package app

import (
	"context"
	"math"
	"runtime/metrics"
	"time"
)

// The Go runtime keeps memory for what will be allocated: by default as much as the objects in use take. A process that holds
// thousands of idle streams allocates hardly anything, and would keep twice the memory that it needs.

const (
	// memoryLook is the time between two looks at the memory.
	memoryLook = 2 * time.Second
	// quietLooks is how many looks in a row must find the process quiet: browsers often come in waves.
	quietLooks = 2
	// memoryReserve is the time for which the memory that could be given back would be enough, at the rate at which the process
	// allocates now. Where it would be used up sooner, the process keeps it.
	memoryReserve = time.Minute
	// leastGain is how many bytes are worth a collection.
	leastGain = 4 << 20
)

// memory is what the Go runtime says of the heap, in bytes.
type memory struct {
	allocated uint64 // since the start of the process
	objects   uint64 // in objects, also in those that are garbage
	live      uint64 // in objects that the last collection has kept
	free      uint64 // in no object, and not given back
	off       bool   // the operator has switched the collector off
}

// gain returns how many bytes a collection can give back at most.
func (m memory) gain() uint64 { return m.free + m.objects - min(m.objects, m.live) }

// quiet reports whether the process should give memory back. before is what the runtime has said memoryLook ago.
func (m memory) quiet(before memory) bool {
	gain, needed := m.gain(), (m.allocated-before.allocated)*uint64(memoryReserve/memoryLook)
	return !m.off && gain >= max(leastGain, m.live/8) && gain >= needed
}

// giveMemoryBack has giveBack return unused memory to the system whenever the process has become quiet, until ctx ends. read
// returns what the runtime says of the heap.
func giveMemoryBack(ctx context.Context, read func() memory, giveBack func()) {
	looks := time.NewTicker(memoryLook)
	defer looks.Stop()
	for before, quiet := read(), 0; ; {
		select {
		case <-looks.C:
		case <-ctx.Done():
			return
		}
		now := read()
		if quiet++; !now.quiet(before) {
			quiet = 0
		}
		if quiet >= quietLooks {
			giveBack()
			now, quiet = read(), 0
		}
		before = now
	}
}

// readMemory returns what the Go runtime says of the heap now.
func readMemory() memory {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/gogc:percent"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return memory{allocated: value(0), objects: value(1), live: value(2), free: value(3), off: value(4) == math.MaxUint64}
}
