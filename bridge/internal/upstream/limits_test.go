package upstream_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

// requireLimit checks that a stream was turned away at once by a limit.
func requireLimit(t *testing.T, client *upstream.Client, want error, most int) {
	t.Helper()
	began := time.Now()
	_, err := call(t.Context(), client)
	over := (*upstream.LimitError)(nil)
	require.ErrorAs(t, err, &over)
	require.ErrorIs(t, err, want)
	assert.Equal(t, most, over.Most)
	assert.Equal(t, codes.ResourceExhausted, status.Code(err))
	assert.Less(t, time.Since(began), 5*time.Second, "at once: other streams wait for 10 s")
}

func TestNoMoreStreamsAreOpenThanTheLimit(t *testing.T) {
	s := serve(t, untilCancelled)
	client := dial(t, upstream.Config{Target: s.address, Limits: upstream.Limits{Streams: 3}})
	streams := openAtOnce(t, client, 3)
	for range 3 {
		requireLimit(t, client, upstream.ErrTooManyStreams, 3)
	}
	_, err := call(upstream.WithoutQueue(t.Context()), client)
	require.ErrorIs(t, err, upstream.ErrTooManyStreams, "a catch-up counts too")
	s.requireOpen(t, 3)
	for range 2 { // a second Close gives nothing back
		streams[0].Close()
	}
	streams[0] = openAtOnce(t, client, 1)[0]
	requireLimit(t, client, upstream.ErrTooManyStreams, 3)
}

// A stream that fails to open, in whichever way, gives its place back.
func TestStreamsThatFailToOpenDoNotCount(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(1))
	nowhere := dial(t, upstream.Config{Target: "127.0.0.1:1", Limits: upstream.Limits{Streams: 1}})
	for range 5 {
		_, err := call(t.Context(), nowhere)
		require.Equal(t, codes.Unavailable, status.Code(err), "%v", err)
	}
	client := dial(t, upstream.Config{
		Target: s.address, MaxConnections: 1, StartTimeout: 100 * time.Millisecond, Limits: upstream.Limits{Streams: 2},
	})
	openAtOnce(t, client, 1)
	for range 3 {
		_, err := call(t.Context(), client)
		require.ErrorIs(t, err, upstream.ErrNoSlot, "the second stream waits, and gives up")
		_, err = call(upstream.WithoutQueue(t.Context()), client)
		require.ErrorIs(t, err, upstream.ErrNoSlot)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err = call(ctx, client)
		cancel()
		require.Error(t, err)
		require.NotErrorIs(t, err, upstream.ErrTooManyStreams)
	}
}

func TestNoMoreStreamsWaitThanTheLimit(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(1))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 1, Limits: upstream.Limits{Waiting: 2}})
	streams := openAtOnce(t, client, 1)
	first := openLater(t.Context(), t, client)
	ctx, leave := context.WithCancel(t.Context())
	second := openLater(ctx, t, client)
	requireLimit(t, client, upstream.ErrTooManyWait, 2)

	leave()
	require.Error(t, (<-second).err)
	third := openLater(t.Context(), t, client)
	requireLimit(t, client, upstream.ErrTooManyWait, 2)

	streams[0].Close()
	got := <-first
	require.NoError(t, got.err, "a stream that waits is not over the limit when it gets its place")
	got.stream.Close()
	got = <-third
	require.NoError(t, got.err)
	got.stream.Close()
	requireLoad(t, client, func(l upstream.Load) bool { return l == upstream.Load{Connections: 1} })
}

// Streams that come together find out only by trying that they must wait.
func TestManyStreamsAtOnceDoNotExceedTheLimitOfThoseThatWait(t *testing.T) {
	const slots, waiting, many = 5, 10, 100
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(slots))
	client := dial(t, upstream.Config{
		Target: s.address, MaxConnections: 1, StartTimeout: 3 * time.Second, Limits: upstream.Limits{Waiting: waiting},
	})
	results := make(chan result, many)
	for range many {
		go func() {
			stream, err := call(t.Context(), client)
			results <- result{stream, err}
		}()
	}
	opened, turnedAway, gaveUp := 0, 0, 0
	for range many {
		switch got := <-results; {
		case got.err == nil:
			opened++
			defer got.stream.Close()
		case errors.Is(got.err, upstream.ErrTooManyWait):
			turnedAway++
		default:
			require.ErrorIs(t, got.err, upstream.ErrNoSlot)
			gaveUp++
		}
	}
	assert.Equal(t, slots, opened)
	assert.LessOrEqual(t, gaveUp, waiting, "those that have waited")
	assert.Equal(t, many-slots-gaveUp, turnedAway)
}
