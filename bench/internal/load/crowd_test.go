package load_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// patience is how long a test waits for something that should happen soon.
const patience = 10 * time.Second

// serve answers every connection by f, which gets its number from 0 and has the request's path, until the test ends.
func serve(t *testing.T, f func(number int, path string, conn net.Conn)) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for number := 0; ; number++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err == nil {
					f(number, r.URL.Path, conn)
				}
			})
		}
	})
	t.Cleanup(func() { assert.NoError(t, listener.Close()); serving.Wait() })
	return listener.Addr().String()
}

// gather returns a crowd for the server, which is there until the test ends.
func gather(t *testing.T, server string) *load.Crowd {
	t.Helper()
	c, err := load.New(server)
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { assert.ErrorIs(t, c.Run(ctx), context.Canceled) })
	t.Cleanup(func() { end(); running.Wait() })
	return c
}

// requireTally waits until what the crowd has seen satisfies the condition.
func requireTally(t *testing.T, c *load.Crowd, condition func(load.Tally) bool) load.Tally {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		seen, err := c.Tally(t.Context())
		require.NoError(t, err)
		if condition(seen) {
			return seen
		}
		require.True(t, time.Now().Before(end), "found %+v", seen)
	}
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// frames are the chunks of events with these numbers, of which each was due so long ago.
func frames(late time.Duration, numbers ...uint64) string {
	var all []byte
	shape := event.NewShape(64)
	for _, n := range numbers {
		all = event.AppendChunk(all, shape.AppendFrame(nil, n, time.Now().Add(-late)))
	}
	return string(all)
}

func chunk(p string) string { return string(event.AppendChunk(nil, []byte(p))) }

func TestCrowdCountsExactly(t *testing.T) {
	over := make(chan struct{})
	server := serve(t, func(number int, _ string, conn net.Conn) {
		stream := []string{
			frames(time.Second, 1, 2, 3),
			frames(time.Second, 1, 2, 5),                                // two are missing
			frames(time.Second, 7, 8, 8),                                // once more
			frames(time.Second, 1, 3, 2),                                // another order, which is also a gap
			frames(time.Second, 1) + "3\r\n:\n:\r\n1;x=\"y\"\r\n\n\r\n", // two comments in two chunks
			frames(time.Second, 1) + chunk("event: grpc-reset\ndata: {}\n\nretry: 2000\n") + frames(time.Second, 900),
			frames(time.Second, 1) + chunk("data: {}\n\n"),
		}[number%7]
		// In pieces of any size, each of which is a segment of its own.
		for p := head + stream; p != ""; {
			n := min(1+number*7%50, len(p))
			_, _ = conn.Write([]byte(p[:n]))
			p = p[n:]
			time.Sleep(50 * time.Microsecond)
		}
		<-over
	})
	t.Cleanup(func() { close(over) })
	c := gather(t, server)
	opened, err := c.Open(t.Context(), load.Order{Browsers: 210, Path: "/"})
	require.NoError(t, err)
	require.Equal(t, load.Opened{Browsers: 210}, opened)

	seen := requireTally(t, c, func(seen load.Tally) bool {
		return seen.Events == 30*(3+3+3+3+1+2+1) && seen.Strange == 30 && seen.Comments == 60
	})
	assert.Equal(t, load.Faults{Lost: 30*2 + 30, Repeated: 30, Reordered: 30}, seen.Faults)
	assert.EqualValues(t, 30, seen.Resets)
	assert.Zero(t, seen.Notices)
	assert.Zero(t, seen.Ended)
	assert.Equal(t, 210, seen.Connected)
	assert.Equal(t, 210, seen.Met)
	assert.GreaterOrEqual(t, seen.Latency.P50, 999*time.Millisecond)
	assert.GreaterOrEqual(t, seen.Latency.P99, seen.Latency.P50)
	assert.GreaterOrEqual(t, seen.Latency.Max, seen.Latency.P99)

	require.NoError(t, c.Start(t.Context()))
	after, err := c.Tally(t.Context())
	require.NoError(t, err)
	assert.Zero(t, after.Events)
	assert.Zero(t, after.Latency)
	assert.Equal(t, seen.Faults, after.Faults, "what was wrong stays wrong")
}

func TestCrowdSaysWhoWasTurnedAway(t *testing.T) {
	server := serve(t, func(number int, _ string, conn net.Conn) {
		if number%2 == 0 {
			_, _ = conn.Write([]byte(head + "0\r\n\r\n"))
			return
		}
		_, _ = conn.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nfull"))
	})
	c := gather(t, server)
	opened, err := c.Open(t.Context(), load.Order{Browsers: 10, Path: "/"})
	require.NoError(t, err)
	assert.Equal(t, load.Opened{Browsers: 5, Failed: 5, Problem: "answered 503 Service Unavailable: full"}, opened)
	seen := requireTally(t, c, func(seen load.Tally) bool { return seen.Ended == 5 })
	assert.Equal(t, "EOF", seen.Reason)
	assert.Zero(t, seen.Connected)
}

func TestCrowdOfNobody(t *testing.T) {
	c := gather(t, "127.0.0.1:1")
	opened, err := c.Open(t.Context(), load.Order{Browsers: 3, Path: "/"})
	require.NoError(t, err)
	assert.Equal(t, load.Opened{Failed: 3, Problem: "connect: connection refused"}, opened)
	_, err = c.Open(t.Context(), load.Order{})
	require.Error(t, err)
	_, err = load.New("[::1]:80")
	require.Error(t, err)
}

// Those that stall read nothing, so that whoever writes to them is held up; the others are not.
func TestCrowdStalls(t *testing.T) {
	var mu sync.Mutex
	written, over := map[string]int{}, make(chan struct{})
	server := serve(t, func(_ int, path string, conn net.Conn) {
		_, _ = conn.Write([]byte(head))
		p := []byte(frames(0, 1) + strings.Repeat(chunk(":"+strings.Repeat("x", 1<<16)+"\n"), 128))
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := conn.Write(p)
		mu.Lock()
		written[path] = n
		mu.Unlock()
		if err != nil { // cut off, by a reset
			_ = conn.(*net.TCPConn).SetLinger(0)
			return
		}
		<-over
	})
	t.Cleanup(func() { close(over) })
	c := gather(t, server)
	for _, order := range []load.Order{{Browsers: 2, Path: "/reads"}, {Browsers: 3, Path: "/stalls", Stall: true}} {
		opened, err := c.Open(t.Context(), order)
		require.NoError(t, err)
		require.Equal(t, order.Browsers, opened.Browsers)
	}
	seen, err := c.Tally(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, seen.Stalled)
	seen = requireTally(t, c, func(seen load.Tally) bool { return seen.Cut == 3 && seen.Comments == 2*128 })
	assert.EqualValues(t, 2, seen.Events)
	assert.Equal(t, 2, seen.Connected)
	assert.Zero(t, seen.Stalled)
	assert.Zero(t, seen.Ended)
	mu.Lock()
	defer mu.Unlock()
	assert.Less(t, written["/stalls"], 6<<20)
	assert.Greater(t, written["/reads"], 8<<20)
}

func TestCrowdLeaves(t *testing.T) {
	var mu sync.Mutex
	left := map[string]time.Time{}
	server := serve(t, func(_ int, path string, conn net.Conn) {
		_, _ = conn.Write([]byte(head))
		_, _ = conn.Read(make([]byte, 1)) // until it has left
		mu.Lock()
		defer mu.Unlock()
		left[path] = time.Now()
	})
	c := gather(t, server)
	_, err := c.Open(t.Context(), load.Order{Browsers: 20, Path: "/watch/{n}"})
	require.NoError(t, err)
	departures, err := c.Leave(t.Context())
	require.NoError(t, err)
	require.Len(t, departures, 20)
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(left) == 20 }, patience, time.Millisecond)
	for i, d := range departures {
		assert.Equal(t, fmt.Sprint(i), d.Topic)
		assert.Less(t, d.At, left["/watch/"+d.Topic].UnixNano())
	}
	seen, err := c.Tally(t.Context())
	require.NoError(t, err)
	assert.Zero(t, seen.Connected)
	assert.Zero(t, seen.Ended, "nobody was sent away")
}
