package bridge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestMain(m *testing.M) {
	if play() {
		return
	}
	goleak.VerifyTestMain(sharedChromium.Tests(m))
}

// patience is how long a test waits for something that should happen soon.
const patience = 10 * time.Second

// watch is the code of a test's upstream for one stream.
type watch func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error

// server is a real gRPC server that counts its streams.
type server struct {
	streamv1.UnimplementedStreamServiceServer
	grpc   *grpc.Server
	addr   string
	watch  atomic.Pointer[watch]
	opened atomic.Int64
	open   atomic.Int64
}

func (s *server) Watch(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	s.opened.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	return (*s.watch.Load())(r, stream)
}

// startServer serves w on addr, "127.0.0.1:0" for any port, until the test ends.
func startServer(t *testing.T, addr string, w watch, opts ...grpc.ServerOption) *server {
	t.Helper()
	lis, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	s := &server{grpc: grpc.NewServer(opts...), addr: lis.Addr().String()}
	s.watch.Store(&w)
	streamv1.RegisterStreamServiceServer(s.grpc, s)
	reflection.Register(s.grpc)
	var served sync.WaitGroup
	served.Go(func() { _ = s.grpc.Serve(lis) })
	t.Cleanup(func() { s.grpc.Stop(); served.Wait() })
	return s
}

// requireStreams waits until the server has n open streams. A stream counts before the code of its watch runs. The streams that
// an earlier step has ended count until the server has noticed.
func (s *server) requireStreams(t *testing.T, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return s.open.Load() == n }, patience, time.Millisecond,
		"streams open at the server: expected %d", n)
}

// untilCancelled sends nothing, and returns when the client leaves.
func untilCancelled(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	<-stream.Context().Done()
	return stream.Context().Err()
}

// count sends n events and ends with err.
func count(n int64, err error) watch {
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range n {
			if err := stream.Send(&streamv1.Event{Sequence: i + 1, Text: fmt.Sprint("event ", i+1)}); err != nil {
				return err
			}
		}
		return err
	}
}

// front is a bridge over real HTTP: url over HTTP/1.1, and h2c for clients that begin with it.
type front struct {
	bridge *bridge.Bridge
	url    string
}

// startFront serves the routes of a configuration file. It replaces %s in the file with the address of the upstream.
func startFront(t *testing.T, s *server, file string) *front {
	t.Helper()
	cfg := parse(t, s, file)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}
}

func serveHTTP(t *testing.T, b *bridge.Bridge) string {
	t.Helper()
	return serveThrough(t, b, b)
}

// serveThrough does the same as serveHTTP, with a handler in front of the bridge.
func serveThrough(t *testing.T, b *bridge.Bridge, handler http.Handler) string {
	t.Helper()
	web := httptest.NewUnstartedServer(handler)
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	web.Listener = newEither(t, web.Listener)
	require.NoError(t, b.Park(web.Config))
	park := web.Config.ConnContext
	web.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if host, _, _ := net.SplitHostPort(c.RemoteAddr().String()); host == unparked {
			return ctx
		}
		return park(ctx, c)
	}
	web.Start()
	t.Cleanup(func() {
		web.CloseClientConnections()
		require.NoError(t, b.Close())
		web.Close()
	})
	return web.URL
}

// drain shuts the bridge down, and spreads the ends of its streams over a time. The last frames may need longer than the tenth of
// the time that remains for them: the machine may be busy, and a client that does not read keeps its stream for a write time-out.
func (f *front) drain(t *testing.T, during time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	err := f.bridge.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		longer, stop := context.WithTimeout(t.Context(), 6*patience)
		defer stop()
		err = f.bridge.Shutdown(longer)
	}
	require.NoError(t, err)
}

// scripted makes an upstream of package bridgetest do what the test says.
func scripted(s grpc.ServiceRegistrar) {
	bridgetest.Scripted(streamv1.File_test_stream_v1_stream_proto)(s)
}

// serves makes an upstream of package bridgetest run code.
func serves(w watch) func(grpc.ServiceRegistrar) {
	return func(to grpc.ServiceRegistrar) {
		s := new(server)
		s.watch.Store(&w)
		streamv1.RegisterStreamServiceServer(to, s)
	}
}

// unparked is the address of clients whose connections the bridge does not know. So it cannot park these connections.
const unparked = "127.0.0.2"

// clients returns a client for each kind of connection: HTTP/1.1 that the bridge parks where the system supports that, without
// TLS and with it, HTTP/1.1 that it does not park, and HTTP/2.
func clients(t *testing.T) map[string]*http.Client {
	t.Helper()
	out := map[string]*http.Client{"HTTP1": newClient(t, ""), "h2c": newClient(t, "")}
	protocols := out["h2c"].Transport.(*http.Transport).Protocols
	protocols.SetHTTP1(false)
	protocols.SetUnencryptedHTTP2(true)
	if runtime.GOOS == "linux" {
		out["unparked"] = newClient(t, unparked)
		out["TLS1"] = newSecuredClient(t)
	}
	return out
}

// newClient returns a client over HTTP/1.1 from an address of this machine, "" for any.
func newClient(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{}
	if address != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	transport := &http.Transport{DialContext: dialer.DialContext, Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetHTTP1(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// eventSource is a GET as a browser's EventSource sends it.
func eventSource(ctx context.Context, t *testing.T, url string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// event is one block of a stream. Comments and empty blocks do not count.
type event struct{ name, data, id string }

// reader reads the events of a response, and keeps the text of the response.
type reader struct {
	body  io.Closer
	lines *bufio.Reader
	text  strings.Builder
	begun bool // it has returned an event
}

func newReader(resp *http.Response) *reader {
	return &reader{body: resp.Body, lines: bufio.NewReader(resp.Body)}
}

// silence is how long a reader waits for an event before the test fails.
const silence = 2 * patience

// next returns the next event, or the error that ended the stream. It returns io.EOF only after a complete block.
func (r *reader) next() (event, error) {
	timer := time.AfterFunc(silence, func() { _ = r.body.Close() })
	e, err := r.block()
	if !timer.Stop() {
		return event{}, fmt.Errorf("no event within %s", silence)
	}
	r.begun = true
	return e, err
}

// afterCursor does the same as next, and leaves out a grpc-cursor at the beginning of the stream. A shared stream begins with one
// where its first event comes later than some milliseconds, which depends on how busy the machine is.
func (r *reader) afterCursor() (event, error) {
	begins := !r.begun
	e, err := r.next()
	if err == nil && begins && e.name == "grpc-cursor" {
		return r.next()
	}
	return e, err
}

func (r *reader) block() (event, error) {
	var e event
	for {
		line, err := r.lines.ReadString('\n')
		r.text.WriteString(line)
		if err == io.EOF && (line != "" || e != event{}) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			return e, nil
		case name == "event":
			e.name = value
		case name == "data":
			e.data += value
		case name == "id":
			e.id = value
		}
	}
}

// all returns all events of a stream, which must end in good order. It leaves out a grpc-cursor at the beginning, and the event
// grpc-end: that event must follow each grpc-status that is final, and only such a grpc-status.
func (r *reader) all(t *testing.T) []event {
	t.Helper()
	var out []event
	over, told := false, false
	for {
		e, err := r.afterCursor()
		if err != nil {
			require.Equal(t, io.EOF, err, "after %q", out)
			require.Equal(t, over, told, "grpc-end follows a final grpc-status, and only that: %q", out)
			return out
		}
		require.False(t, told, "no event follows grpc-end: %v", e)
		if told = e.name == "grpc-end"; told {
			require.Equal(t, event{name: "grpc-end", data: "{}"}, e)
			require.True(t, over, "grpc-end follows a final grpc-status, and only that: %q", out)
			continue
		}
		over = e.name == "grpc-status" && e.id == "grpc-end"
		out = append(out, e)
	}
}

// receive returns the next value of a channel. The value must come soon.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(silence):
		require.FailNow(t, "nothing was received", "within %s", silence)
		panic("unreachable")
	}
}

// do sends a request, and closes the response when the test ends.
func do(t *testing.T, c *http.Client, r *http.Request) *http.Response {
	t.Helper()
	resp, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// sendCounter counts the events that a server has sent.
type sendCounter struct{ n atomic.Int64 }

// count is a watch that counts the events that it has sent.
func (c *sendCounter) count(n int64) watch {
	text := strings.Repeat("x", 2000) // large, so that buffers on the way are full soon
	return func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range n {
			if err := stream.Send(&streamv1.Event{Sequence: i + 1, Text: text}); err != nil {
				return err
			}
			c.n.Add(1)
		}
		return nil
	}
}

// settle waits until the count is above 0 and does not grow any more.
func (c *sendCounter) settle(t *testing.T) {
	t.Helper()
	last := int64(-1)
	require.Eventually(t, func() bool {
		now := c.n.Load()
		still := now > 0 && now == last
		last = now
		return still
	}, patience, 100*time.Millisecond)
}

func parseInt(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(t, err)
	return n
}

// decode reads JSON.
func decode(t *testing.T, text string, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), v), text)
}
