package upstream_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// A server that was away for a while is tried again every second or two. gRPC's own pauses grow up to two minutes: its tenth
// attempt comes after almost two minutes.
func TestAServerThatWasAwayIsCalledSoonAfterItIsBack(t *testing.T) {
	t.Parallel()
	for _, balance := range []string{upstream.RoundRobin, upstream.PickFirst} {
		t.Run(balance, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			tried := make(chan error, 1)
			go func() { tried <- turnAway(listener, 10) }()
			client := dial(t, upstream.Config{Target: listener.Addr().String(), Balance: balance, Reconnect: time.Second})
			select {
			case err := <-tried:
				require.NoError(t, err)
			case <-time.After(12 * time.Second):
				_ = listener.Close()
				t.Fatal("expected ten attempts to connect within 12 s")
			}

			serveOn(t, listener, untilCancelled)
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, marshal(t, new(streamv1.WatchRequest)))
				require.NoError(c, err)
				defer stream.Close()
				message, err := stream.Recv()
				require.NoError(c, err)
				message.Release()
			}, 3*time.Second, 20*time.Millisecond)
		})
	}
}

func TestAServerOnTheDefaultPortThatCannotBeReachedIsExplained(t *testing.T) {
	// An address of loopback that nothing listens on.
	for target, want := range map[string]bool{"127.0.0.211": true, "dns:///127.0.0.211": true, "127.0.0.211:1": false} {
		client := dial(t, upstream.Config{Target: target})
		_, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
		require.Equal(t, codes.Unavailable, status.Code(err))
		assert.Equal(t, want, strings.HasSuffix(err.Error(), "(the target names no port, and gRPC takes 443 then)"), err)
	}
}

// turnAway closes so many connections as soon as they are made.
func turnAway(listener net.Listener, count int) error {
	for range count {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		_ = conn.Close()
	}
	return nil
}
