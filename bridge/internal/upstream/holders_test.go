package upstream_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/connectivity"

	"github.com/grpcsse/grpcsse/bridge/internal/upstream"
)

func TestConnectionsAreClosedWhenNobodyHoldsThem(t *testing.T) {
	client, err := upstream.Dial(upstream.Config{Target: "127.0.0.1:1"})
	require.NoError(t, err)
	closed := func() bool { return client.Conn().GetState() == connectivity.Shutdown }
	require.True(t, client.Hold())
	client.Release()
	require.True(t, client.Hold())
	client.Release() // of Dial
	assert.False(t, closed(), "somebody holds the connections")
	require.True(t, client.Hold(), "more may hold them meanwhile")
	client.Release()
	client.Release()
	assert.True(t, closed())
	assert.False(t, client.Hold())
	assert.NoError(t, client.Close())
}

func TestCloseDoesNotWaitForHolders(t *testing.T) {
	client, err := upstream.Dial(upstream.Config{Target: "127.0.0.1:1"})
	require.NoError(t, err)
	require.True(t, client.Hold())
	require.NoError(t, client.Close())
	assert.Equal(t, connectivity.Shutdown, client.Conn().GetState())
	assert.False(t, client.Hold())
	client.Release()
	client.Release()
}
