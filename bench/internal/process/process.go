// Package process starts the processes of a run, and ends them by their number.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/control"
	"github.com/grpcsse/grpcsse/bench/internal/role"
)

// Process is a child of this one. It does not outlive it, nor the context that it was started with.
type Process struct {
	Name string
	PID  int
	// Address is where it listens, where it does.
	Address string

	command *exec.Cmd
	line    *control.Line // nil for a program that is not ours
	words   *words
	ended   chan struct{} // closed when the process is gone
	outcome error         // of the process; to be read when it is gone
}

// StartRole starts this program again in a role, and returns when it is ready.
func StartRole(ctx context.Context, r role.Role) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := prepare(ctx, r.Name, program)
	if p.command.Env, err = r.Environ(); err != nil {
		return nil, err
	}
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	answers, out := io.Pipe()
	p.command.Stdout = out
	if err := p.start(func() { _ = out.Close() }); err != nil {
		return nil, err
	}
	var greeting role.Greeting
	if p.line, err = control.NewLine(in, answers, &greeting); err != nil {
		return nil, errors.Join(p.fail(err), p.End())
	}
	p.Address = greeting.Address
	return p, nil
}

// StartProgram starts another program, and returns when it has announced, on its standard error, where it listens: that is
// the first group of the expression.
func StartProgram(
	ctx context.Context, name string, announcement *regexp.Regexp, program string, arguments ...string,
) (*Process, error) {
	p := prepare(ctx, name, program, arguments...)
	found := p.words.await(announcement)
	if err := p.start(func() {}); err != nil {
		return nil, err
	}
	select {
	case p.Address = <-found:
		return p, nil
	case <-p.ended:
		return nil, p.fail(p.outcome)
	}
}

// prepare returns a process that has not been started.
func prepare(ctx context.Context, name, program string, arguments ...string) *Process {
	p := &Process{
		Name: name, command: exec.CommandContext(ctx, program, arguments...), words: &words{}, ended: make(chan struct{}),
	}
	p.command.Stderr = p.words
	p.command.WaitDelay = time.Second // for what holds its standard error, after it is gone
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p
}

// start starts the process; gone is called when it has ended.
func (p *Process) start(gone func()) error {
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	p.PID = p.command.Process.Pid
	go func() {
		p.outcome = p.command.Wait()
		gone()
		close(p.ended)
	}()
	return nil
}

// Ask asks a process in a role, see [control.Line].
func (p *Process) Ask(do string, with, value any) error {
	if p.line == nil {
		return fmt.Errorf("%s cannot be asked", p.Name)
	}
	if err := p.line.Ask(do, with, value); err != nil {
		return p.fail(err)
	}
	return nil
}

// fail says what happened, and what the process itself has said.
func (p *Process) fail(err error) error {
	if said := p.words.String(); said != "" {
		return fmt.Errorf("%s: %w: %s", p.Name, err, said)
	}
	return fmt.Errorf("%s: %w", p.Name, err)
}

// Signal sends the process a signal.
func (p *Process) Signal(signal syscall.Signal) error { return p.command.Process.Signal(signal) }

// Ended is closed when the process is gone; Outcome is of use then.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Outcome returns how the process has ended: nil is exit code 0.
func (p *Process) Outcome() error { return p.outcome }

// Said returns what the process has said last on its standard error.
func (p *Process) Said() string { return p.words.String() }

// End kills the process, and waits until it is gone.
func (p *Process) End() error {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}
