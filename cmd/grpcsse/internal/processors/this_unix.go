//go:build unix

package processors

import (
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// This returns the process that calls it. ok is false where there is nothing to govern: the process may use one processor only, or
// GOMAXPROCS is set in its environment.
func This() (p Process, ok bool) {
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 {
		return Process{}, false
	}
	return Process{
		Spent:    spent,
		Waiting:  waiting,
		Collects: func() bool { return readHeap().collects() },
		UseOne:   func() { runtime.GOMAXPROCS(1) },
		UseAll:   runtime.SetDefaultGOMAXPROCS,
	}, true
}

func spent() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func waiting() int {
	sample := [1]metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(sample[:])
	return int(sample[0].Value.Uint64())
}
