package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/cluster/natstest/internal/rig"
)

// patience bounds each wait for a state.
const patience = 30 * time.Second

// process is a program that runs. It does not outlive this one.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bytes.Buffer // standard error
	ended chan struct{}
}

// start starts a program. Its standard output goes to out.
func start(out io.Writer, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), out: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Stdout = p.out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.in = in
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// end kills the process, and waits until it is gone.
func (p *process) end() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// cpu returns the CPU time of a process, user and system, in the scheduler's nanoseconds.
func cpu(pid int) time.Duration {
	const scheduler = 2 // the clock of another process, as clock_getcpuclockid(3) makes it
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|scheduler), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// othersCPU returns the CPU time that was not idle and that neither this process nor one that it has waited for has had. It is exact
// when no process of this one runs.
func othersCPU() time.Duration {
	const tick = 10 * time.Millisecond
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	sum := time.Duration(0)
	for i, field := range strings.Fields(line) {
		if n, err := strconv.Atoi(field); err == nil && i != 4 && i != 5 && i < 9 { // not idle, not waiting, guests are in user
			sum += time.Duration(n) * tick
		}
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var used unix.Rusage
		if unix.Getrusage(who, &used) == nil {
			sum -= time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
	}
	return sum
}

// resident returns the bytes that a process has in memory.
func resident(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// ports returns addresses on which nothing listens.
func ports(n int) ([]string, error) {
	all := make([]string, n)
	for i := range all {
		address, err := rig.FreeAddress()
		if err != nil {
			return nil, err
		}
		all[i] = address
	}
	return all, nil
}

// until waits for a state.
func until(ctx context.Context, what string, is func() bool) error {
	for deadline := time.Now().Add(patience); !is(); {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("waited in vain until " + what)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch returns the text at a URL, "" where there is none.
func fetch(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// group ends things in the reverse order.
type group struct {
	mu  sync.Mutex
	all []func()
}

func (g *group) add(end func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, end)
}

func (g *group) end() {
	for i := len(g.all) - 1; i >= 0; i-- {
		g.all[i]()
	}
}
