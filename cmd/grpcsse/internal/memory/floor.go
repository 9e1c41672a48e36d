package memory

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// By default, the Go runtime collects garbage whenever the heap has doubled. A bridge keeps little of what it allocates for a browser
// that comes, so its heap is small, and would be collected often while many come. Where none come, that is good: the memory that is used
// again and again stays in the caches of the processor.

const (
	// usualFloor is how many bytes a heap that grows may have before it is collected, also where it would have doubled before. A heap
	// of which half of that or more stays is collected as usual.
	usualFloor = 64 << 20
	// limitShare is the share of the memory limit that the floor may be.
	limitShare = 0.25
	// A heap grows where a collection keeps so much more than the one before: growthShare of that, and leastGrowth bytes.
	growthShare, leastGrowth = 0.25, 2 << 20
	// It grows too where the stacks and global variables do, by growthShare and leastStacks bytes. The live part of a small heap goes up
	// and down by megabytes with what is under way. The stacks of the readers of private streams stay, so they tell of them sooner.
	leastStacks = 384 << 10
	// usualPercent is how much a heap gets larger by default until the next collection, in percent of what the last one has looked at.
	usualPercent = 100
	// mostPercent gives the floor to a heap of which hardly anything is live: the runtime counts such a heap as one of 4 MiB.
	mostPercent = usualPercent * usualFloor / (4 << 20)
	// adaptLook is the time after which the percentage is adapted in any case. Where a collection has kept much more than the one before,
	// the heap may grow to many times its size until then.
	adaptLook = 2 * time.Second
)

// collected is what the Go runtime says of the last collection.
type collected struct {
	number  uint64 // how many there were
	live    uint64 // the bytes in objects that it has kept
	scanned uint64 // the bytes that it has looked at besides: stacks and global variables
}

// grows reports whether the heap grows. before is the collection before.
func (c collected) grows(before collected) bool {
	more := func(now, before, least uint64) bool {
		return now >= before+max(least, uint64(growthShare*float64(before)))
	}
	return more(c.live, before.live, leastGrowth) || more(c.scanned, before.scanned, leastStacks)
}

// percent returns by how much the heap may get larger until the next collection. A heap that grows has floor bytes then. before is the
// collection before.
func (c collected) percent(before collected, floor uint64) int {
	if c.live >= floor || !c.grows(before) {
		return usualPercent
	}
	return int(min(mostPercent, max(usualPercent, (floor-c.live)*100/(c.live+c.scanned))))
}

// KeepFloor has the garbage collector leave a small heap alone while it grows, until ctx ends. The variable GOGC takes precedence. The
// memory limit, which is read once, bounds how large a small heap is.
func KeepFloor(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	looks := time.NewTicker(adaptLook)
	defer looks.Stop()
	keepFloor(ctx, floorWithin(debug.SetMemoryLimit(-1)), looks.C, nextCollection)
}

// keepFloor adapts the percentage after each collection. It looks for one at each value of looks too.
func keepFloor(ctx context.Context, floor uint64, looks <-chan time.Time, nextCollection func() <-chan struct{}) {
	defer debug.SetGCPercent(usualPercent)
	next, last := nextCollection(), readCollected()
	for {
		select {
		case <-next:
			next = nextCollection()
		case <-looks:
		case <-ctx.Done():
			return
		}
		if now := readCollected(); now.number != last.number {
			debug.SetGCPercent(now.percent(last, floor))
			last = now
		}
	}
}

// floorWithin returns the floor where the Go runtime may use limit bytes.
func floorWithin(limit int64) uint64 { return uint64(min(usualFloor, limitShare*float64(limit))) }

// nextCollection returns a channel that is closed soon after the next collection. Where a collection runs already, it may be the one
// after that.
func nextCollection() <-chan struct{} {
	over := make(chan struct{})
	runtime.AddCleanup(&collectable{}, func(over chan struct{}) { close(over) }, over)
	return over
}

// collectable is an object that is not kept together with others, as small ones without pointers are.
type collectable struct{ _ *collectable }

// readCollected returns what the Go runtime says of the last collection.
func readCollected() collected {
	samples := [...]metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}
	metrics.Read(samples[:])
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	return collected{number: value(0), live: value(1), scanned: value(2) + value(3)}
}
