// Package rawio makes the system calls of sockets that never wait without telling Go's scheduler.
//
// The scheduler must know of a system call that may wait, because the goroutines behind it need another thread. Its monitor looks
// every 20 µs while there are calls that take longer, and takes their processors away. The calls of a socket that is non-blocking
// only copy bytes, and on a busy connection they take about as long as that. Then the monitor costs more than it brings:
// docs/performance.md has the figures. Without it, a goroutine that is ready waits at most until the call is over, and on a
// program with several processors another one takes it.
//
// On other systems than Linux the package makes the usual calls.
package rawio
