// Package measure reads what the kernel knows of processes and of the machine. Linux only.
package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the time that a process has had the CPU, user and system, of all its threads, those that have ended included.
// It is the scheduler's own sum, in nanoseconds, and not the count of ticks. What the kernel does in a softirq while
// the process has the CPU is in it, which on loopback is much of the receiver's side of TCP.
func CPU(pid int) (time.Duration, error) {
	// The CPU-time clock of another process, as clock_getcpuclockid(3) makes it.
	const scheduler = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &t); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// RSS returns the bytes of memory that a process has in RAM. What the kernel holds for its sockets is not in it.
func RSS(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if kilobytes, ok := bytes.CutPrefix(line, []byte("Rss:")); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(string(bytes.TrimSpace(kilobytes)), " kB"), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no RSS", pid)
}

// Sockets returns how many sockets a process has.
func Sockets(pid int) (int, error) {
	directory := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, entry := range entries {
		if target, err := os.Readlink(filepath.Join(directory, entry.Name())); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n, nil
}
