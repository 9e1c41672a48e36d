package memory

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestASmallHeapGrowsToTheFloor(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		last collected
		want int
	}{
		"a program that begins":       {collected{live: 2 * mib, scanned: 1 * mib}, 1600},
		"the smallest below the most": {collected{live: 8 * mib}, 700},
		"its stacks count":            {collected{live: 8 * mib, scanned: 8 * mib}, 350},
		"half of the floor":           {collected{live: 32 * mib}, 100},
		"half of it, and stacks":      {collected{live: 32 * mib, scanned: 8 * mib}, 100},
		"almost half of it":           {collected{live: 31 * mib}, 106},
		"all of it":                   {collected{live: 64 * mib}, 100},
		"more than that":              {collected{live: 65 * mib}, 100},
		"much more":                   {collected{live: 1 << 40, scanned: 1 << 40}, 100},
		"stacks above all":            {collected{live: 2 * mib, scanned: 64 * mib}, 100},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, tt.last.percent(collected{}, 64*mib)) })
	}
}

func TestAHeapThatDoesNotGrowIsCollectedAsUsual(t *testing.T) {
	last := collected{live: 8 << 20}
	assert.Equal(t, 100, last.percent(last, 64<<20))
}

func TestAHeapGrowsWhereACollectionKeepsMuchMore(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		before, now collected
		want        bool
	}{
		"a program that begins":   {collected{}, collected{live: 2 * mib}, true},
		"by a quarter":            {collected{live: 20 * mib}, collected{live: 25 * mib}, true},
		"by less":                 {collected{live: 20 * mib}, collected{live: 25*mib - 1}, false},
		"a small heap":            {collected{live: mib}, collected{live: 3 * mib}, true},
		"a small heap, by little": {collected{live: mib}, collected{live: 3*mib - 1}, false},
		"it stays":                {collected{live: 20 * mib}, collected{live: 20 * mib}, false},
		"it shrinks":              {collected{live: 20 * mib}, collected{live: 10 * mib}, false},

		"the stacks by a quarter":            {collected{scanned: 4 * mib}, collected{scanned: 5 * mib}, true},
		"the stacks by less":                 {collected{scanned: 4 * mib}, collected{scanned: 5*mib - 1}, false},
		"small stacks":                       {collected{scanned: mib}, collected{scanned: mib + 384<<10}, true},
		"small stacks, by little":            {collected{scanned: mib}, collected{scanned: mib + 384<<10 - 1}, false},
		"the stacks, while the rest shrinks": {collected{live: 4 * mib, scanned: mib}, collected{live: 3 * mib, scanned: 2 * mib}, true},
		"neither by enough":                  {collected{live: mib, scanned: mib}, collected{live: 2 * mib, scanned: mib + 300<<10}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, tt.now.grows(tt.before)) })
	}
}

func TestTheFloorIsAPartOfTheMemoryLimit(t *testing.T) {
	const mib = 1 << 20
	for limit, want := range map[int64]uint64{
		math.MaxInt64: 64 * mib, 1024 * mib: 64 * mib, 256 * mib: 64 * mib, 128 * mib: 32 * mib, 16 * mib: 4 * mib, 0: 0,
	} {
		assert.Equal(t, want, floorWithin(limit), "a limit of %d bytes", limit)
	}
}

// collections is how often the collector has run.
func collections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}

// allocate allocates garbage, in pieces.
func allocate(bytes int) {
	for ; bytes > 0; bytes -= 1 << 16 {
		garbage = make([]byte, 1<<16)
	}
	garbage = nil
}

// percent is by how much the heap grows until the next collection.
func percent() int {
	sample := [...]metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample[:])
	return int(sample[0].Value.Uint64())
}

// running runs keep until stop is called, which returns when it has ended.
func running(t *testing.T, keep func(context.Context)) (stop func()) {
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		keep(ctx)
	}()
	return func() { end(); <-ended }
}

func becomes(t *testing.T, want func() bool, message string) {
	t.Helper()
	require.Eventually(t, want, 10*time.Second, time.Millisecond, message)
}

func isUsual() bool { return percent() == usualPercent }

// grows makes the heap larger until the percentage is raised. It tries again, since a collection of which nothing tells in time, or one
// that begins by itself, may hide the growth. It waits for patience each time, and calls more meanwhile.
func grows(t *testing.T, patience time.Duration, more func()) (kept []byte) {
	t.Helper()
	for size := 4 << 20; size <= 32<<20; size *= 2 {
		debug.SetGCPercent(1000) // so that the heap is not collected meanwhile
		kept = append(kept, make([]byte, size)...)
		runtime.GC()
		raised := func() bool {
			more()
			now := percent()
			return now > usualPercent && now != 1000
		}
		if assert.Eventually(new(assert.CollectT), raised, patience, time.Millisecond) {
			return kept
		}
	}
	t.Fatal("the heap grew, and the percentage is as usual")
	return nil
}

func TestTheCollectorLeavesASmallHeapAloneWhileItGrows(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	stop := running(t, func(ctx context.Context) { keepFloor(ctx, usualFloor, nil, nextCollection) })
	defer stop()
	for range 3 {
		kept := grows(t, 300*time.Millisecond, func() {})
		before := collections()
		allocate(20 << 20)
		assert.Equal(t, before, collections(), "the runtime may begin a collection at seven tenths of the floor")
		allocate(80 << 20)
		becomes(t, func() bool { return collections() > before }, "the floor is exceeded")
		becomes(t, func() bool { runtime.GC(); return isUsual() }, "the heap has grown")
		runtime.KeepAlive(kept)
	}
	stop()
	assert.Equal(t, usualPercent, percent())
}

func TestThePercentageIsAdaptedAlsoWhereNothingTellsOfACollection(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	looks := make(chan time.Time)
	never := func() <-chan struct{} { return nil }
	defer running(t, func(ctx context.Context) { keepFloor(ctx, usualFloor, looks, never) })()
	kept := grows(t, 300*time.Millisecond, func() { looks <- time.Now() })
	looks <- time.Now()
	looks <- time.Now() // the first one has been dealt with
	assert.NotEqual(t, usualPercent, percent(), "no collection has said anything else")
	runtime.GC()
	looks <- time.Now()
	becomes(t, isUsual, "the heap does not grow")
	runtime.KeepAlive(kept)
}

func TestThePercentageIsAdaptedByTheProgram(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	stop := running(t, KeepFloor)
	kept := grows(t, 3*time.Second, func() {})
	runtime.KeepAlive(kept)
	stop()
	assert.Equal(t, usualPercent, percent())
}

func TestTheRuntimeSaysWhatACollectionHasSeen(t *testing.T) {
	kept := make([]byte, 8<<20)
	runtime.GC()
	c := readCollected()
	runtime.KeepAlive(kept)
	runtime.GC()
	assert.Equal(t, c.number+1, readCollected().number)
	assert.GreaterOrEqual(t, c.live, uint64(8<<20))
	assert.Positive(t, c.scanned)
}

func TestThePercentageIsAdaptedSoonAfterACollection(t *testing.T) {
	for range 10 {
		next := nextCollection()
		runtime.GC()
		runtime.GC() // the object may have been allocated during a collection
		select {
		case <-next:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing told of the collection")
		}
	}
}

func TestTheOperatorDecidesWhenToCollect(t *testing.T) {
	t.Setenv("GOGC", "50")
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	running(t, KeepFloor)()
	assert.Equal(t, 50, percent())
}
