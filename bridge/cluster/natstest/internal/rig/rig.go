// Package rig runs programs for tests: it builds grpcsse, and starts and ends processes.
package rig

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Build builds grpcsse into a directory, from a directory of the repository, and returns the path of the program. flags are
// those of go build.
func Build(repository, dir string, flags ...string) (string, error) {
	name, err := filepath.Abs(filepath.Join(dir, "grpcsse"))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", append(append([]string{"build"}, flags...), "-o", name, "./cmd/grpcsse")...)
	build.Dir = repository
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return name, nil
}

// FreeAddress returns an address of loopback on which no program listens. Its port is none that the system gives to connections,
// so that a program which ends can listen there again.
func FreeAddress() (string, error) {
	const lowest, highest, tries = 10000, 30000, 1000
	for range tries {
		address := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(highest-lowest))
		l, err := net.Listen("tcp4", address)
		if err != nil {
			continue
		}
		return address, l.Close()
	}
	return "", errors.New("no port is free")
}

// Process is a program that was started. It does not outlive this one. Its methods may be called concurrently.
type Process struct {
	PID int

	command *exec.Cmd
	ended   chan struct{}
	outcome error // to be read when the process has ended
}

// Start starts a program, with these variables beside those of this process. What it says goes to out.
func Start(out io.Writer, environment []string, name string, arguments ...string) (*Process, error) {
	p := &Process{command: exec.Command(name, arguments...), ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = out, out
	p.command.WaitDelay = time.Second // for what holds its output, after it is gone
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.PID = p.command.Process.Pid
	go func() {
		p.outcome = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Signal sends the process a signal. A process that has ended gets none.
func (p *Process) Signal(signal syscall.Signal) error {
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Outcome waits until the process has ended, and returns how: nil is exit code 0.
func (p *Process) Outcome() error {
	<-p.ended
	return p.outcome
}

// Kill kills the process, also one that stands still, and waits until it is gone.
func (p *Process) Kill() error {
	err := p.Signal(syscall.SIGKILL)
	if err == nil {
		<-p.ended
	}
	return err
}
