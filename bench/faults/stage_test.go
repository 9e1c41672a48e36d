package faults_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
	"github.com/grpcsse/grpcsse/bench/internal/measure"
	"github.com/grpcsse/grpcsse/bench/internal/process"
	"github.com/grpcsse/grpcsse/bench/internal/role"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
)

// The sizes. Those of the flags' defaults are for machines with two cores.
var (
	kills   = flag.Int("kills", 20, "how often the upstream is killed")
	streams = flag.Int("streams", 1000, "how many streams renew their tokens, and how many a bridge has that is replaced")
	stalls  = flag.Int("stalls", 1000, "how many clients stall")
)

// patience is how long a test waits for what must happen, also on a busy machine.
const patience = 60 * time.Second

// program is the path of the bridge.
var program string

func TestMain(m *testing.M) {
	role.Play()
	flag.Parse()
	os.Exit(run(m))
}

// run builds the bridge, and runs the tests.
func run(m *testing.M) int {
	directory, err := os.MkdirTemp("", "grpcsse-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(directory) }()
	program = filepath.Join(directory, "grpcsse")
	if out, err := exec.Command("go", "-C", "../..", "build", "-o", program, "./cmd/grpcsse").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %s", err, out)
		return 1
	}
	return m.Run()
}

// tape is an upstream whose events have one numbering, also after it was started again.
type tape struct {
	t    *testing.T
	role role.Role

	process *process.Process
}

// startTape starts an upstream with so many events a second, each with a text of some bytes.
func startTape(t *testing.T, rate float64, text int) *tape {
	t.Helper()
	p := &tape{t: t, role: role.Role{
		Name: role.Upstream, Listen: freeAddress(t), Text: text,
		Flow: event.Flow{Rate: rate, Epoch: time.Now().Add(-time.Minute).UnixNano()},
	}}
	p.start()
	t.Cleanup(func() { assert.NoError(t, p.process.End()) })
	return p
}

func (p *tape) start() {
	p.t.Helper()
	var err error
	p.process, err = process.StartRole(context.WithoutCancel(p.t.Context()), p.role)
	require.NoError(p.t, err)
}

// restart kills the upstream, and starts it again at the same address.
func (p *tape) restart() {
	p.t.Helper()
	require.NoError(p.t, p.process.End())
	p.start()
}

// newest is the number of the newest event.
func (p *tape) newest() uint64 { return p.role.Flow.Newest(time.Now()) }

// open is how many streams the upstream has.
func (p *tape) open() int {
	p.t.Helper()
	var streams upstream.Streams
	require.NoError(p.t, p.process.Ask(role.AskStreams, nil, &streams))
	return streams.Open
}

// freeAddress returns a loopback address on which no program listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().String()
}

// bridge is `grpcsse serve` in a process of its own.
type bridge struct {
	*process.Process

	t      *testing.T
	health string
}

// file is the configuration of a bridge: what stands in the section server, and then everything else.
const file = `
server: {listen: "127.0.0.1:0", health: "HEALTH", access_log: off, SERVER}
defaults:
  heartbeat: 2s
  event: {id: sequence, retry: 500ms}
  request: {set: {after_sequence: "${last_event_id}"}}
  reopen: {backoff: {base: 50ms, max: 1s}}
`

// announcement is what the bridge logs when it is ready.
var announcement = regexp.MustCompile(`msg=listening address=(\S+)`)

// startBridge starts a bridge, with these variables in its environment.
func startBridge(t *testing.T, server, rest string, environment ...string) *bridge {
	t.Helper()
	b := &bridge{t: t, health: freeAddress(t)}
	path := filepath.Join(t.TempDir(), "grpcsse.yaml")
	text := strings.NewReplacer("HEALTH", b.health, "SERVER", server).Replace(file) + rest
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	arguments := append(environment, program, "serve", "--strict", "--config", path)
	var err error
	b.Process, err = process.StartProgram(context.WithoutCancel(t.Context()), "grpcsse", announcement, "env", arguments...)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, b.End())
		if t.Failed() {
			t.Logf("the bridge said last:\n%s", b.Said())
		}
	})
	return b
}

// metrics reads the metrics of the bridge.
func (b *bridge) metrics() measure.Metrics {
	b.t.Helper()
	m, err := measure.Scrape(b.t.Context(), "http://"+b.health+"/metrics")
	require.NoError(b.t, err)
	return m
}

// rest is what a bridge has where no client is connected.
type rest struct {
	goroutines float64
	sockets    int
}

// atRest reads it.
func (b *bridge) atRest() rest {
	b.t.Helper()
	sockets, err := measure.Sockets(b.PID)
	require.NoError(b.t, err)
	return rest{b.metrics()["go_goroutines"], sockets}
}

// slack is how many goroutines and sockets may be more than before: those of the connection that reads the metrics, and of
// those to the upstream.
const slack = 20

// requireRest waits until the bridge has no stream, and no more of anything than before.
func (b *bridge) requireRest(before rest, p *tape) {
	b.t.Helper()
	var now rest
	eventually(b.t, func() bool {
		m := b.metrics()
		now = b.atRest()
		return m["grpcsse_streams"] == 0 && m["grpcsse_upstream_streams"] == 0 && p.open() == 0 &&
			now.goroutines <= before.goroutines+slack && now.sockets <= before.sockets+slack
	}, func() string {
		return fmt.Sprintf("before %+v, now %+v, streams %v, upstream streams %v, at the upstream %d",
			before, now, b.metrics()["grpcsse_streams"], b.metrics()["grpcsse_upstream_streams"], p.open())
	})
}

// crowd is browsers in a process of their own.
type crowd struct {
	*process.Process

	t *testing.T
}

// startCrowd starts a crowd for a server, without browsers.
func startCrowd(t *testing.T, address string) *crowd {
	t.Helper()
	p, err := process.StartRole(context.WithoutCancel(t.Context()), role.Role{Name: role.Crowd, Server: address})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.End()) })
	return &crowd{p, t}
}

// open lets n browsers come, each of which must be answered.
func (c *crowd) open(order load.Order) {
	c.t.Helper()
	var opened load.Opened
	require.NoError(c.t, c.Ask(role.AskOpen, order, &opened))
	require.Equal(c.t, load.Opened{Browsers: order.Browsers}, opened)
}

func (c *crowd) tally() (seen load.Tally) {
	c.t.Helper()
	require.NoError(c.t, c.Ask(role.AskTally, nil, &seen))
	return seen
}

func (c *crowd) behind(number uint64) (n int) {
	c.t.Helper()
	require.NoError(c.t, c.Ask(role.AskBehind, number, &n))
	return n
}

func (c *crowd) leave() {
	c.t.Helper()
	require.NoError(c.t, c.Ask(role.AskLeave, nil, nil))
}

// audience is anybody who gets the events of a tape.
type audience interface {
	behind(number uint64) int
	tally() load.Tally
}

// readers are an audience on net/http, in the process of the test.
type readers struct{ *load.Readers }

func (r readers) behind(number uint64) int { return r.Behind(number) }
func (r readers) tally() load.Tally        { return r.Tally() }

// requireCurrent waits until all have the event that is the newest one of the tape now, and returns how long that took.
func requireCurrent(t *testing.T, p *tape, all ...audience) time.Duration {
	t.Helper()
	return requireEvent(t, p.newest(), all...)
}

// requireProgress waits until all have an event that is due half a second from now: what came before a fault does not count.
func requireProgress(t *testing.T, p *tape, all ...audience) time.Duration {
	t.Helper()
	return requireEvent(t, p.role.Flow.Newest(time.Now().Add(500*time.Millisecond)), all...)
}

// requireEvent waits until all have an event, and returns how long that took.
func requireEvent(t *testing.T, number uint64, all ...audience) time.Duration {
	t.Helper()
	began := time.Now()
	eventually(t, func() bool {
		for _, a := range all {
			if a.behind(number) > 0 {
				return false
			}
		}
		return true
	}, func() string {
		var text strings.Builder
		for _, a := range all {
			fmt.Fprintf(&text, "%d are behind event %d: %+v\n", a.behind(number), number, a.tally())
		}
		return text.String()
	})
	return time.Since(began)
}

// requireClean requires that each event has come once and in order, but where a gap was told, and that no browser was lost.
func requireClean(t *testing.T, a audience) load.Tally {
	t.Helper()
	seen := a.tally()
	require.Zero(t, seen.Faults, "%+v", seen)
	require.Zero(t, seen.Strange, "%+v", seen)
	require.Zero(t, seen.Life.Final+seen.Life.GaveUp+seen.Life.Stopped+seen.Ended, "%+v", seen)
	return seen
}

// eventually waits until a condition holds.
func eventually(t *testing.T, condition func() bool, otherwise func() string) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "it never was as expected", otherwise())
		}
	}
}
