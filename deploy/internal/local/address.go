package local

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Addresses are given out from these ports. The kernel takes ports for outgoing connections, and for listeners that leave the choice
// to it, from 32768 upwards: so nothing takes an address between its choice and the start of the program that listens there.
const firstPort, lastPort = 20000, 31999

// given are the ports that this process has given out.
var given sync.Map

// FreeAddress returns a loopback address on which no program listens. No other call in this process returns the same one.
func FreeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err != nil {
			continue
		}
		require.NoError(t, listener.Close())
		return address
	}
	require.FailNow(t, "no port is free")
	return ""
}
