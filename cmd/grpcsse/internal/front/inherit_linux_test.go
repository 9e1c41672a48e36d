package front

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestConnectionsHaveTheKeepAliveOfPackageNet(t *testing.T) {
	theirs, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ours, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	want, got := optionsOfAccepted(t, theirs), optionsOfAccepted(t, ours)
	delete(want, unix.TCP_NOTSENT_LOWAT) // see the next test
	delete(got, unix.TCP_NOTSENT_LOWAT)
	assert.Equal(t, want, got)
	assert.Equal(t, 1, got[unix.SO_KEEPALIVE])
}

// Package net and the bridge set on a connection only what the listener does not have.
func TestTheListenerHasTheOptionsOfItsConnections(t *testing.T) {
	l, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	want := map[int]int{
		unix.SO_KEEPALIVE: 1, unix.TCP_KEEPIDLE: 15, unix.TCP_KEEPINTVL: 15, unix.TCP_KEEPCNT: 9, unix.TCP_NODELAY: 0,
		unix.TCP_NOTSENT_LOWAT: int(config.DefaultSendBuffer), unix.TCP_USER_TIMEOUT: 0,
	}
	assert.Equal(t, want, optionsOf(t, l.(*net.TCPListener)))
	assert.Equal(t, want, optionsOf(t, newListener(l, &Settings{}, nil)), "the bridge can see them")
	want[unix.TCP_NODELAY] = 1
	assert.Equal(t, want, optionsOfAccepted(t, l))
	_, err = newListener(shared{l}, &Settings{}, nil).SyscallConn()
	assert.ErrorIs(t, err, errors.ErrUnsupported, "a socket that was passed may have had connections before it had options")
}

// optionsOfAccepted returns the options of a connection that a listener accepts, and closes the listener.
func optionsOfAccepted(t *testing.T, l net.Listener) map[int]int {
	t.Helper()
	defer func() { assert.NoError(t, l.Close()) }()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { assert.NoError(t, client.Close()) }()
	conn, err := l.Accept()
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	return optionsOf(t, conn.(*net.TCPConn))
}

func optionsOf(t *testing.T, of syscall.Conn) map[int]int {
	t.Helper()
	raw, err := of.SyscallConn()
	require.NoError(t, err)
	options := map[int]int{}
	require.NoError(t, raw.Control(func(fd uintptr) {
		for option, level := range map[int]int{
			unix.SO_KEEPALIVE: unix.SOL_SOCKET, unix.TCP_KEEPIDLE: unix.IPPROTO_TCP, unix.TCP_KEEPINTVL: unix.IPPROTO_TCP,
			unix.TCP_KEEPCNT: unix.IPPROTO_TCP, unix.TCP_NODELAY: unix.IPPROTO_TCP,
			unix.TCP_NOTSENT_LOWAT: unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT: unix.IPPROTO_TCP,
		} {
			value, err := unix.GetsockoptInt(int(fd), level, option)
			assert.NoError(t, err)
			options[option] = value
		}
	}))
	return options
}
