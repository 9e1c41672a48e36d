package chaos

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster/natstest/internal/rig"
)

var (
	lasts   = flag.Duration("chaos.for", 40*time.Second, "how long things are broken")
	clients = flag.Int("chaos.clients", 300, "how many clients there are")
	seed    = flag.Uint64("chaos.seed", 0, "the seed of the faults; 0 draws one")
	only    = flag.String("chaos.kinds", "", "the kinds of faults, with commas between them; all where none is given")
	program = flag.String("chaos.program", "", "the path of grpcsse; it is built where none is given")
	race    = flag.Bool("chaos.race", false, "build grpcsse with the race detector")
	keep    = flag.String("chaos.dir", "", "a directory for logs, which are kept; a temporary one otherwise")
)

// patience bounds each wait.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	play()
	flag.Parse()
	os.Exit(m.Run())
}

// run is a run of chaos.
type run struct {
	t        *testing.T
	upstream *upstream
	nodes    []*node
	bridges  []*bridge
	breaker  *breaker
	clients  []*client
	settling atomic.Bool
	tally    tally
	silences silences
	book     *book

	settled, emptied time.Duration // the longest

	mu         sync.Mutex
	violations int // guarded by mu
}

// round is how long things are broken before they must settle.
const round = time.Minute

// restEvery is how many rounds there are between two in which all clients leave.
const restEvery = 5

// Three bridges, three servers of NATS, and all that can happen to them, while clients roam. What a client reads must be a
// reading of the upstream's sequence in which each hole is told. When nothing happens any more, one bridge reads each key, and
// when the clients have left, no bridge does, and the bridges are as they were at first.
func TestChaos(t *testing.T) {
	r := newRun(t)
	defer func() { t.Log("\n" + r.table()) }()
	before := r.atRest()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	go r.watchMemory(ctx)
	leave := r.come()
	defer func() { leave() }()
	over := time.Now().Add(*lasts)
	for n := 1; time.Until(over) > 0 && !t.Failed(); n++ {
		breaking, stop := context.WithTimeout(ctx, min(round, time.Until(over)))
		r.breaker.breakThings(breaking)
		stop()
		r.settle()
		if n%restEvery == 0 || time.Until(over) <= 0 {
			r.rest(before, leave)
			leave = r.come()
		}
		r.settling.Store(false)
		r.progress(n)
	}
}

func newRun(t *testing.T) *run {
	t.Helper()
	for *seed == 0 {
		*seed = rand.Uint64N(1e6)
	}
	t.Logf("go test ./bridge/cluster/natstest/chaos -args -chaos.seed=%d", *seed)
	dir := *keep
	if dir == "" {
		dir = t.TempDir()
	}
	name := *program
	if name == "" {
		var flags []string
		if *race {
			flags = append(flags, "-race")
		}
		var err error
		name, err = rig.Build("../../../..", dir, flags...)
		require.NoError(t, err)
	}
	r := &run{t: t, upstream: startUpstream(t), nodes: startNodes(t, dir), book: newBook(), silences: silences{longest: map[string]*span{}}}
	r.breaker = &breaker{run: r, random: rand.New(rand.NewPCG(*seed, 0))}
	var err error
	r.breaker.drawn, err = r.breaker.kinds()
	require.NoError(t, err)
	for i := range 3 {
		b := newBridge(t, fmt.Sprintf("bridge-%d", i), name, dir, r.upstream, r.nodes)
		require.NoError(t, b.start(t.Context()))
		r.bridges = append(r.bridges, b)
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, ReadBufferSize: 2 << 10}
	for i := range *clients {
		c := &client{number: i, run: r, http: &http.Client{Transport: transport}}
		c.ledger = ledger{topic: topics()[i%len(topics())], book: r.book}
		r.clients = append(r.clients, c)
	}
	return r
}

// come lets the clients come. The function that it returns has them leave.
func (r *run) come() (leave func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	for _, c := range r.clients {
		running.Go(func() { c.roam(ctx) })
	}
	return func() { cancel(); running.Wait() }
}

// settle waits until each client has the newest events, and one upstream stream is open for each key.
func (r *run) settle() {
	r.t.Helper()
	began := time.Now()
	r.settling.Store(true)
	newest := r.upstream.newest(began)
	var behind int
	ok := r.until(settleWithin, func() bool {
		behind = 0
		for _, c := range r.clients {
			if !c.current(newest) {
				behind++
			}
		}
		open := r.upstream.now()
		one := len(open) == len(topics())
		for _, n := range open {
			one = one && n == 1
		}
		return behind == 0 && one
	})
	if !ok {
		r.fail("%d of %d clients are behind event %d, upstream streams: %v%s",
			behind, len(r.clients), newest, r.upstream.now(), r.surroundings(r.clients[0].ledger.topic))
		return
	}
	r.settled = max(r.settled, time.Since(began))
}

// settleWithin is how long it may take until all is well. An owner notices within 15 s that the bucket was deleted, and a bucket
// may be without a leader for 9 s.
const settleWithin = 45 * time.Second

// state is what the bridges have where no client is there.
type state struct{ goroutines, subscriptions int }

// slack is how many more goroutines may be there than at first, for connections to the upstream and of the metrics.
const slack = 15

// atRest returns the most that a bridge has.
func (r *run) atRest() (most state) {
	r.t.Helper()
	for _, b := range r.bridges {
		n, err := b.goroutines(r.t.Context())
		require.NoError(r.t, err)
		most.goroutines = max(most.goroutines, n)
	}
	all, err := subscriptions(r.t.Context(), r.nodes)
	require.NoError(r.t, err)
	require.Len(r.t, all, len(r.bridges), "each bridge has a connection")
	for _, subjects := range all {
		most.subscriptions = max(most.subscriptions, len(subjects))
	}
	return most
}

// rest has the clients leave, and waits until nothing is left of them.
func (r *run) rest(before state, leave func()) {
	r.t.Helper()
	leave()
	began := time.Now()
	if !r.until(patience, func() bool { return len(r.upstream.now()) == 0 }) {
		r.fail("upstream streams without a client: %v", r.upstream.now())
		return
	}
	took := time.Since(began)
	r.emptied = max(r.emptied, took)
	if took > 2*linger+time.Second+late {
		r.fail("no upstream stream was left after %s only", took)
		for _, of := range topics() {
			r.fail("%s", r.surroundings(of))
		}
	}
	var now state
	ok := r.until(patience, func() bool {
		now = r.atRest()
		return now.goroutines <= before.goroutines+slack && now.subscriptions <= before.subscriptions+1 // the inbox of requests
	})
	if !ok {
		all, _ := subscriptions(r.t.Context(), r.nodes)
		r.fail("a bridge had at most %+v, and now has %+v without clients: %v", before, now, all)
	}
	for _, b := range r.bridges {
		b.measure()
		b.mu.Lock()
		assert.Less(r.t, b.largest, int64(mostMemory), "bytes of memory of %s", b)
		b.mu.Unlock()
		b.process.Lock()
		assert.NoError(r.t, b.alive())
		b.process.Unlock()
		lines, err := b.panics()
		require.NoError(r.t, err)
		assert.Empty(r.t, lines, "the log of %s", b)
	}
	if n, err := copies(r.t.Context(), r.nodes[0]); err == nil && n != len(r.nodes) {
		r.tally.add(fmt.Sprintf("rests with %d copies of the bucket", n), 1)
	}
}

// late is what may be added to the time until the last upstream stream ends: one question of an owner, whether others want its
// stream, may get no answer within 0.4 s on a busy machine. It counts as a yes, and the owner lingers again after the next one.
const late = linger + time.Second + 2*time.Second

// mostMemory bounds what a bridge may need.
const mostMemory = 256 << 20

// watchMemory notes now and then how much memory the bridges have.
func (r *run) watchMemory(ctx context.Context) {
	for ; ctx.Err() == nil; wait(ctx, 5*time.Second) {
		for _, b := range r.bridges {
			b.measure()
		}
	}
}

// until waits for a condition, and reports whether it came true.
func (r *run) until(within time.Duration, condition func() bool) bool {
	for end := time.Now().Add(within); !condition(); wait(r.t.Context(), 20*time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// progress says at each round of a long run what there was so far.
func (r *run) progress(n int) {
	if *lasts > 2*round {
		_, _ = fmt.Fprintf(os.Stderr, "round %d\n%s", n, r.table())
	}
}

// fail says that something is wrong.
func (r *run) fail(format string, args ...any) { r.t.Errorf(format, args...) }

// mostViolations bounds how many violations are told at length.
const mostViolations = 5

// violation says what a client has met that must not be.
func (r *run) violation(c *client, wrong string) {
	r.mu.Lock()
	r.violations++
	n := r.violations
	r.mu.Unlock()
	if n > mostViolations {
		r.tally.add("further violations", 1)
		return
	}
	c.mu.Lock()
	at := c.at
	c.mu.Unlock()
	r.fail("%s client %d of %s at %s: %s\nit has met:\n  %s%s\nthe log of the bridge:\n%s", clock(time.Now()), c.number, c.ledger.topic,
		at, wrong, strings.Join(c.story(), "\n  "), r.surroundings(c.ledger.topic), tail(at.log))
}

// surroundings says what has happened around now.
func (r *run) surroundings(of topic) string {
	since := time.Now().Add(-20 * time.Second)
	return "\nthe faults:\n  " + strings.Join(r.breaker.around(since), "\n  ") +
		"\nthe upstream streams:\n  " + strings.Join(r.upstream.around(of, since), "\n  ")
}

// tail returns the last lines of a log.
func tail(f *os.File) string {
	const most = 3000
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	text := make([]byte, min(most, info.Size()))
	if _, err := f.ReadAt(text, info.Size()-int64(len(text))); err != nil && err != io.EOF {
		return err.Error()
	}
	return string(text)
}
