package upstream_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// fullClient returns a client whose streams take every slot of a server with 2 slots a connection. A stream that waited would wait
// for an hour.
func fullClient(t *testing.T, connections int, hooks upstream.Hooks) (*server, *upstream.Client, []*upstream.Stream) {
	t.Helper()
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(2))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: connections, StartTimeout: time.Hour, Hooks: hooks})
	return s, client, openAtOnce(t, client, 2*connections)
}

// callNow is call for a stream that must not wait. The time is bounded, so that a stream that waits fails the test.
func callNow(t *testing.T, client *upstream.Client) (*upstream.Stream, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(upstream.WithoutQueue(t.Context()))
	defer time.AfterFunc(10*time.Second, cancel).Stop()
	return call(ctx, client)
}

func TestAStreamThatMustNotWaitFailsWhereThereIsNoSlot(t *testing.T) {
	for name, tt := range map[string]struct {
		connections int
		waits       bool // another stream waits for a slot
	}{
		"the limit is not known yet": {connections: 1},
		"the limit is known":         {connections: 3},
		"another stream waits":       {connections: 1, waits: true},
	} {
		t.Run(name, func(t *testing.T) {
			var seen observed
			s, client, held := fullClient(t, tt.connections, seen.hooks())
			var late <-chan result
			if tt.waits {
				late = openLater(t.Context(), t, client)
			}
			waited, before := seen.waited.Load(), client.Load()
			for range 3 {
				_, err := callNow(t, client)
				require.ErrorIs(t, err, upstream.ErrNoSlot)
				assert.Equal(t, codes.Unavailable, status.Code(err))
			}
			assert.Equal(t, waited, seen.waited.Load(), "it does not count as a stream that waits")
			assert.Equal(t, before, client.Load())
			assert.EqualValues(t, len(held), s.total.Load(), "the server was not called")

			held[0].Close()
			if tt.waits {
				got := <-late // which was first
				require.NoError(t, got.err)
				got.stream.Close()
			}
			stream, err := callNow(t, client)
			require.NoError(t, err, "a slot is free")
			stream.Close()
		})
	}
}

func TestAStreamThatMustNotWaitMayAddAConnection(t *testing.T) {
	var seen observed
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(2))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 2, StartTimeout: time.Hour, Hooks: seen.hooks()})
	openAtOnce(t, client, 2)
	for range 2 {
		stream, err := callNow(t, client)
		require.NoError(t, err)
		defer stream.Close()
	}
	_, err := callNow(t, client)
	require.ErrorIs(t, err, upstream.ErrNoSlot)
	assert.Equal(t, upstream.Load{Connections: 2, Open: 4}, client.Load())
	assert.EqualValues(t, 1, seen.grown.Load())
}

func TestStreamsThatMustNotWaitFillEverySlot(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(5))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 3, StartTimeout: time.Hour})
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		opened []*upstream.Stream
	)
	for range 40 {
		wg.Go(func() {
			stream, err := callNow(t, client)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				opened = append(opened, stream)
				return
			}
			assert.ErrorIs(t, err, upstream.ErrNoSlot)
		})
	}
	wg.Wait()
	defer closeAll(opened)
	assert.Len(t, opened, 15)
	s.requireOpen(t, 15)
}

func TestAStreamThatMustNotWaitHasTheErrorOfItsServer(t *testing.T) {
	client := dial(t, upstream.Config{Target: "127.0.0.211:1", MaxConnections: 4})
	_, err := callNow(t, client)
	require.Equal(t, codes.Unavailable, status.Code(err))
	assert.NotErrorIs(t, err, upstream.ErrNoSlot)
}
