package stack

import (
	"sync"
	"testing"
)

// calls calls itself n times, and then a function with a frame of 3 KiB.
//
//go:noinline
func calls(n int) int {
	var frame [12]int
	if n == 0 {
		return large(n)
	}
	frame[n%len(frame)] = calls(n - 1)
	return frame[n%len(frame)] + 1
}

//go:noinline
func large(i int) int {
	var frame [3 << 7]int
	frame[i%len(frame)] = i
	return frame[(i+1)%len(frame)]
}

// BenchmarkGrow has goroutines that begin call deeply, after their stacks have grown and without that.
func BenchmarkGrow(b *testing.B) {
	for name, grow := range map[string]func(){"before": Grow4KiB, "when it must": func() {}} {
		b.Run(name, func(b *testing.B) {
			var running sync.WaitGroup
			for b.Loop() {
				running.Go(func() {
					grow()
					calls(14)
				})
				running.Wait()
			}
		})
	}
}
