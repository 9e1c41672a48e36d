package bridge_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// connectionCount counts the connections of a server.
type connectionCount struct{ open, made atomic.Int64 }

func (*connectionCount) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (*connectionCount) HandleRPC(context.Context, stats.RPCStats)                       {}
func (*connectionCount) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (c *connectionCount) HandleConn(_ context.Context, s stats.ConnStats) {
	switch s.(type) {
	case *stats.ConnBegin:
		c.made.Add(1)
		c.open.Add(1)
	case *stats.ConnEnd:
		c.open.Add(-1)
	}
}

func (c *connectionCount) require(t *testing.T, n int64) {
	t.Helper()
	require.Eventually(t, func() bool { return c.open.Load() == n }, patience, time.Millisecond, "connections open at the server: %d", n)
}

// startConnected is startServer with a count of the connections.
func startConnected(t *testing.T, w watch) (*server, *connectionCount) {
	t.Helper()
	count := &connectionCount{}
	return startServer(t, "127.0.0.1:0", w, grpc.StatsHandler(count)), count
}

// twoUpstreams is a file with a route for each of two servers, which send a header: then the bridge knows that a stream was opened.
func twoUpstreams(a, b *server, extra string) string {
	return strings.NewReplacer("AA", a.addr, "BB", b.addr, "EXTRA", extra).Replace(`
server: {drain_timeout: 100ms}
upstreams: {a: {target: AA}, b: {target: BB}}
defaults: {open_wait: 10s, EXTRA}
routes:
  - {path: /a, upstream: a, rpc: test.stream.v1.StreamService/Watch}
  - {path: /b, upstream: b, rpc: test.stream.v1.StreamService/Watch}
`)
}

func TestAReloadClosesOnlyTheConnectionsOfOtherUpstreams(t *testing.T) {
	for name, extra := range map[string]string{
		"private": "", "shared": "share: {late_join: none, linger: 0s}", "lingering": "share: {late_join: none, linger: 1h}",
		"waiting to reopen": "on_end: reopen, share: {late_join: none}",
	} {
		t.Run(name, func(t *testing.T) {
			silent := newHistory(0).watch // it accepts streams, and sends nothing
			a, ofA := startConnected(t, silent)
			b, ofB := startConnected(t, silent)
			c, ofC := startConnected(t, silent)
			f := startFront(t, a, twoUpstreams(a, b, extra))
			client := clients(t)["HTTP1"]
			kept := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/a")))
			changed := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/b")))
			a.requireStreams(t, 1)
			b.requireStreams(t, 1)
			if name == "waiting to reopen" {
				b.grpc.Stop()
			}

			f.reload(t, a, twoUpstreams(a, c, extra))
			requireDrained(t, changed)
			ofB.require(t, 0)
			newReader(do(t, client, eventSource(t.Context(), t, f.url+"/b")))
			c.requireStreams(t, 1)

			f.reload(t, a, "server: {drain_timeout: 0s}\nupstreams: {c: {target: "+c.addr+"}}\nroutes: []\n")
			requireDrained(t, kept)
			ofA.require(t, 0)
			ofC.require(t, 1)
			assert.EqualValues(t, 1, ofA.made.Load(), "the connection of an upstream that stays is kept")
			assert.EqualValues(t, 2, ofC.made.Load(), "another name is another upstream")
		})
	}
}

func TestAnUpstreamWithoutStreamsIsClosedAtOnce(t *testing.T) {
	a, ofA := startConnected(t, newHistory(0).watch)
	b, ofB := startConnected(t, newHistory(0).watch)
	f := startFront(t, a, strings.Replace(twoUpstreams(a, b, "share: {late_join: none, linger: 1h}"), "100ms", "1h", 1))
	ctx, leave := context.WithCancel(t.Context())
	do(t, clients(t)["HTTP1"], eventSource(ctx, t, f.url+"/b"))
	b.requireStreams(t, 1)
	leave() // the stream lingers
	f.reload(t, a, strings.Replace(twoUpstreams(a, a, ""), "100ms", "1h", 1))
	ofB.require(t, 0)
	ofA.require(t, 2)
}

// An error changes nothing, whatever it is about.
func TestAReloadWithAMistakeChangesNothing(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.binpb")
	require.NoError(t, os.WriteFile(broken, []byte("no descriptor set"), 0o600))
	for name, tt := range map[string]struct{ file, says string }{
		"a schema that cannot be read": {"upstreams: {test: {target: ADDR}, b: {target: ADDR, schema: {descriptor_set: " + broken + "}}}\nroutes: []\n", "broken.binpb"},
		"a certificate that is not there": {
			"upstreams: {b: {target: ADDR, tls: {ca_file: " + dir + "/none.pem}}, c: {target: ADDR}}\nroutes: []\n", "ca_file",
		},
		"the path of a route of the program":  {fileOf("path: /own"), "/own"},
		"the name of a route of the program":  {fileOf("path: /other, name: own"), "duplicate route name"},
		"a path that another route has taken": {fileOf("path: '/{topic}', name: x", "path: '/{kind}', name: y"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, connections := startConnected(t, untilCancelled)
			own := config.NewRoute("/own")
			own.Name = "own"
			b, err := bridge.New(t.Context(), parse(t, s, fileOf("path: /a, open_wait: 1ms")),
				bridge.WithRoute(own, bridge.Func(never)))
			require.NoError(t, err)
			require.NoError(t, b.Ready(t.Context()))
			url := serveHTTP(t, b)
			client := clients(t)["HTTP1"]
			do(t, client, eventSource(t.Context(), t, url+"/a"))
			s.requireStreams(t, 1)
			routes := listed(b)
			next, err := read(t, strings.ReplaceAll(tt.file, "ADDR", s.addr))
			if err == nil {
				err = b.Reload(t.Context(), next)
			}
			problems := config.Problems(nil)
			require.ErrorAs(t, err, &problems)
			assert.Contains(t, err.Error(), tt.says)
			assert.Equal(t, routes, listed(b))
			do(t, client, eventSource(t.Context(), t, url+"/a"))
			s.requireStreams(t, 2)
			connections.require(t, 1)
		})
	}
}

// A reload waits for the schema of a new upstream. When it gives up, nothing has changed.
func TestAReloadThatIsGivenUpChangesNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	s, connections := startConnected(t, untilCancelled)
	f := startFront(t, s, fileOf("path: /a, open_wait: 1ms"))
	routes := listed(f.bridge)
	waits := "upstreams: {b: {target: '" + silent.Addr().String() + "'}}\nroutes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]\n"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, f.bridge.Reload(ctx, parse(t, s, waits)), context.DeadlineExceeded)
	assert.Equal(t, routes, listed(f.bridge))
	connections.require(t, 1)

	for name, end := range map[string]func(){
		"Shutdown": func() { require.NoError(t, f.bridge.Shutdown(t.Context())) },
		"Close":    func() { require.NoError(t, f.bridge.Close()) },
	} {
		done := make(chan error, 1)
		go func() { done <- f.bridge.Reload(t.Context(), parse(t, s, waits)) }()
		end()
		require.ErrorIs(t, receive(t, done), bridge.ErrShutdown, name)
		require.ErrorIs(t, f.bridge.Reload(t.Context(), parse(t, s, fileOf())), bridge.ErrShutdown, name)
	}
}

func TestAReloadOntoAnUpstreamThatIsDown(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, fileOf("path: /a, open_wait: 1ms"))
	resp := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/a")))
	f.reload(t, s, strings.ReplaceAll(fileOf("path: /a"), "ADDR", "'127.0.0.1:1'"))
	requireDrained(t, resp)
	assert.NotNil(t, f.bridge.Routes()[0].Problem, "the route is out of order, as after New")
	refused := do(t, clients(t)["HTTP1"], plain(t, f.url+"/a"))
	assert.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
}

// A schema from a file is read again. Where it has changed, so have the routes, and the connection stays.
func TestAReloadReadsDescriptorSetsAgain(t *testing.T) {
	s, connections := startConnected(t, untilCancelled)
	set := filepath.Join(t.TempDir(), "set.binpb")
	write := func(comment string) {
		file := protodesc.ToFileDescriptorProto(streamv1.File_test_stream_v1_stream_proto)
		all := &descriptorpb.FileDescriptorSet{}
		for i := range streamv1.File_test_stream_v1_stream_proto.Imports().Len() {
			all.File = append(all.File, protodesc.ToFileDescriptorProto(streamv1.File_test_stream_v1_stream_proto.Imports().Get(i)))
		}
		file.MessageType = append(file.MessageType, &descriptorpb.DescriptorProto{Name: proto.String(comment)})
		all.File = append(all.File, file)
		data, err := proto.Marshal(all)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(set, data, 0o600))
	}
	write("First")
	file := "server: {drain_timeout: 10ms}\nupstreams: {test: {target: ADDR, schema: {descriptor_set: " + set + "}}}\n" +
		"routes: [{path: /a, rpc: test.stream.v1.StreamService/Watch, open_wait: 1ms}]\n"
	f := startFront(t, s, file)
	client := clients(t)["HTTP1"]
	r := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/a")))
	s.requireStreams(t, 1)
	f.reload(t, s, file)
	assert.EqualValues(t, 1, s.open.Load(), "the schema is the same")
	write("Second")
	f.reload(t, s, file)
	requireDrained(t, r)
	s.requireStreams(t, 0)
	do(t, client, eventSource(t.Context(), t, f.url+"/a"))
	s.requireStreams(t, 1)
	assert.EqualValues(t, 1, connections.made.Load())
}

// Credentials in a file are renewed without a reload, and a reload after that is none for the routes: no stream ends.
func TestRenewedCredentialsEndNoStream(t *testing.T) {
	t.Parallel() // the test waits
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(file, time.Now().Add(-time.Minute), time.Now().Add(-time.Minute)))
	}
	write("one")
	sent := make(chan string, 100)
	s, connections := startConnected(t, func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		sent <- strings.Join(incoming(stream.Context()).Get("authorization"), ",")
		return untilCancelled(r, stream)
	})
	config := strings.Replace(fileOf("path: /a, open_wait: 1ms", "path: /b, open_wait: 1ms, share: {late_join: none}"),
		"target: ADDR", "target: ADDR, metadata: {authorization_file: "+file+"}", 1)
	f := startFront(t, s, config)
	client := clients(t)["HTTP1"]
	for _, path := range []string{"/a", "/b"} {
		do(t, client, eventSource(t.Context(), t, f.url+path))
		assert.Equal(t, "one", receive(t, sent))
	}
	write("two")
	require.Eventually(t, func() bool {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		do(t, client, eventSource(ctx, t, f.url+"/a"))
		return receive(t, sent) == "two"
	}, patience, 50*time.Millisecond)
	s.requireStreams(t, 2)
	f.reload(t, s, config)
	do(t, client, eventSource(t.Context(), t, f.url+"/b"))
	s.requireStreams(t, 2)
	assert.EqualValues(t, 1, connections.made.Load())
}

// listed returns the routes of a bridge without what their streams have sent, which may be counted at any moment.
func listed(b *bridge.Bridge) []bridge.RouteInfo {
	routes := b.Routes()
	for i := range routes {
		routes[i].UpstreamStreams, routes[i].Events, routes[i].Bytes = 0, 0, 0
	}
	return routes
}
