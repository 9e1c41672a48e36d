package upstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// call opens a stream and takes its first message.
func call(ctx context.Context, client *upstream.Client) (*upstream.Stream, error) {
	stream, err := client.Open(ctx, streamv1.StreamService_Watch_FullMethodName, nil)
	if err != nil {
		return nil, err
	}
	message, err := stream.Recv()
	message.Release()
	if err != nil {
		stream.Close()
		return nil, err
	}
	return stream, nil
}

// openAtOnce opens n streams from n goroutines, all of which must get their first message.
func openAtOnce(t *testing.T, client *upstream.Client, n int) []*upstream.Stream {
	t.Helper()
	streams := make([]*upstream.Stream, n)
	failed := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { streams[i], failed[i] = call(t.Context(), client) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(failed...))
	t.Cleanup(func() { closeAll(streams) })
	return streams
}

func closeAll(streams []*upstream.Stream) {
	for _, stream := range streams {
		stream.Close()
	}
}

// openLater opens a stream in a goroutine, and returns when it waits for a slot.
func openLater(ctx context.Context, t *testing.T, client *upstream.Client) <-chan result {
	t.Helper()
	waiting := client.Load().Waiting
	done := make(chan result, 1)
	go func() {
		stream, err := call(ctx, client)
		done <- result{stream, err}
	}()
	requireLoad(t, client, func(l upstream.Load) bool { return l.Waiting == waiting+1 })
	return done
}

type result struct {
	stream *upstream.Stream
	err    error
}

func requireLoad(t *testing.T, client *upstream.Client, want func(upstream.Load) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return want(client.Load()) }, 10*time.Second, time.Millisecond,
		"the client's load stays at %+v", client.Load())
}

// observed counts what a client tells.
type observed struct {
	waited, grown, shrunk atomic.Int64
	done                  atomic.Int64 // streams that have waited
	connections           atomic.Int64
}

func (o *observed) hooks() upstream.Hooks {
	return upstream.Hooks{
		OnWaiting: func(int) { o.waited.Add(1) },
		OnWaited:  func(time.Duration) { o.done.Add(1) },
		OnGrow:    func(n int) { o.grown.Add(1); o.connections.Store(max(o.connections.Load(), int64(n))) },
		OnShrink:  func(int) { o.shrunk.Add(1) },
	}
}

func TestStreamsOverTheServersLimitGetMoreConnections(t *testing.T) {
	const limit, most = 5, 16
	ways := map[string]func(*testing.T, *upstream.Client) []*upstream.Stream{
		"at once": func(t *testing.T, client *upstream.Client) []*upstream.Stream {
			return openAtOnce(t, client, limit*most)
		},
		"one after the other": func(t *testing.T, client *upstream.Client) (streams []*upstream.Stream) {
			for range limit * most {
				streams = append(streams, openAtOnce(t, client, 1)...)
			}
			return streams
		},
	}
	for name, openAll := range ways {
		t.Run(name, func(t *testing.T) {
			var seen observed
			s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(limit))
			client := dial(t, upstream.Config{Target: s.address, StartTimeout: 2 * time.Second, Hooks: seen.hooks()})
			streams := openAll(t, client)

			s.requireOpen(t, limit*most)
			counts := s.streams()
			require.Len(t, counts, most)
			for _, n := range counts {
				assert.Equal(t, limit, n)
			}
			assert.Equal(t, upstream.Load{Connections: most, Open: limit * most}, client.Load())
			assert.EqualValues(t, most-1, seen.grown.Load())
			assert.EqualValues(t, most, seen.connections.Load())
			assert.Positive(t, seen.waited.Load())
			assert.Equal(t, seen.waited.Load(), seen.done.Load(), "each of them is told twice: when it begins to wait, and afterwards")
			if name == "one after the other" {
				// The first connection's limit is learnt; all other streams go by that.
				assert.Less(t, seen.waited.Load(), int64(limit), "streams that waited for a slot")
			}

			_, err := call(t.Context(), client)
			require.ErrorIs(t, err, upstream.ErrNoSlot)
			assert.Equal(t, codes.Unavailable, status.Code(err))
			var full *upstream.NoSlotError
			require.ErrorAs(t, err, &full)
			assert.GreaterOrEqual(t, full.Waited, 2*time.Second)
			assert.ErrorContains(t, err, "80 that are open on 16 connection(s)")
			assert.Equal(t, upstream.Load{Connections: most, Open: limit * most}, client.Load())

			late := openLater(t.Context(), t, client)
			streams[37].Close()
			got := <-late
			require.NoError(t, got.err)
			defer got.stream.Close()
			s.requireOpen(t, limit*most)
			assert.EqualValues(t, limit*most+1, s.total.Load(), "the call that gave up reached the server")
		})
	}
}

func TestStreamsWaitInTheirOrder(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(1))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 1})
	holder := openAtOnce(t, client, 1)[0]
	var waiting []<-chan result
	for range 4 {
		waiting = append(waiting, openLater(t.Context(), t, client))
	}
	for _, next := range waiting {
		holder.Close()
		got := <-next
		require.NoError(t, got.err)
		holder = got.stream
	}
	holder.Close()
	requireLoad(t, client, func(l upstream.Load) bool { return l == upstream.Load{Connections: 1} })
}

func TestLeavingWhileWaitingLeavesNothing(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(2))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 2})
	streams := openAtOnce(t, client, 4)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting []<-chan result
	for range 20 {
		waiting = append(waiting, openLater(ctx, t, client))
	}
	cancel()
	for _, w := range waiting {
		require.Equal(t, codes.Canceled, status.Code((<-w).err))
	}
	assert.Equal(t, upstream.Load{Connections: 2, Open: 4}, client.Load())
	closeAll(streams)
	s.requireOpen(t, 0)
	openAtOnce(t, client, 4) // every slot is free again
	assert.EqualValues(t, 8, s.total.Load())
}

func TestClosingTheClientEndsTheWait(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(1))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 2})
	openAtOnce(t, client, 2)
	a, b := openLater(t.Context(), t, client), openLater(t.Context(), t, client)
	require.NoError(t, client.Close())
	require.Equal(t, codes.Canceled, status.Code((<-a).err))
	require.Equal(t, codes.Canceled, status.Code((<-b).err))
}

func TestStreamsAreSpreadOverTheConnections(t *testing.T) {
	s := serve(t, untilCancelled)
	client := dial(t, upstream.Config{Target: s.address, Connections: 4})
	streams := openAtOnce(t, client, 20)
	require.ElementsMatch(t, []int{5, 5, 5, 5}, s.streams())
	for _, stream := range streams[:10] {
		stream.Close()
	}
	s.requireOpen(t, 10)
	openAtOnce(t, client, 10)
	require.ElementsMatch(t, []int{5, 5, 5, 5}, s.streams())
}

func TestAddedConnectionsAreClosedOnceIdle(t *testing.T) {
	var seen observed
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(5))
	client := dial(t, upstream.Config{Target: s.address, IdleTimeout: 20 * time.Millisecond, Hooks: seen.hooks()})
	for range 2 {
		streams := openAtOnce(t, client, 12)
		require.GreaterOrEqual(t, client.Load().Connections, 3)
		closeAll(streams)
		requireLoad(t, client, func(l upstream.Load) bool { return l == upstream.Load{Connections: 1} })
		assert.Positive(t, seen.shrunk.Load())
	}
	openAtOnce(t, client, 5)
	assert.Equal(t, 1, client.Load().Connections)
}

func TestServerThatComesBackWithAnotherLimit(t *testing.T) {
	old := serve(t, untilCancelled, grpc.MaxConcurrentStreams(5))
	client := dial(t, upstream.Config{Target: old.address, MaxConnections: 4, IdleTimeout: 50 * time.Millisecond})
	streams := openAtOnce(t, client, 20)
	late := openLater(t.Context(), t, client)
	old.grpc.Stop()
	for _, stream := range streams {
		_, err := stream.Recv()
		require.Equal(t, codes.Unavailable, status.Code(err))
	}
	got := <-late // its wait ends as it would have ended without one
	require.Equal(t, codes.Unavailable, status.Code(got.err))
	require.NotErrorIs(t, got.err, upstream.ErrNoSlot)

	listener, err := net.Listen("tcp", old.address)
	require.NoError(t, err)
	s := serveOn(t, listener, untilCancelled, grpc.MaxConcurrentStreams(30))
	require.Eventually(t, func() bool {
		stream, err := call(t.Context(), client)
		if err == nil {
			stream.Close()
		}
		return err == nil && client.Conn().GetState() == connectivity.Ready
	}, 10*time.Second, 10*time.Millisecond)
	requireLoad(t, client, func(l upstream.Load) bool { return l == upstream.Load{Connections: 1} })
	openAtOnce(t, client, 30)
	s.requireOpen(t, 30)
	requireLoad(t, client, func(l upstream.Load) bool { return l == upstream.Load{Connections: 1, Open: 30} })
}

// One backend allows less than the other: which one a stream is sent to is gRPC's choice, so how many a connection
// holds says little. Every slot is found all the same.
func TestRoundRobinFillsEveryBackend(t *testing.T) {
	a := serve(t, untilCancelled, grpc.MaxConcurrentStreams(2))
	b := serve(t, untilCancelled, grpc.MaxConcurrentStreams(5))
	cfg := upstream.Config{Target: names(t, "uneven", a.address, b.address), MaxConnections: 3, StartTimeout: 20 * time.Second}
	client := dial(t, cfg)
	streams := openAtOnce(t, client, 21)
	a.requireOpen(t, 6)
	b.requireOpen(t, 15)

	late := openLater(t.Context(), t, client)
	streams[0].Close()
	got := <-late
	require.NoError(t, got.err)
	got.stream.Close()
}

func TestNoMoreConnectionsThanTheServerTakes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(3))
	go firstOnly(listener, s.address)
	defer listener.Close()
	client := dial(t, upstream.Config{Target: listener.Addr().String(), StartTimeout: time.Second})
	streams := openAtOnce(t, client, 3)
	_, err = call(t.Context(), client)
	require.ErrorIs(t, err, upstream.ErrNoSlot)
	assert.Equal(t, 2, client.Load().Connections, "a connection that cannot be made is not followed by others")

	late := openLater(t.Context(), t, client)
	streams[1].Close()
	got := <-late
	require.NoError(t, got.err)
	got.stream.Close()
	closeAll(streams)
	s.requireOpen(t, 0)
}

// firstOnly passes the first connection on to a server, and cuts all others.
func firstOnly(listener net.Listener, address string) {
	for n := 0; ; n++ {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		if n > 0 {
			_ = client.Close()
			continue
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
	}
}
