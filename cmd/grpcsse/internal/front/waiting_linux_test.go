package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
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

// From the stop on, the kernel begins no connection, and the listener accepts those that it had begun. Only then are clients
// refused.
func TestAListenerThatStopsIgnoresNewcomers(t *testing.T) {
	tcp, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	l := newListener(tcp, &Settings{Room: Room{Connections: 10, Lobby: 2}}, slog.New(slog.DiscardHandler))
	first, err := net.Dial("tcp", tcp.Addr().String())
	require.NoError(t, err)
	defer func() { _ = first.Close() }()
	l.stop()
	_, err = net.DialTimeout("tcp", tcp.Addr().String(), 20*time.Millisecond)
	require.True(t, os.IsTimeout(err), "neither connected nor refused nor reset: %v", err)
	conn, err := l.Accept()
	require.NoError(t, err)
	assert.NoError(t, conn.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, errStopped)
	_, err = net.Dial("tcp", tcp.Addr().String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	_ = l.Close()
}

// Clients that connect while the front ends are answered, or they never had a connection.
func TestNoClientIsResetAtTheEnd(t *testing.T) {
	r := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for ctx.Err() == nil {
				connectOnce(t, r.address)
			}
		})
	}
	r.stop()
	<-r.done
	cancel()
	running.Wait()
}

// connectOnce sends one request on a connection, if there is one within a short time.
func connectOnce(t *testing.T, address string) {
	conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
	if err != nil {
		assert.True(t, os.IsTimeout(err) || errors.Is(err, syscall.ECONNREFUSED), "%v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	assert.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "GET /watch HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: text/event-stream\r\n\r\n")
	assert.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	assert.NoError(t, err)
}
