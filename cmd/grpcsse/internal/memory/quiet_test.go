package memory

import (
	"context"
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
		before, now heap
		left        uint64
		want        bool
	}{
		"after many handshakes":        {heap{}, heap{objects: 30 * mib, live: 15 * mib}, 0, true},
		"free memory":                  {heap{}, heap{objects: 15 * mib, live: 15 * mib, free: 15 * mib}, 0, true},
		"nothing to give back":         {heap{}, heap{objects: 15 * mib, live: 15 * mib}, 0, false},
		"little":                       {heap{}, heap{objects: 18 * mib, live: 15 * mib}, 0, false},
		"little of much":               {heap{}, heap{objects: 1100 * mib, live: 1000 * mib}, 0, false},
		"objects that grew old":        {heap{}, heap{objects: 15 * mib, live: 30 * mib}, 0, false},
		"it would be used soon":        {heap{allocated: 100 * mib}, heap{allocated: 101 * mib, objects: 30 * mib, live: 15 * mib}, 0, false},
		"it allocates a little":        {heap{allocated: 100 * mib}, heap{allocated: 100*mib + mib/4, objects: 30 * mib, live: 15 * mib}, 0, true},
		"some could not be given back": {heap{}, heap{objects: 30 * mib, live: 15 * mib}, 11 * mib, true},
		"most of it could not":         {heap{}, heap{objects: 30 * mib, live: 15 * mib}, 12 * mib, false},
		"more than there is now":       {heap{}, heap{objects: 30 * mib, live: 15 * mib}, 40 * mib, false},
		"no collector":                 {heap{}, heap{objects: 30 * mib, live: 15 * mib, off: true}, 0, false},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, tt.now.quiet(tt.before, tt.left)) })
	}
}

// process is a process's memory.
type process struct {
	mu    sync.Mutex
	now   heap
	stays uint64 // bytes of garbage that cannot be given back
	given int    // how often memory was given back
}

func (p *process) read() heap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

func (p *process) giveBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.objects, p.given = p.now.live+p.stays, p.given+1
}

// allocate allocates garbage.
func (p *process) allocate(bytes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.allocated, p.now.objects = p.now.allocated+bytes, p.now.live+bytes
}

// givenAfter returns how often memory was given back, some time later. It is called in a bubble of testing/synctest.
func (p *process) givenAfter(wait time.Duration) int {
	time.Sleep(wait)
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.given
}

func TestMemoryIsGivenBackOnceForABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		p := &process{now: heap{objects: 10 << 20, live: 10 << 20}}
		go giveBackWhenQuiet(ctx, p.read, p.giveBack)
		assert.Zero(t, p.givenAfter(10*look+look/2))
		for range 10 {
			p.allocate(20 << 20)
			assert.Zero(t, p.givenAfter(look), "it is not quiet")
		}
		assert.Zero(t, p.givenAfter(look), "it is quiet, but not for long")
		p.allocate(20 << 20)
		assert.Zero(t, p.givenAfter(quietLooks*look))
		assert.Equal(t, 1, p.givenAfter(look))
		assert.Equal(t, 1, p.givenAfter(10*look))
		stop()
		p.allocate(20 << 20)
		assert.Equal(t, 1, p.givenAfter(10*look))
	})
}

// The runtime cannot give back all that is free.
func TestMemoryThatCannotBeGivenBackIsNoReasonToTryAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		p := &process{now: heap{live: 10 << 20}, stays: 6 << 20}
		p.allocate(20 << 20)
		go giveBackWhenQuiet(ctx, p.read, p.giveBack)
		assert.Equal(t, 1, p.givenAfter(100*look))
		p.allocate(9 << 20)
		assert.Equal(t, 1, p.givenAfter(100*look), "3 MiB more are not enough")
		p.allocate(10 << 20)
		assert.Equal(t, 2, p.givenAfter(100*look))
		p.allocate(1 << 20) // part of what stayed was used
		p.givenAfter(look)
		p.allocate(5 << 20)
		assert.Equal(t, 3, p.givenAfter(100*look), "that is 4 MiB more than it was")
	})
}

func TestTheRuntimeSaysWhatCanBeGivenBack(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := readHeap()
	assert.True(t, before.off)
	for range 256 {
		garbage = make([]byte, 1<<18)
	}
	garbage = nil
	grown := readHeap()
	assert.GreaterOrEqual(t, grown.allocated-before.allocated, uint64(64<<20))
	assert.GreaterOrEqual(t, grown.gain(), uint64(64<<20))
	debug.FreeOSMemory()
	assert.Less(t, readHeap().gain(), grown.gain()/4)
	debug.SetGCPercent(100)
	assert.False(t, readHeap().off)
}

// garbage is what nothing refers to any more; a package's variable, so that it is on the heap.
var garbage []byte
