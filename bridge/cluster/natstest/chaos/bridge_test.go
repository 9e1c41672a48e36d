package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster/natstest/internal/rig"
	"github.com/grpcsse/grpcsse/internal/relay"
)

// linger is how long a bridge keeps an upstream stream without clients.
const linger = time.Second

// file is the configuration of a bridge.
const file = `
server: {listen: "LISTEN", health: "HEALTH", drain_timeout: 1s, access_log: off}
upstreams: {test: {target: "UPSTREAM"}}
defaults: {share: {late_join: latest, linger: 1s}}
routes:
  - path: /positions/{name}
    rpc: test.stream.v1.StreamService/Watch
    request: {set: {topic: "positions/${path.name}"}}
  - path: /ids/{name}
    rpc: test.stream.v1.StreamService/Watch
    request: {set: {topic: "ids/${path.name}"}}
    event: {id: sequence}
  - path: /cursors/{name}
    rpc: test.stream.v1.StreamService/Watch
    request: {set: {topic: "cursors/${path.name}", after_sequence: "${last_event_id}"}}
    event: {id: sequence}
cluster:
  name: chaos
  secret_file: cluster.key
  nats: {servers: [SERVERS]}
`

// bridge is grpcsse in a process of its own, which is started again and again. Each of its ways to a server of NATS is a relay.
type bridge struct {
	name, listen, health, program, file string
	relays                              []*relay.Relay
	log                                 *os.File

	process sync.Mutex // held while something happens to the process
	network sync.Mutex // held while something happens to the relays

	mu      sync.Mutex
	running *rig.Process // guarded by mu
	starts  int          // guarded by mu
	largest int64        // guarded by mu; the most bytes of memory that were seen
}

func (b *bridge) String() string { return b.name }
func (b *bridge) url() string    { return "http://" + b.listen }

// newBridge returns a bridge that is not started.
func newBridge(t *testing.T, name, program, dir string, u *upstream, nodes []*node) *bridge {
	t.Helper()
	b := &bridge{name: name, listen: freeAddress(t), health: freeAddress(t), program: program}
	var servers []string
	for _, n := range nodes {
		r, err := relay.New(t.Context(), n.Client)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, r.Close()) })
		b.relays = append(b.relays, r)
		servers = append(servers, `"nats://`+r.Address()+`"`)
	}
	folder := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	b.file = filepath.Join(folder, "grpcsse.yaml")
	text := strings.NewReplacer("LISTEN", b.listen, "HEALTH", b.health, "UPSTREAM", u.address,
		"SERVERS", strings.Join(servers, ", ")).Replace(file)
	require.NoError(t, os.WriteFile(b.file, []byte(text), 0o600))
	key := []byte(strings.Repeat("0123456789abcdef", 4))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cluster.key"), key, 0o600))
	var err error
	b.log, err = os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() {
		if p, _ := b.now(); p != nil {
			assert.NoError(t, p.Kill())
		}
		assert.NoError(t, b.log.Close())
	})
	return b
}

// now returns the process, and how many there were.
func (b *bridge) now() (*rig.Process, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running, b.starts
}

// start starts the process, and waits until it serves.
func (b *bridge) start(ctx context.Context) error {
	_, _ = fmt.Fprintf(b.log, "--- %s starts at %s\n", b, clock(time.Now()))
	p, err := rig.Start(b.log, nil, b.program, "serve", "--strict", "--config", b.file)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.running = p
	b.starts++
	b.mu.Unlock()
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; wait(ctx, 50*time.Millisecond) {
		select {
		case <-p.Ended():
			return fmt.Errorf("%s ended at its start: %w", b, p.Outcome())
		default:
		}
		response, err := http.Get("http://" + b.health + "/readyz")
		if err != nil {
			continue
		}
		if _ = response.Body.Close(); response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("%s does not serve: %w", b, context.Cause(ctx))
}

// alive returns an error where the process has ended by itself. The caller holds b.process.
func (b *bridge) alive() error {
	p, _ := b.now()
	select {
	case <-p.Ended():
		return fmt.Errorf("%s has ended by itself: %w", b, p.Outcome())
	default:
		return nil
	}
}

// goroutines returns how many the process has.
func (b *bridge) goroutines(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.health+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindSubmatch(text)
	if found == nil {
		return 0, errors.New("the metrics have no go_goroutines")
	}
	return strconv.Atoi(string(found[1]))
}

// measure notes how much memory the process has.
func (b *bridge) measure() {
	p, _ := b.now()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return // the process has ended
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return
	}
	kilobytes, _ := strconv.ParseInt(string(found[1]), 10, 64) // digits
	b.mu.Lock()
	defer b.mu.Unlock()
	b.largest = max(b.largest, kilobytes<<10)
}

// panics returns what the log has of crashes.
func (b *bridge) panics() (lines []string, err error) {
	text, err := os.ReadFile(b.log.Name())
	for line := range strings.Lines(string(text)) {
		for _, sign := range []string{"panic", "fatal error", "DATA RACE", "SIGSEGV"} {
			if strings.Contains(line, sign) {
				lines = append(lines, line)
			}
		}
	}
	return lines, err
}

// kill kills the process.
func (b *bridge) kill() error {
	b.measure()
	p, _ := b.now()
	return p.Kill()
}

// end ends the process in good order.
func (b *bridge) end() error {
	b.measure()
	p, _ := b.now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.Ended():
		if err := p.Outcome(); err != nil {
			return fmt.Errorf("%s ended with: %w", b, err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s does not end", b)
	}
}
