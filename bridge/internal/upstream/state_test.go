package upstream_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// requireState waits until a client has a state, and returns the time from which it has the state.
func requireState(t *testing.T, client *upstream.Client, want upstream.State) time.Time {
	t.Helper()
	var since time.Time
	require.Eventually(t, func() bool {
		var state upstream.State
		state, since = client.State()
		return state == want
	}, 20*time.Second, time.Millisecond, "state %v", want)
	return since
}

func TestAClientKnowsWhetherItsServerIsThere(t *testing.T) {
	for _, balance := range []string{upstream.RoundRobin, upstream.PickFirst} {
		t.Run(balance, func(t *testing.T) {
			quiet := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				<-stream.Context().Done()
				return nil
			}
			s := serve(t, quiet)
			client := dial(t, upstream.Config{Target: s.address, Balance: balance})
			up := requireState(t, client, upstream.Up)

			s.grpc.Stop()
			stream, err := client.Open(t.Context(), streamv1.StreamService_Watch_FullMethodName, nil)
			if err == nil { // the loss was not noticed yet
				_, err = stream.Recv()
				require.Error(t, err)
				stream.Close()
			}
			client.Conn().Connect()
			down := requireState(t, client, upstream.Down)
			assert.True(t, down.After(up))
			_, since := client.State()
			assert.Equal(t, down, since, "the time does not change while attempts fail")

			listener, err := net.Listen("tcp", s.address)
			require.NoError(t, err)
			serveOn(t, listener, quiet)
			assert.True(t, requireState(t, client, upstream.Up).After(down))
		})
	}
}

func TestAServerThatWasNeverThereIsDownFromTheStart(t *testing.T) {
	listener, err := net.Listen("tcp", loopback.Own())
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	began := time.Now()
	client := dial(t, upstream.Config{Target: listener.Addr().String()})
	dialed := time.Now()
	since := requireState(t, client, upstream.Down)
	assert.False(t, since.Before(began), "since")
	assert.False(t, since.After(dialed.Add(time.Second)), "since")
}
