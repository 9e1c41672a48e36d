package sidedoor

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A bounded listener closes the oldest connections, and keeps the others. A connection that was closed counts no more.
func TestABoundedListenerClosesTheOldest(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	const most = 3
	l := bound(inner, most)
	t.Cleanup(func() { _ = l.Close() })
	accept := func() (client, server net.Conn) {
		client = dial(t, inner.Addr().String())
		server, err := l.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { _ = server.Close() })
		return client, server
	}
	isClosed := func(c net.Conn) bool {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
		assert.True(t, errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded), err)
		return errors.Is(err, io.EOF)
	}
	var clients, servers []net.Conn
	add := func() {
		client, server := accept()
		clients, servers = append(clients, client), append(servers, server)
	}
	for range most + 2 {
		add()
	}
	for i, client := range clients {
		assert.Equal(t, i < 2, isClosed(client), "connection %d", i)
	}
	require.NoError(t, servers[3].Close())
	require.Error(t, servers[3].Close(), "the second call does nothing else")
	add()
	assert.False(t, isClosed(clients[2]), "there was room")
	add()
	assert.True(t, isClosed(clients[2]))
}
