package upstream_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestStreamHandsOutEveryMessageUntilOK(t *testing.T) {
	sizes := []int{0, 1, 100, 1000, 16 << 10, 70 << 10, 1 << 20}
	requests := make(chan *streamv1.WatchRequest, 1)
	s := serve(t, func(req *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		requests <- req
		for i, size := range sizes {
			if err := stream.Send(event(i, size)); err != nil {
				return err
			}
		}
		return nil
	})
	want := &streamv1.WatchRequest{Topic: "quotes", Tags: []string{"a", "b"}}
	stream := open(t, dial(t, upstream.Config{Target: s.address}), want)
	for i, size := range sizes {
		require.True(t, proto.Equal(event(i, size), receive(t, stream)), "message %d of %d bytes", i, size)
	}
	_, err := stream.Recv()
	require.Equal(t, io.EOF, err)
	require.True(t, proto.Equal(want, <-requests))
	_, err = stream.Recv()
	require.Error(t, err, "a stream that ended stays ended")
}

func event(sequence, size int) *streamv1.Event {
	if size == 0 {
		return &streamv1.Event{}
	}
	return &streamv1.Event{Sequence: int64(sequence), Payload: bytes.Repeat([]byte{byte('a' + sequence)}, size)}
}

func TestMessagesStayValidUntilReleased(t *testing.T) {
	const count = 200
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range count {
			if err := stream.Send(event(i%20, 3000)); err != nil {
				return err
			}
		}
		return nil
	})
	stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
	var held []upstream.Message
	for range count {
		message, err := stream.Recv()
		require.NoError(t, err)
		held = append(held, message)
	}
	stream.Close()
	for i := range held {
		require.Equal(t, marshal(t, event(i%20, 3000)), held[i].Bytes(), "message %d", i)
		held[i].Release()
		held[i].Release() // does nothing
		require.Empty(t, held[i].Bytes())
	}
}

func TestErrorKeepsItsDetails(t *testing.T) {
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		stream.SetTrailer(metadata.Pairs("x-cursor", "17"))
		if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
			return err
		}
		st, err := status.New(codes.FailedPrecondition, "market is closed").
			WithDetails(&errdetails.ErrorInfo{Reason: "CLOSED", Domain: "market"})
		if err != nil {
			return err
		}
		return st.Err()
	})
	stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
	require.EqualValues(t, 1, receive(t, stream).GetSequence())
	_, err := stream.Recv()
	st, ok := status.FromError(err)
	require.True(t, ok)
	assert.Equal(t, codes.FailedPrecondition, st.Code())
	assert.Equal(t, "market is closed", st.Message())
	require.Len(t, st.Details(), 1)
	assert.Equal(t, "CLOSED", st.Details()[0].(*errdetails.ErrorInfo).GetReason())
	assert.Equal(t, []string{"17"}, stream.Trailer().Get("x-cursor"))
}

func TestHeaderArrivesBeforeTheFirstMessage(t *testing.T) {
	proceed := make(chan struct{})
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.SendHeader(metadata.Pairs("x-session", "7")); err != nil {
			return err
		}
		<-proceed
		return stream.Send(&streamv1.Event{Sequence: 1})
	})
	stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
	md, err := stream.Header()
	require.NoError(t, err)
	assert.Equal(t, []string{"7"}, md.Get("x-session"))
	assert.Equal(t, []string{"application/grpc+proto"}, md.Get("content-type"))
	close(proceed)
	require.EqualValues(t, 1, receive(t, stream).GetSequence())
}

func TestHeaderOfAStreamThatFailsAtOnce(t *testing.T) {
	s := serve(t, func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		return status.Error(codes.NotFound, "no such topic")
	})
	stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
	_, err := stream.Header()
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, codes.NotFound, status.Code(err))
}

func TestCloseCancelsAtTheServer(t *testing.T) {
	ways := map[string]func(context.CancelFunc, *upstream.Stream){
		"close":       func(_ context.CancelFunc, s *upstream.Stream) { s.Close() },
		"close twice": func(_ context.CancelFunc, s *upstream.Stream) { s.Close(); s.Close() },
		"context":     func(cancel context.CancelFunc, _ *upstream.Stream) { cancel() },
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			s := serve(t, untilCancelled)
			client := dial(t, upstream.Config{Target: s.address})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := client.Open(ctx, streamv1.StreamService_Watch_FullMethodName, nil)
			require.NoError(t, err)
			receive(t, stream)
			s.requireOpen(t, 1)

			received := make(chan error, 1)
			go func() {
				_, err := stream.Recv() // waits while the stream is closed under it
				received <- err
			}()
			leave(cancel, stream)
			require.Equal(t, codes.Canceled, status.Code(<-received))
			s.requireOpen(t, 0)
		})
	}
}

func TestDeadlineEndsTheStream(t *testing.T) {
	s := serve(t, untilCancelled)
	client := dial(t, upstream.Config{Target: s.address})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	stream, err := client.Open(ctx, streamv1.StreamService_Watch_FullMethodName, nil)
	require.NoError(t, err)
	defer stream.Close()
	receive(t, stream)
	_, err = stream.Recv()
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	s.requireOpen(t, 0)
}

func TestThousandAbortsLeaveNothing(t *testing.T) {
	s := serve(t, untilCancelled)
	client := dial(t, upstream.Config{Target: s.address})
	for i := range 1000 {
		stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
		require.NoError(t, err)
		if i%2 == 0 {
			receive(t, stream)
		}
		stream.Close()
	}
	s.requireOpen(t, 0)
	require.GreaterOrEqual(t, s.total.Load(), int64(500))
}

func TestTooLargeMessages(t *testing.T) {
	const limit = 10_000
	tests := map[string]struct {
		payload    int
		compressor string
		wantSize   bool
	}{
		"far over":             {payload: 100_000, wantSize: true},
		"over by a few bytes":  {payload: limit, wantSize: true},
		"over once unpacked":   {payload: 100_000, compressor: "gzip"},
		"a little over packed": {payload: limit, compressor: "gzip", wantSize: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				if test.compressor != "" {
					if err := grpc.SetSendCompressor(stream.Context(), test.compressor); err != nil {
						return err
					}
				}
				if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
					return err
				}
				if err := stream.Send(event(0, test.payload)); err != nil {
					return err
				}
				<-stream.Context().Done()
				return nil
			})
			stream := open(t, dial(t, upstream.Config{Target: s.address, MaxMessageBytes: limit}), nil)
			receive(t, stream)
			_, err := stream.Recv()
			require.ErrorIs(t, err, upstream.ErrTooLarge)
			var large *upstream.TooLargeError
			require.ErrorAs(t, err, &large)
			assert.Equal(t, limit, large.Limit)
			if test.wantSize {
				assert.Greater(t, large.Size, limit)
				assert.Contains(t, err.Error(), fmt.Sprint(large.Size))
			}
			assert.Contains(t, err.Error(), "10000 bytes")
			assert.Equal(t, codes.ResourceExhausted, status.Code(err))
			s.requireOpen(t, 0)
		})
	}
}

func TestMessageOfExactlyTheLimitPasses(t *testing.T) {
	want := event(0, 10_000)
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		return stream.Send(want)
	})
	stream := open(t, dial(t, upstream.Config{Target: s.address, MaxMessageBytes: proto.Size(want)}), nil)
	require.True(t, proto.Equal(want, receive(t, stream)))
}

// A server may run out of something of its own, or pass on what its own client said: neither is our limit.
func TestServersOwnExhaustionIsNotTooLarge(t *testing.T) {
	for name, text := range map[string]string{
		"own":                        "quota exceeded",
		"passed on":                  "grpc: received message larger than max (5000000 vs. 4194304)",
		"passed on, once compressed": "grpc: received message after decompression larger than max 4194304",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
				return status.Error(codes.ResourceExhausted, text)
			})
			stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
			_, err := stream.Recv()
			require.NotErrorIs(t, err, upstream.ErrTooLarge)
			require.Equal(t, codes.ResourceExhausted, status.Code(err))
			require.Equal(t, text, status.Convert(err).Message())
		})
	}
}

func TestSlowReaderHoldsUpTheServer(t *testing.T) {
	const count, size = 10_000, 1000
	var sent atomic.Int64
	s := serve(t, func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := range count {
			if err := stream.Send(event(i%20, size)); err != nil {
				return err
			}
			sent.Add(1)
		}
		return nil
	})
	stream := open(t, dial(t, upstream.Config{Target: s.address}), nil)
	receive(t, stream)
	// The server comes to a stop: the count stays the same over several looks at it.
	var last int64
	still := 0
	require.Eventually(t, func() bool {
		if now := sent.Load(); now != last {
			last, still = now, 0
		} else {
			still++
		}
		return still == 10
	}, 10*time.Second, 20*time.Millisecond)
	assert.Less(t, sent.Load(), int64(500), "messages of 1 KB sent to a reader that does not read")
	for i := range count - 1 {
		require.True(t, proto.Equal(event((i+1)%20, size), receive(t, stream)), "message %d", i+1)
	}
	_, err := stream.Recv()
	require.Equal(t, io.EOF, err)
}

func TestStalledStreamHoldsUpNoOther(t *testing.T) {
	s := serve(t, func(req *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for i := 0; ; i++ {
			if err := stream.Send(event(i%20, 60_000)); err != nil {
				return err
			}
		}
	})
	client := dial(t, upstream.Config{Target: s.address})
	for range 100 { // together more than the window of the connection
		open(t, client, nil)
	}
	s.requireOpen(t, 100)
	stream := open(t, client, nil)
	for i := range 100 {
		require.True(t, proto.Equal(event(i%20, 60_000), receive(t, stream)))
	}
}

func TestWaitForAStreamSlotEndsWithTheContext(t *testing.T) {
	s := serve(t, untilCancelled, grpc.MaxConcurrentStreams(1))
	client := dial(t, upstream.Config{Target: s.address, MaxConnections: 1})
	first := open(t, client, nil)
	receive(t, first)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := client.Open(ctx, streamv1.StreamService_Watch_FullMethodName, nil)
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))

	first.Close()
	receive(t, open(t, client, nil))
	require.EqualValues(t, 2, s.total.Load(), "the call that gave up reached the server")
}

func TestUnknownMethodIsTheServersAnswer(t *testing.T) {
	s := serve(t, untilCancelled)
	client := dial(t, upstream.Config{Target: s.address})
	stream, err := client.Open(t.Context(), "/test.stream.v1.StreamService/Watched", nil)
	require.NoError(t, err)
	defer stream.Close()
	_, err = stream.Recv()
	require.Equal(t, codes.Unimplemented, status.Code(err))
	require.True(t, strings.Contains(err.Error(), "Watched"), err.Error())
}
