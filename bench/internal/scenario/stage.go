package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/grpcsse/grpcsse/bench/internal/certificate"
	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/measure"
	"github.com/grpcsse/grpcsse/bench/internal/process"
	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
)

// stage is the processes of one run.
type stage struct {
	scenario  Scenario
	contender Contender
	upstream  *process.Process // nil where the candidate has none
	candidate *process.Process
	crowd     *process.Process
	directory string
}

// calm is how long a process may take to come to rest before it is looked at.
const calm = 300 * time.Millisecond

// set starts the processes.
func (r *Runner) set(ctx context.Context, s Scenario, c Contender) (_ *stage, err error) {
	g := &stage{scenario: s, contender: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.strike())
		}
	}()
	if g.directory, err = os.MkdirTemp("", "grpcsse-bench-"); err != nil {
		return nil, err
	}
	if c.secure() {
		if err := certificate.Write(g.directory); err != nil {
			return nil, err
		}
	}
	address := ""
	if !role.IsFloor(c.Program()) {
		g.upstream, err = process.StartRole(ctx, role.Role{Name: role.Upstream, Text: s.Text, Kinds: s.Kinds, Flow: s.Flow})
		if err != nil {
			return nil, err
		}
		address = g.upstream.Address
	}
	if g.candidate, err = r.startCandidate(ctx, s, c, address, g.directory); err != nil {
		return nil, err
	}
	g.crowd, err = process.StartRole(ctx, role.Role{Name: role.Crowd, Server: g.candidate.Address, Link: c.Link})
	return g, err
}

// strike ends the processes, the crowd first: nobody is to be blamed for the end of another.
func (g *stage) strike() error {
	var problems []error
	for _, p := range []*process.Process{g.crowd, g.candidate, g.upstream} {
		if p != nil {
			problems = append(problems, p.End())
		}
	}
	return errors.Join(append(problems, os.RemoveAll(g.directory))...)
}

// open lets so many browsers come, and fails unless each is answered.
func (g *stage) open(browsers int, stall bool) error {
	if browsers == 0 {
		return nil
	}
	order := load.Order{Browsers: browsers, Path: "/watch/{n}", Stall: stall}
	if g.contender.Newest {
		order.Kinds = uint64(g.scenario.Kinds)
	}
	if g.shares() {
		order.Path = "/watch/all"
	}
	var opened load.Opened
	if err := g.crowd.Ask(role.AskOpen, order, &opened); err != nil {
		return err
	}
	if opened.Failed > 0 {
		return fmt.Errorf("%d of %d connections failed, the first: %s", opened.Failed, browsers, opened.Problem)
	}
	return nil
}

// usage is what everybody has used of the CPUs since the beginning.
type usage struct {
	candidate, upstream, crowd, driver time.Duration
	machine                            measure.Machine
	at                                 time.Time
}

// usage reads it.
func (g *stage) usage() (u usage, err error) {
	u.at = time.Now()
	if u.machine, err = measure.ReadMachine(); err != nil {
		return u, err
	}
	for _, one := range []struct {
		pid  int
		into *time.Duration
	}{{g.candidate.PID, &u.candidate}, {g.pidOfUpstream(), &u.upstream}, {g.crowd.PID, &u.crowd}, {os.Getpid(), &u.driver}} {
		if one.pid == 0 {
			continue
		}
		if *one.into, err = measure.CPU(one.pid); err != nil {
			return u, err
		}
	}
	return u, nil
}

func (g *stage) pidOfUpstream() int {
	if g.upstream == nil {
		return 0
	}
	return g.upstream.PID
}

// since is what was used between two readings.
func (u usage) since(before usage) CPU {
	c := CPU{
		Candidate: u.candidate - before.candidate, Upstream: u.upstream - before.upstream, Crowd: u.crowd - before.crowd,
		Steal: u.machine.Steal - before.machine.Steal,
	}
	all := u.machine.Busy - before.machine.Busy
	c.Others = max(0, all-c.Candidate-c.Upstream-c.Crowd-(u.driver-before.driver))
	return c
}

// streams returns how many streams the upstream has.
func (g *stage) streams() (int, error) {
	if g.upstream == nil {
		return 0, nil
	}
	var streams upstream.Streams
	err := g.upstream.Ask(role.AskStreams, nil, &streams)
	return streams.Open, err
}

// shares reports whether all browsers are to be served from one upstream stream.
func (g *stage) shares() bool { return g.scenario.Shared && g.contender.Program() == Grpcsse }

// memory returns the candidate's RSS.
func (g *stage) memory() (int64, error) { return measure.RSS(g.candidate.PID) }
