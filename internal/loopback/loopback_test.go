package loopback_test

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/internal/loopback"
)

func TestOwnIsAnAddressToListenOn(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		address := loopback.Own()
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		require.True(t, netip.MustParseAddrPort(address).Addr().IsLoopback())
		seen[address] = true
	}
	if runtime.GOOS == "linux" {
		assert.Len(t, seen, 100)
		assert.NotContains(t, seen, "127.0.0.1:0")
	}
}
