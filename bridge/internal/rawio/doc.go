// Package rawio sets sockets up, reads from them and writes to them without telling Go's scheduler. Its calls never wait for the other
// side.
//
// The scheduler must know of a system call that may wait, because the goroutines behind it need another thread. Its monitor looks
// every 20 µs while there are calls that take longer, and takes their processors away. The calls of this package only copy bytes, and
// on a busy connection they take about as long as that. Then the monitor costs more than it brings: docs/performance.md has the
// figures. The price is that the garbage collector, where it stops the world, waits for such a call. A goroutine that is ready waits
// for it only where no other processor is free.
//
// On other systems than Linux a reader makes the usual calls.
package rawio
