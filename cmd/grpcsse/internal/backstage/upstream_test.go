package backstage

import (
	"context"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// startUpstream runs the gRPC server until the test ends.
func startUpstream(t *testing.T) *Upstream {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	u := StartUpstream(t.Context(), log, demo.NewServer(log, 1), listener)
	t.Cleanup(u.Close)
	return u
}

// watchTape opens a stream of the crowd's topic.
func watchTape(t *testing.T, u *Upstream, after *int64) (receive func() (*marketv1.Quote, error)) {
	t.Helper()
	connection, err := grpc.NewClient(u.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, connection.Close()) })
	stream, err := marketv1.NewMarketServiceClient(connection).WatchTape(t.Context(), &marketv1.WatchTapeRequest{AfterSequence: after})
	require.NoError(t, err)
	return stream.Recv
}

func TestTheServerIsKilledAndStartedAgain(t *testing.T) {
	u := startUpstream(t)
	receive := watchTape(t, u, nil)
	quote, err := receive()
	require.NoError(t, err)
	last := quote.GetSequence()
	assert.Equal(t, 1, u.Streams(topic))
	assert.Equal(t, errRunning, u.Restart())

	require.NoError(t, u.Kill())
	assert.False(t, u.Running())
	assert.Zero(t, u.Streams(topic))
	assert.Equal(t, errKilled, u.Kill())
	for err == nil {
		if quote, err = receive(); err == nil {
			last = quote.GetSequence()
		}
	}
	assert.Equal(t, codes.Unavailable, status.Code(err))
	_, err = net.Listen("tcp", u.Address())
	require.ErrorIs(t, err, syscall.EADDRINUSE, "no other program can take the address")
	if connection, err := net.Dial("tcp", u.Address()); err == nil {
		require.NoError(t, connection.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = connection.Read(make([]byte, 1))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, connection.Close())
	}

	require.NoError(t, u.Restart())
	assert.True(t, u.Running())
	quote, err = watchTape(t, u, &last)()
	require.NoError(t, err)
	assert.Equal(t, last+1, quote.GetSequence())
}

func TestTheServerMayEndWhileItIsDead(t *testing.T) {
	u := startUpstream(t)
	require.NoError(t, u.Kill())
	u.Close()
	assert.False(t, u.Running())
}

// A drain begins when the program's context ends, and needs the server until it is over.
func TestTheServerOutlivesTheContext(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.DiscardHandler)
	u := StartUpstream(ctx, log, demo.NewServer(log, 1), listener)
	defer u.Close()
	cancel()
	_, err = watchTape(t, u, nil)()
	require.NoError(t, err)
}
