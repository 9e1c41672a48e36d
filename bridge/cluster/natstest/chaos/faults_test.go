package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/internal/relay"
)

// fault is something that happens to a bridge, a server of NATS, the network or the bucket.
type fault struct {
	kind, target string
	bridge       *bridge // whose process or network it hits; nil: all
	began, ended time.Time
}

func (f *fault) String() string {
	end := "goes on"
	if !f.ended.IsZero() {
		end = "until " + clock(f.ended)
	}
	return fmt.Sprintf("%s %s of %s, %s", clock(f.began), f.kind, f.target, end)
}

// breaker has faults happen.
type breaker struct {
	run     *run
	random  *rand.Rand // of the scheduler alone
	drawn   []drawFault
	pending sync.WaitGroup

	nodes sync.Mutex // held while a server of NATS is down: one at a time

	mu     sync.Mutex
	faults []*fault // guarded by mu; all so far
}

// drawFault draws a fault and what it needs from the random source. do has it happen.
type drawFault func() (f *fault, do func(context.Context) error)

// kinds returns the kinds of faults that the flag names, in a fixed order; all where it names none.
func (x *breaker) kinds() (chosen []drawFault, err error) {
	names := []string{"kill", "stop", "deploy", "nats", "bucket", "cut", "dark", "delay", "oneway"}
	all := []drawFault{x.killBridge, x.stopBridge, x.endBridge, x.killNode, x.deleteBucket, x.cut, x.dark, x.delay, x.oneWay}
	if *only == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(*only, ",") {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("the kinds of faults are %s, and %q is none of them", strings.Join(names, ", "), name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// between draws a time.
func (x *breaker) between(low, high time.Duration) time.Duration {
	return low + time.Duration(x.random.Int64N(int64(high-low)))
}

// bridge draws a bridge.
func (x *breaker) bridge() *bridge { return x.run.bridges[x.random.IntN(len(x.run.bridges))] }

// breakThings has a fault every 1 to 3 seconds, until the context ends. It waits until the last one is over.
func (x *breaker) breakThings(ctx context.Context) {
	for {
		wait(ctx, x.between(time.Second, 3*time.Second))
		if ctx.Err() != nil {
			break
		}
		f, do := x.drawn[x.random.IntN(len(x.drawn))]()
		x.pending.Go(func() {
			if err := do(context.WithoutCancel(ctx)); err != nil {
				x.run.fail("%s: %v", f, err)
			}
			x.end(f)
		})
	}
	x.pending.Wait()
}

// begin notes that a fault begins.
func (x *breaker) begin(f *fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f.began = time.Now()
	x.faults = append(x.faults, f)
}

func (x *breaker) end(f *fault) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f.began.IsZero() {
		return // its target was busy with another fault
	}
	f.ended = time.Now()
}

// process has a fault happen to the process of a bridge, unless something happens to the process already.
func (x *breaker) process(f *fault, do func(context.Context) error) (*fault, func(context.Context) error) {
	return f, func(ctx context.Context) error {
		if !f.bridge.process.TryLock() {
			return nil
		}
		defer f.bridge.process.Unlock()
		if err := f.bridge.alive(); err != nil {
			return err
		}
		x.begin(f)
		return do(ctx)
	}
}

func (x *breaker) killBridge() (*fault, func(context.Context) error) {
	b, down := x.bridge(), x.between(0, 2*time.Second)
	return x.process(&fault{kind: "kill", target: b.name, bridge: b}, func(ctx context.Context) error {
		if err := b.kill(); err != nil {
			return err
		}
		wait(ctx, down)
		return b.start(ctx)
	})
}

func (x *breaker) endBridge() (*fault, func(context.Context) error) {
	b, down := x.bridge(), x.between(0, 2*time.Second)
	return x.process(&fault{kind: "deploy", target: b.name, bridge: b}, func(ctx context.Context) error {
		if err := b.end(); err != nil {
			return err
		}
		wait(ctx, down)
		return b.start(ctx)
	})
}

func (x *breaker) stopBridge() (*fault, func(context.Context) error) {
	b, still := x.bridge(), x.between(500*time.Millisecond, 8*time.Second)
	return x.process(&fault{kind: "stop", target: b.name, bridge: b}, func(ctx context.Context) error {
		p, _ := b.now()
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		wait(ctx, still)
		return p.Signal(syscall.SIGCONT)
	})
}

func (x *breaker) killNode() (*fault, func(context.Context) error) {
	n, down := x.run.nodes[x.random.IntN(len(x.run.nodes))], x.between(200*time.Millisecond, 3*time.Second)
	f := &fault{kind: "kill NATS", target: n.Name}
	return f, func(ctx context.Context) error {
		if !x.nodes.TryLock() {
			return nil
		}
		defer x.nodes.Unlock()
		x.begin(f)
		if err := n.process.Kill(); err != nil {
			return err
		}
		wait(ctx, down)
		return n.start()
	}
}

func (x *breaker) deleteBucket() (*fault, func(context.Context) error) {
	n := x.run.nodes[x.random.IntN(len(x.run.nodes))]
	f := &fault{kind: "delete bucket", target: n.Name}
	return f, func(ctx context.Context) error {
		x.begin(f)
		if deleteBucket(ctx, n) != nil {
			x.run.tally.add("buckets that NATS did not delete", 1) // it is down, or has no leader
		}
		return nil
	}
}

// network has a fault happen to the connections between a bridge and NATS, for a time.
func (x *breaker) network(kind string, d time.Duration, begin, end func(*relay.Relay)) (*fault, func(context.Context) error) {
	b := x.bridge()
	f := &fault{kind: kind, target: b.name, bridge: b}
	return f, func(ctx context.Context) error {
		if !b.network.TryLock() {
			return nil
		}
		defer b.network.Unlock()
		x.begin(f)
		for _, r := range b.relays {
			begin(r)
		}
		wait(ctx, d)
		for _, r := range b.relays {
			end(r)
		}
		return nil
	}
}

func (x *breaker) cut() (*fault, func(context.Context) error) {
	return x.network("cut", 0, func(r *relay.Relay) { r.Cut() }, func(*relay.Relay) {})
}

// dark is a cut after which new connections get no answer.
func (x *breaker) dark() (*fault, func(context.Context) error) {
	return x.network("dark", x.between(500*time.Millisecond, 6*time.Second),
		func(r *relay.Relay) { r.Mute(true); r.Cut() }, func(r *relay.Relay) { r.Mute(false) })
}

func (x *breaker) delay() (*fault, func(context.Context) error) {
	return x.network("delay", x.between(time.Second, 5*time.Second),
		func(r *relay.Relay) { r.Delay(200 * time.Millisecond) }, func(r *relay.Relay) { r.Delay(0) })
}

func (x *breaker) oneWay() (*fault, func(context.Context) error) {
	way, name := relay.ToTarget, "sends nothing"
	if x.random.IntN(2) == 0 {
		way, name = relay.FromTarget, "hears nothing"
	}
	return x.network(name, x.between(500*time.Millisecond, 7*time.Second),
		func(r *relay.Relay) { r.Hold(way, true) }, func(r *relay.Relay) { r.Hold(way, false) })
}

// around returns the faults that were there since a time.
func (x *breaker) around(since time.Time) (lines []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range x.faults {
		if f.ended.IsZero() || f.ended.After(since) {
			lines = append(lines, f.String())
		}
	}
	return lines
}
