package upstream_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/grpcsse/grpcsse/bench/internal/event"
	"github.com/grpcsse/grpcsse/bench/internal/upstream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestStreams(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := upstream.New(event.NewShape(64), event.Flow{Count: 3})
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { assert.NoError(t, server.Serve(ctx, listener)) })
	t.Cleanup(func() { stop(); serving.Wait() })
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })

	watching, leave := context.WithCancel(t.Context())
	stream, err := streamv1.NewStreamServiceClient(conn).Watch(watching, &streamv1.WatchRequest{Topic: "a"})
	require.NoError(t, err)
	for number := range int64(3) {
		e, err := stream.Recv()
		require.NoError(t, err)
		assert.Equal(t, number+1, e.GetSequence())
		assert.Len(t, e.GetText(), 64)
	}
	assert.Equal(t, upstream.Streams{Open: 1, Opened: 1}, server.Streams())
	assert.Empty(t, server.Ended())
	left := time.Now()
	leave()
	require.Eventually(t, func() bool { return server.Streams() == upstream.Streams{Opened: 1} }, 10*time.Second, time.Millisecond)
	ended := server.Ended()
	require.Len(t, ended, 1)
	assert.Equal(t, "a", ended[0].Topic)
	assert.WithinRange(t, time.Unix(0, ended[0].At), left, time.Now())
}
