package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grpcsse/grpcsse/bridge/cluster"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// events is how many events are sent in a round.
const events = 500_000

// bounds are those of a log, as the program has them by default.
var bounds = replay.Bounds{Events: 1024, Bytes: 4 << 20, Age: 5 * time.Minute}

// measureEvents measures what an event costs which comes as fast as it is taken. Everything but nats-server is in this process: the
// rooms of the bridge from the event as rendered JSON to the bytes for a subscriber, and the client of NATS.
func measureEvents(ctx context.Context, l *lab) error {
	g := &group{}
	defer g.end()
	servers, err := l.startNATS(ctx, g, 1)
	if err != nil {
		return err
	}
	costs := map[string][]float64{}
	add := func(name string, used time.Duration) { costs[name] = append(costs[name], used.Seconds()*1e6/events) }
	for range l.rounds {
		add("ring", ringAlone(ctx))
		for _, kind := range []struct {
			name     string
			replicas int
			cluster  bool
			seal     bool
		}{
			{"one", 1, false, false}, {"owner", 1, true, true}, {"pair", 2, true, true}, {"open", 2, true, false},
		} {
			before := cpu(servers[0].pid())
			used, err := l.saturate(ctx, servers[0], kind.replicas, kind.cluster, kind.seal)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			add(kind.name, used)
			add("server of "+kind.name, cpu(servers[0].pid())-before)
		}
	}
	against := func(name, other string) float64 {
		var all []float64
		for i, cost := range costs[name] {
			all = append(all, cost/costs[other][i])
		}
		return median(all)
	}
	say := func(name string) string { return ", " + micros(median(costs[name])) + " an event" }
	l.note("ring: make an event, append, read", "%s an event", micros(median(costs["ring"])))
	l.note("shared stream without a cluster, one subscriber", "%s%s", ratio(against("one", "ring")), say("one"))
	atMost(l, "owner and one follower, a subscriber each, against the ring", 4, against("pair", "ring"), ratio, say("pair"))
	l.note("the same without `seal`", "%s%s", ratio(against("open", "ring")), say("open"))
	atMost(l, "nats-server meanwhile, against the ring", 1, against("server of pair", "ring"), ratio, say("server of pair"))
	atMost(l, "owner without followers, against a stream without a cluster", 1.2, against("owner", "one"), ratio, say("owner"))
	return nil
}

// ringAlone returns the CPU time for events that are made, appended to a log and read.
func ringAlone(ctx context.Context) time.Duration {
	runtime.GC()
	before := cpu(os.Getpid())
	ring := replay.NewRing(bounds)
	_ = ring.Begin(ctx, "epoch")
	dst := make([]replay.Entry, 0, 1)
	for i := range uint64(events) {
		at := replay.Position{Epoch: "epoch", Offset: i}
		e, err := replay.NewDraft(at, append(block(nil), "\n\n"...), 0)
		if err != nil {
			panic(err)
		}
		e.ID = strconv.FormatUint(i, 10)
		_ = ring.Append(ctx, e)
		dst, _ = ring.Entries(dst[:0], at, 1)
	}
	return cpu(os.Getpid()) - before
}

func block(dst []byte) []byte {
	return append(append(append(dst, `data: {"text":"`...), text...), `"}`...)
}

// saturate returns the CPU time of this process for events that one replica reads from an upstream, and that a subscriber of each
// replica reads.
func (l *lab) saturate(ctx context.Context, s *natsServer, replicas int, shared, seal bool) (time.Duration, error) {
	g := &group{}
	defer g.end()
	up := &flood{begin: make(chan struct{}), moved: make(chan struct{}, 1)}
	var readers []*reader
	for i := range replicas {
		ctx, cancel := context.WithCancel(ctx)
		r := fanout.NewRegistry(ctx, fanout.Limits{})
		if shared {
			part, err := l.connect(s, seal)
			if err != nil {
				cancel()
				return 0, err
			}
			r.Cluster = part
			g.add(part.Close)
		}
		g.add(func() { r.Close(over()) })
		g.add(cancel)
		sub, err := r.Join("key", fanout.Newcomer{}, up.settings)
		if err != nil {
			return 0, err
		}
		rd := &reader{sub: sub, moved: up.moved}
		up.readers = append(up.readers, rd)
		readers = append(readers, rd)
		stop := rd.run()
		g.add(stop)
		if err := until(ctx, fmt.Sprintf("replica %d has an event", i), func() bool { return rd.read.Load() > 0 }); err != nil {
			return 0, err
		}
	}
	if err := pause(ctx, 200*time.Millisecond); err != nil { // what the beginning costs is over
		return 0, err
	}
	runtime.GC()
	defer l.profiled(replicas)()
	before := cpu(os.Getpid())
	close(up.begin)
	err := until(ctx, "all is read", func() bool {
		for _, rd := range readers {
			if rd.read.Load() < events {
				return false
			}
		}
		return true
	})
	return cpu(os.Getpid()) - before, err
}

// profiled profiles the process until stop is called, where a profile of an owner and a follower is wanted.
func (l *lab) profiled(replicas int) (stop func()) {
	if l.profile == "" || replicas < 2 {
		return func() {}
	}
	file, err := os.Create(l.profile)
	if err != nil || pprof.StartCPUProfile(file) != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}

// connect returns the part of a replica.
func (l *lab) connect(s *natsServer, seal bool) (*cluster.Cluster, error) {
	secret := filepath.Join(l.dir, "cluster.key")
	if err := os.WriteFile(secret, []byte(strings.Repeat("0123456789abcdef", 4)), 0o600); err != nil {
		return nil, err
	}
	return cluster.Connect(&config.Cluster{
		Name: "rooms", SecretFile: secret, Seal: seal, Patience: 2 * time.Second,
		NATS: config.NATS{Servers: []string{"nats://" + s.address}},
	}, slog.New(slog.DiscardHandler))
}

func over() pump.End { return pump.End{Ending: &ending.Ending{Code: ending.Unavailable}} }

// flood is an upstream that sends one event, and when it may begin as many as are measured. It waits for the slowest reader when half
// a log is not read: a log without a reader that keeps up would measure the loss of events.
type flood struct {
	begin   chan struct{}
	moved   chan struct{}
	readers []*reader // complete before begin is closed
}

func (u *flood) settings() (fanout.Settings, reading.Upstream) {
	return fanout.Settings{
		Bounds: bounds, LateJoin: fanout.LateJoin{Mode: fanout.Latest}, HasID: true, Resumes: true, Cluster: true, Slow: over,
	}, u
}

// Run implements [reading.Upstream].
func (u *flood) Run(ctx context.Context, _ reading.Attempt, sink reading.Sink) reading.Result {
	sink.Accepted(nil)
	e := reading.Event{}
	var id []byte
	send := func(i int64) error {
		id = strconv.AppendInt(id[:0], i, 10)
		e.Block, e.Data, e.ID = block(e.Block[:0]), 0, id
		return sink.Event(ctx, &e)
	}
	done := reading.Result{Fate: reading.Over, End: over()}
	if send(1) != nil {
		return done
	}
	select {
	case <-u.begin:
	case <-ctx.Done():
		return done
	}
	slowest := int64(0)
	for i := int64(2); i <= events && ctx.Err() == nil; i++ {
		for i-slowest > int64(bounds.Events)/2 {
			slowest = i
			for _, r := range u.readers {
				slowest = min(slowest, r.read.Load())
			}
			if i-slowest <= int64(bounds.Events)/2 {
				break
			}
			select {
			case <-u.moved:
			case <-ctx.Done():
				return done
			}
		}
		if send(i) != nil {
			return done
		}
	}
	<-ctx.Done()
	return done
}

// reader is a subscriber that reads as soon as there is something.
type reader struct {
	sub   *fanout.Subscriber
	moved chan<- struct{}
	read  atomic.Int64
}

func (r *reader) run() (stop func()) {
	wake, quit, done := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	stopWatch := r.sub.Topic().Watch(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	go func() {
		defer close(done)
		var pieces [][]byte
		for {
			pieces, _ = r.sub.Peek(pieces[:0], 64<<10)
			if n := r.sub.Advance(len(pieces)); n > 0 {
				r.read.Add(int64(n))
				select {
				case r.moved <- struct{}{}:
				default:
				}
				continue
			}
			select {
			case <-wake:
			case <-quit:
				return
			}
		}
	}()
	return func() {
		stopWatch()
		close(quit)
		<-done
		r.sub.Close()
	}
}
