package pump

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// boundsOf returns what the kernel has for a socket.
func boundsOf(t *testing.T, of syscall.Conn) (has bounds) {
	t.Helper()
	raw, err := of.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		has.sendBuffer, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT)
		assert.NoError(t, err)
		milliseconds, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		assert.NoError(t, err)
		has.writeTimeout = time.Duration(milliseconds) * time.Millisecond
	}))
	return has
}

func TestTuneBoundsWhatTheKernelHolds(t *testing.T) {
	server, _ := pair(t)
	require.NoError(t, Tune(tls.Server(server, new(tls.Config)), 64<<10, 1500*time.Millisecond))
	require.NoError(t, Tune(server, 0, 0), "which leaves it as it is")
	assert.Equal(t, bounds{64 << 10, 1500 * time.Millisecond}, boundsOf(t, server))
	here, _ := net.Pipe()
	defer here.Close()
	assert.NoError(t, Tune(here, 1, time.Second), "no TCP connection is left alone")
}

func TestACarrierAsksTheKernelOnlyForWhatIsNew(t *testing.T) {
	server, _ := pair(t)
	c := &Carrier{Conn: server}
	over := map[string]net.Conn{"plain": c, "TLS": tls.Server(c, new(tls.Config))}
	for name, conn := range over {
		want := bounds{64 << 10, time.Second}
		require.NoError(t, Tune(conn, 64<<10, time.Second), name)
		require.Equal(t, want, boundsOf(t, server), name)
		changed := bounds{32 << 10, time.Minute}
		require.NoError(t, changed.set(server), "without the carrier's knowledge")
		require.NoError(t, Tune(conn, 64<<10, time.Second), name)
		require.NoError(t, Tune(conn, 64<<10, 0), name)
		require.NoError(t, Tune(conn, 0, 0), name)
		require.Equal(t, changed, boundsOf(t, server), "%s: the carrier has set again what it has", name)
		require.NoError(t, Tune(conn, 16<<10, time.Second), name)
		require.Equal(t, bounds{16 << 10, time.Minute}, boundsOf(t, server), "%s: only what differs", name)
		require.NoError(t, Tune(conn, 0, 2*time.Second), name)
		require.Equal(t, bounds{16 << 10, 2 * time.Second}, boundsOf(t, server), name)
		require.NoError(t, Tune(conn, 64<<10, time.Second), name)
		require.Equal(t, want, boundsOf(t, server), name)
	}
	require.NoError(t, server.Close())
	require.Error(t, Tune(c, 1<<10, time.Second), "the connection is closed")
	require.Error(t, Tune(c, 1<<10, time.Second), "what could not be set counts as not set")
}

// limited listens on a network with bounds that its connections inherit.
func limited(t *testing.T, network, address string, b bounds, options ...func(*net.ListenConfig)) net.Listener {
	t.Helper()
	settings := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, b.sendBuffer)
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(b.writeTimeout.Milliseconds()))
		})
	}}
	settings.SetMultipathTCP(false)
	for _, set := range options {
		set(&settings)
	}
	listener, err := settings.Listen(t.Context(), network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestWhatTheConnectionsOfAListenerInherit(t *testing.T) {
	has := bounds{48 << 10, 7 * time.Second}
	closed := limited(t, "tcp", "127.0.0.1:0", has)
	require.NoError(t, closed.Close())
	for name, tt := range map[string]struct {
		listener net.Listener
		want     bounds
	}{
		"bounds":                        {limited(t, "tcp", "127.0.0.1:0", has), has},
		"none":                          {limited(t, "tcp", "127.0.0.1:0", bounds{}), bounds{}},
		"a listener that hides":         {struct{ net.Listener }{limited(t, "tcp", "127.0.0.1:0", has)}, bounds{}},
		"a listener that is closed":     {closed, bounds{}},
		"a listener of another network": {limited(t, "unix", filepath.Join(t.TempDir(), "s"), has), bounds{}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, inherited(tt.listener)) })
	}
}

// What a carrier believes and its connection does not have would never be set.
func TestAConnectionHasWhatItsCarrierKnows(t *testing.T) {
	has := bounds{48 << 10, 7 * time.Second}
	multipath := func(settings *net.ListenConfig) { settings.SetMultipathTCP(true) } // where the kernel has it
	for name, l := range map[string]net.Listener{
		"bounds":        limited(t, "tcp", "127.0.0.1:0", has),
		"none":          limited(t, "tcp", "127.0.0.1:0", bounds{}),
		"Multipath TCP": limited(t, "tcp", "127.0.0.1:0", has, multipath),
	} {
		t.Run(name, func(t *testing.T) {
			listener := Carrying(l)
			client, err := net.Dial("tcp", listener.Addr().String())
			require.NoError(t, err)
			defer client.Close()
			conn, err := listener.Accept()
			require.NoError(t, err)
			defer conn.Close()
			c := conn.(*Carrier)
			really := boundsOf(t, c.Conn.(*net.TCPConn))
			assert.Equal(t, really, really.with(c.has))
			if name == "bounds" {
				assert.Equal(t, has, c.has)
			}
		})
	}
}
