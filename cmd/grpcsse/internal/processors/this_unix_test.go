//go:build unix

package processors

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onTwo has the test run on two processors.
func onTwo(t *testing.T) {
	t.Helper()
	t.Setenv("GOMAXPROCS", "")
	before := runtime.GOMAXPROCS(2)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func TestAnOperatorDecides(t *testing.T) {
	onTwo(t)
	_, ok := This()
	assert.True(t, ok)
	t.Setenv("GOMAXPROCS", "2")
	_, ok = This()
	assert.False(t, ok)
}

func TestThereIsNothingToGovernOnOneProcessor(t *testing.T) {
	onTwo(t)
	runtime.GOMAXPROCS(1)
	_, ok := This()
	assert.False(t, ok)
}

func TestThisProcessUsesOneProcessorOrAll(t *testing.T) {
	onTwo(t)
	runtime.SetDefaultGOMAXPROCS()
	usual := runtime.GOMAXPROCS(2)
	p, _ := This()
	p.UseOne()
	assert.Equal(t, 1, runtime.GOMAXPROCS(0))
	p.UseAll()
	assert.Equal(t, usual, runtime.GOMAXPROCS(0))
}

func TestThisProcessKnowsHowManyGoroutinesWait(t *testing.T) {
	onTwo(t)
	p, ok := This()
	require.True(t, ok)
	p.UseOne()
	var stop atomic.Bool
	var ended sync.WaitGroup
	for range 100 {
		ended.Go(func() {
			for !stop.Load() {
				runtime.Gosched()
			}
		})
	}
	assert.GreaterOrEqual(t, p.Waiting(), 90, "the one processor runs this test")
	stop.Store(true)
	ended.Wait()
}

func TestThisProcessKnowsItsCPUTime(t *testing.T) {
	p, began := Process{Spent: spent}, time.Now()
	before := p.Spent()
	for p.Spent()-before < 5*time.Millisecond {
		require.Less(t, time.Since(began), 20*time.Second)
	}
	assert.LessOrEqual(t, p.Spent()-before, time.Duration(runtime.NumCPU())*time.Since(began)+time.Second)
}

func TestThisProcessKnowsThatALongCollectionIsNear(t *testing.T) {
	onTwo(t)
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	p, ok := This()
	require.True(t, ok)
	kept := make([]byte, 64<<20)
	runtime.GC()
	assert.False(t, p.Collects(), "%+v", readHeap())
	var more [][]byte
	for cycle := readHeap().live; !p.Collects(); more = append(more, make([]byte, 1<<20)) {
		require.Equal(t, cycle, readHeap().live, "the collection was known before")
	}
	runtime.KeepAlive(kept)
	runtime.KeepAlive(more)
}
