// Package processors has a program run its goroutines on one processor where that saves time and is enough.
//
// Go wakes another processor for a goroutine that can run, also where the first one would soon be free. A program that passes each
// thing from goroutine to goroutine pays for that with switches of threads: see docs/performance.md. On one processor it does not. But
// what many goroutines have to do at once takes longer there, so a program must notice within milliseconds that one is too few.
package processors
