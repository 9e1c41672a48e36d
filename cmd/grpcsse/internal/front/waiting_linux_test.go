package front

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Connections that the kernel has accepted when the listener stops belong to clients that would be reset.
func TestNoConnectionThatWaitsIsLostAtTheEnd(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := newListener(tcp, &Settings{Room: Room{Connections: 10, Lobby: 2}}, slog.New(slog.DiscardHandler))
	const clients = 5
	for range clients {
		client, err := net.Dial("tcp", tcp.Addr().String())
		require.NoError(t, err)
		defer func() { _ = client.Close() }()
	}
	require.NoError(t, tcp.(*net.TCPListener).SetDeadline(time.Unix(1, 0)), "the time to accept is over")
	for range clients {
		conn, err := l.Accept()
		require.NoError(t, err)
		_, isOurs := conn.(*connection)
		assert.True(t, isOurs, "it has a place")
		assert.NoError(t, conn.Close())
	}
	_, err = l.Accept()
	require.ErrorIs(t, err, errStopped)
	_, err = net.Dial("tcp", tcp.Addr().String())
	require.Error(t, err, "the listener is closed")
	_ = l.Close()
}
