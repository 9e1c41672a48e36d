//go:build unix

package front

import (
	"math"
	"syscall"
)

// Descriptors returns how many file descriptors the process may have, 0 where this is unknown. Go raises the soft limit to the
// hard one when a program starts.
func Descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)) //nolint:unconvert // the limit is signed on some systems
}
