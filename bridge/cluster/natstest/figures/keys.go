package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/reading"
)

// keys is how many keys the replicas share.
const keys = 10_000

// together is how many of them are opened at once.
const together = 100

// held is what a process has.
type held struct {
	Heap, Stacks int64 // bytes in use, after garbage collection
	Goroutines   int
}

// measureKeys measures what 10,000 keys take which two replicas have, with a subscriber and an event each.
func measureKeys(ctx context.Context, l *lab) error {
	g := &group{}
	defer g.end()
	servers, err := l.startNATS(ctx, g, 1)
	if err != nil {
		return err
	}
	s := servers[0]
	serverHeap, serverRSS := s.heap(), resident(s.pid())
	var found [3]held
	var all []*keeper
	for _, address := range []string{"", s.address, s.address} {
		k, err := l.startKeeper(g, address)
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	if err := pause(ctx, 2*time.Second); err != nil { // the owner has heard of all followers
		return err
	}
	for i, k := range all {
		if found[i], err = k.ask(ctx); err != nil {
			return err
		}
	}
	plain, owner, follower := found[0], found[1], found[2]
	more := func(h held) int64 { return (h.Heap + h.Stacks - plain.Heap - plain.Stacks) / keys }
	l.note("10,000 keys without a cluster, with a subscriber and an event each", "%d B each, of which %d B of stacks",
		(plain.Heap+plain.Stacks)/keys, plain.Stacks/keys)
	atMost(l, "10,000 keys on two replicas: memory of the owner, more than without a cluster", 2048, more(owner), bytesOf, " each")
	atMost(l, "the same of the follower, which reads no upstream", 2048, more(follower), bytesOf, " each")
	atMost(l, "the same without stacks", 2048, (follower.Heap-plain.Heap)/keys, bytesOf, " each")
	atMost(l, "goroutines of the owner, more than without a cluster", 100, owner.Goroutines-plain.Goroutines, count, "")
	atMost(l, "goroutines of the follower", 100, follower.Goroutines, count, "")
	atMost(l, "nats-server: heap", 5<<10, (s.heap()-serverHeap)/keys, bytesOf,
		fmt.Sprintf(" a key; %d B resident", (resident(s.pid())-serverRSS)/keys))
	return nil
}

// heap returns the bytes in the heap of the server, after garbage collection.
func (s *natsServer) heap() int64 {
	for range 2 { // what has a finalizer is gone after the second
		fetch("http://" + s.prof + "/debug/pprof/heap?gc=1")
	}
	for line := range strings.Lines(fetch("http://" + s.prof + "/debug/pprof/heap?gc=1&debug=1")) {
		if text, ok := strings.CutPrefix(line, "# HeapAlloc = "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return n
		}
	}
	return 0
}

// keeper is a process that has the keys.
type keeper struct {
	*process
	answers *bufio.Reader
}

// startKeeper starts a process, and returns when it has an event of each key.
func (l *lab) startKeeper(g *group, nats string) (*keeper, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, out := io.Pipe()
	p, err := start(out, program, "-role", "keys", l.dir, nats)
	if err != nil {
		return nil, err
	}
	g.add(p.end)
	go func() {
		<-p.ended
		_ = out.Close()
	}()
	k := &keeper{p, bufio.NewReader(in)}
	if line, err := k.answers.ReadString('\n'); err != nil || line != "ready\n" {
		return nil, fmt.Errorf("keys: %w: %s %s", err, line, p.out)
	}
	return k, nil
}

// ask returns what the process has: the median of some answers, because an owner reads the entries of all keys every 15 s.
func (k *keeper) ask(ctx context.Context) (h held, err error) {
	var heaps, stacks []int64
	var goroutines []int
	for range 7 {
		if _, err := io.WriteString(k.in, "\n"); err != nil {
			return h, err
		}
		line, err := k.answers.ReadBytes('\n')
		if err != nil {
			return h, err
		}
		if err := json.Unmarshal(line, &h); err != nil {
			return h, err
		}
		heaps, stacks, goroutines = append(heaps, h.Heap), append(stacks, h.Stacks), append(goroutines, h.Goroutines)
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return h, err
		}
	}
	return held{median(heaps), median(stacks), median(goroutines)}, nil
}

// playKeys is the process. Its arguments are a directory and the address of NATS, "" for no cluster.
func playKeys(ctx context.Context, role string, args []string) error {
	if role != "keys" || len(args) != 2 {
		return fmt.Errorf("expected the role keys, a directory and an address, found %s %q", role, args)
	}
	r := fanout.NewRegistry(ctx, fanout.Limits{})
	if args[1] != "" {
		l := &lab{dir: args[0]}
		part, err := l.connect(&natsServer{address: args[1]}, true)
		if err != nil {
			return err
		}
		r.Cluster = part
	}
	subs := make([]*fanout.Subscriber, keys)
	var pieces [][]byte
	for i := range subs {
		sub, err := r.Join(fmt.Sprintf("a key of the usual length, with a digest and the bytes of a request, number %d", i), fanout.Newcomer{}, single{}.settings)
		if err != nil {
			return err
		}
		subs[i] = sub
		defer sub.Topic().Watch(func() {})() // as a connection does
		if i%together != together-1 {
			continue
		}
		for _, sub := range subs[i+1-together : i+1] {
			err := until(ctx, "a key has an event", func() bool {
				pieces, _ = sub.Peek(pieces[:0], 64<<10)
				return sub.Advance(len(pieces)) > 0
			})
			if err != nil {
				return err
			}
		}
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(string(inUse()))
	}
	runtime.KeepAlive(subs)
	return nil
}

func inUse() []byte {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	text, _ := json.Marshal(held{int64(m.HeapAlloc), int64(m.StackInuse), runtime.NumGoroutine()})
	return text
}

// single is an upstream that sends one event.
type single struct{}

func (u single) settings() (fanout.Settings, reading.Upstream) {
	return fanout.Settings{
		Bounds: bounds, LateJoin: fanout.LateJoin{Mode: fanout.Latest}, HasID: true, Resumes: true, Cluster: true, Linger: time.Second, Slow: over,
	}, u
}

// Run implements [reading.Upstream].
func (single) Run(ctx context.Context, _ reading.Attempt, sink reading.Sink) reading.Result {
	sink.Accepted(nil)
	if sink.Event(ctx, &reading.Event{Block: block(nil), ID: []byte("1")}) == nil {
		<-ctx.Done()
	}
	return reading.Result{Fate: reading.Broken, End: over()}
}
