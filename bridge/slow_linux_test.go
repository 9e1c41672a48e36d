package bridge_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/grpcsse/grpcsse/bridge"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// The stream is too fast for the clients of these tests. Its log reaches back ten seconds.
const (
	slowTick  = 20 * time.Millisecond // between two events
	slowLog   = 500                   // events
	slowEvent = 1000                  // about how many bytes an event has on the wire
	slowRate  = slowEvent * int(time.Second/slowTick)
)

// ticking is an upstream that sends an event in each slowTick.
func ticking(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	text := strings.Repeat("x", slowEvent-64)
	began := time.Now()
	for n := int64(1); ; n++ {
		if err := stream.Send(&streamv1.Event{Sequence: n, Text: text}); err != nil {
			return err
		}
		select {
		case <-time.After(time.Until(began.Add(time.Duration(n) * slowTick))):
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// pacedClient reads at a pace of its own. It handles ids and reconnection times as a browser does. Its kernel holds few bytes
// that were not read, as with a slow network and a fast client.
type pacedClient struct {
	url    string
	conn   net.Conn
	body   *bufio.Reader
	lastID int
	events int // events with an id on the newest connection
	retry  time.Duration
	reset  bool // a reset has said that the stream cannot resume after the id
}

// connect opens a stream.
func (c *pacedClient) connect() error {
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10)
		}), err)
	}}
	conn, err := dialer.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		return err
	}
	c.conn, c.events = conn, 0
	request := "GET /watch/x HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n"
	if c.lastID > 0 {
		request += fmt.Sprintf("Last-Event-ID: %d\r\n", c.lastID)
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		return err
	}
	c.body = bufio.NewReaderSize(response.Body, 512)
	return nil
}

// read reads a number of bytes each second, until the stream ends or done reports true. The error is os.ErrDeadlineExceeded
// after the deadline. With the rate 0, the client reads nothing for some time, and then all bytes at once.
func (c *pacedClient) read(rate int, within time.Duration, done func() bool) error {
	began, got := time.Now(), 0
	if rate == 0 {
		c.wait(began.Add(slowLog * slowTick * 6 / 10))
		rate = 1 << 30
	}
	if err := c.conn.SetReadDeadline(began.Add(within)); err != nil {
		return err
	}
	for !done() {
		line, err := c.body.ReadString('\n')
		if err != nil {
			return err
		}
		if err := c.take(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
		got += len(line)
		c.wait(began.Add(time.Duration(got) * time.Second / time.Duration(rate)))
	}
	return nil
}

// wait waits for a time, or until the bridge has closed the connection. A client with a slow network notices that at once.
func (c *pacedClient) wait(until time.Time) {
	raw, err := c.conn.(*net.TCPConn).SyscallConn()
	for polled := []unix.PollFd{{}}; err == nil && polled[0].Revents == 0 && time.Now().Before(until); {
		err = raw.Control(func(fd uintptr) {
			polled[0].Fd = int32(fd)
			_, _ = unix.Poll(polled, int(time.Until(until)/time.Millisecond)+1)
		})
	}
}

func (c *pacedClient) take(line string) (err error) {
	name, value, _ := strings.Cut(line, ": ")
	n := 0
	switch name {
	case "id":
		if n, err = strconv.Atoi(value); c.lastID > 0 && n != c.lastID+1 && !c.reset {
			err = fmt.Errorf("%d follows %d", n, c.lastID)
		}
		c.lastID = n
		c.events++
	case "retry":
		n, err = strconv.Atoi(value)
		c.retry = time.Duration(n) * time.Millisecond
	case "event":
		c.reset = c.reset || value == "grpc-reset"
	}
	return err
}

// A client that is cut off because it cannot take its events resumes when it comes back, for each pace and for each reason of
// the cut. A client that can take the events stays.
func TestASlowClientThatIsCutOffResumes(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	for name, route := range map[string]struct {
		retry    string
		settings []string
		stays    float64 // a client that reads at this part of the stream's rate stays
	}{
		"by the log":            {"2s", []string{"send_buffer: 16KiB"}, 1.25},
		"by the write time-out": {"2s", []string{"send_buffer: 8KiB", "write_timeout: 1s"}, 1.25},
		"with a long retry":     {"20s", []string{"send_buffer: 16KiB", "write_timeout: 2s"}, 1.25},
		"by its age":            {"20s", []string{"send_buffer: 16KiB", "max_age: 4s"}, 9},
	} {
		for _, parked := range []bool{true, false} {
			url := startSlowFront(t, parked, route.retry, route.settings...)
			for _, rate := range []float64{0, .06, .15, .3, .6, 1.25, 3} {
				running.Go(func() {
					assert.NoError(t, slowAndBack(url, rate, rate >= route.stays), "%s, parked: %v, at %v of the stream's rate", name, parked, rate)
				})
			}
		}
	}
	running.Wait()
}

// startSlowFront serves a shared route, and returns its address. It waits for some events first, because the bridge cannot know
// the pace of a stream that has just begun.
func startSlowFront(t *testing.T, parked bool, retry string, settings ...string) string {
	t.Helper()
	s := startServer(t, "127.0.0.1:0", ticking)
	file := routeFile(append(settings, "event: {id: sequence, retry: "+retry+"}",
		fmt.Sprintf("share: {late_join: latest, linger: 1m, replay: {events: %d}}", slowLog))...)
	cfg := parse(t, s, file)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	var handler http.Handler = b
	if !parked {
		handler = behindMiddleware(b)
	}
	first := &pacedClient{url: serveThrough(t, b, handler)}
	require.NoError(t, first.connect())
	defer func() { _ = first.conn.Close() }()
	require.NoError(t, first.read(1<<30, patience, func() bool { return first.events == 20 }))
	return first.url
}

// slowAndBack lets a client read at a part of the stream's rate. A client that is cut off comes back after the reconnection
// time.
func slowAndBack(url string, rate float64, stays bool) error {
	const within = 22 * time.Second
	c := &pacedClient{url: url}
	if err := c.connect(); err != nil {
		return err
	}
	began := time.Now()
	err := c.read(int(rate*float64(slowRate)), within, func() bool { return false })
	_ = c.conn.Close()
	switch over := errors.Is(err, os.ErrDeadlineExceeded); {
	case stays && !over:
		return fmt.Errorf("cut off after %v at event %d: %w", time.Since(began), c.lastID, err)
	case stays:
		return nil
	case over:
		return fmt.Errorf("it is still there, at event %d", c.lastID)
	}
	cut, at, told := time.Since(began), c.lastID, c.retry
	time.Sleep(told) // the pause of a browser: the test is about what the bridge still has for the client after it
	if err := c.connect(); err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	if err := c.read(1<<30, within, func() bool { return c.events > 0 || c.reset }); err != nil || c.reset || c.lastID != at+1 {
		return fmt.Errorf("cut off after %v at event %d, and back after %v: reset %v, %w", cut, at, told, c.reset, err)
	}
	return nil
}
