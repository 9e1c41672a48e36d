package measure

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what all CPUs of the machine have done since it was started. It is counted in ticks, and so is coarse: good
// enough to see whether somebody else was at work.
type Machine struct {
	Busy  time.Duration // with anything
	Steal time.Duration // when the hypervisor gave the CPU to others
}

// tick is the unit of /proc/stat, USER_HZ, which is the same on all machines that Go runs on.
const tick = 10 * time.Millisecond

// ReadMachine returns the state of the machine.
func ReadMachine() (Machine, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Machine{}, err
	}
	return parseMachine(text)
}

func parseMachine(stat []byte) (Machine, error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	var user, nice, system, idle, wait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(string(line), "cpu %d %d %d %d %d %d %d %d",
		&user, &nice, &system, &idle, &wait, &irq, &softirq, &steal); err != nil {
		return Machine{}, fmt.Errorf("/proc/stat: %w", err)
	}
	return Machine{
		Busy: time.Duration(user+nice+system+irq+softirq) * tick, Steal: time.Duration(steal) * tick,
	}, nil
}

// Describe names the machine: its CPUs, its kernel and Go.
func Describe() (string, error) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	_, model, ok := strings.Cut(string(text), "model name\t: ")
	if !ok {
		return "", errors.New("/proc/cpuinfo names no model")
	}
	model, _, _ = strings.Cut(model, "\n")
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", err
	}
	kernel := unix.ByteSliceToString(name.Release[:])
	version := strings.Replace(runtime.Version(), "go", "Go ", 1)
	return fmt.Sprintf("%d × %s, Linux %s, %s %s", runtime.NumCPU(), model, kernel, version, runtime.GOARCH), nil
}
