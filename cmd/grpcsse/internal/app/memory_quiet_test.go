package app

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMemoryIsGivenBackWhereTheProcessIsQuiet(t *testing.T) {
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		before, now memory
		want        bool
	}{
		"after many handshakes": {memory{}, memory{objects: 30 * mib, live: 15 * mib}, true},
		"free memory":           {memory{}, memory{objects: 15 * mib, live: 15 * mib, free: 15 * mib}, true},
		"nothing to give back":  {memory{}, memory{objects: 15 * mib, live: 15 * mib}, false},
		"little":                {memory{}, memory{objects: 18 * mib, live: 15 * mib}, false},
		"little of much":        {memory{}, memory{objects: 1100 * mib, live: 1000 * mib}, false},
		"objects that grew old": {memory{}, memory{objects: 15 * mib, live: 30 * mib}, false},
		"it would be used soon": {memory{allocated: 100 * mib}, memory{allocated: 101 * mib, objects: 30 * mib, live: 15 * mib}, false},
		"it allocates a little": {memory{allocated: 100 * mib}, memory{allocated: 100*mib + mib/4, objects: 30 * mib, live: 15 * mib}, true},
		"no collector":          {memory{}, memory{objects: 30 * mib, live: 15 * mib, off: true}, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, tt.now.quiet(tt.before)) })
	}
}

// heap is a process's memory.
type heap struct {
	mu    sync.Mutex
	now   memory
	given int // how often memory was given back
}

func (h *heap) read() memory {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *heap) giveBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.objects, h.given = h.now.live, h.given+1
}

// allocate allocates garbage.
func (h *heap) allocate(bytes uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now.allocated, h.now.objects = h.now.allocated+bytes, h.now.live+bytes
}

func TestMemoryIsGivenBackOnceForABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		h := &heap{now: memory{objects: 10 << 20, live: 10 << 20}}
		go giveMemoryBack(ctx, h.read, h.giveBack)
		given := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.given
		}
		assert.Zero(t, given(10*memoryLook+memoryLook/2))
		for range 10 {
			h.allocate(20 << 20)
			assert.Zero(t, given(memoryLook), "it is not quiet")
		}
		assert.Zero(t, given(memoryLook), "it is quiet, but not for long")
		h.allocate(20 << 20)
		assert.Zero(t, given(quietLooks*memoryLook))
		assert.Equal(t, 1, given(memoryLook))
		assert.Equal(t, 1, given(10*memoryLook))
		stop()
		h.allocate(20 << 20)
		assert.Equal(t, 1, given(10*memoryLook))
	})
}

func TestTheRuntimeSaysWhatCanBeGivenBack(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	runtime.GC()
	before := readMemory()
	for range 256 {
		garbage = make([]byte, 1<<18)
	}
	garbage = nil
	grown := readMemory()
	assert.GreaterOrEqual(t, grown.allocated-before.allocated, uint64(64<<20))
	debug.FreeOSMemory()
	after := readMemory()
	assert.Less(t, after.gain(), uint64(leastGain))
	assert.False(t, after.off)
	debug.SetGCPercent(-1)
	assert.True(t, readMemory().off)
}

// garbage is what nothing refers to any more; a package's variable, so that it is on the heap.
var garbage []byte
