package bridge_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge"
)

// vanish lets one end of a connection disappear. The kernel drops all packets for that end and acknowledges none, as if the
// machine had lost its network.
func vanish(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	dropAll := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	require.NoError(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &dropAll})
	}))
	require.NoError(t, err)
}

// The send buffer has room for the heartbeats of many minutes. So the bridge must notice that the machine acknowledges no
// bytes.
func TestAMachineThatVanishedIsNoticed(t *testing.T) {
	for name, handler := range map[string]func(*bridge.Bridge) http.Handler{
		"parked":   func(b *bridge.Bridge) http.Handler { return b },
		"unparked": behindMiddleware,
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			cfg := parse(t, s, routeFile("open_wait: 1ms", "heartbeat: 100ms", "write_timeout: 1s"))
			b, err := bridge.New(t.Context(), cfg)
			require.NoError(t, err)
			require.NoError(t, b.Ready(t.Context()))
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(serveThrough(t, b, handler(b)), "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprint(conn, "GET /watch/x HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
			require.NoError(t, err)
			s.requireStreams(t, 1)
			vanish(t, conn.(*net.TCPConn))
			s.requireStreams(t, 0)
		})
	}
}

// behindMiddleware returns a handler that wraps the ResponseWriter, so that the bridge does not park the connection.
func behindMiddleware(b *bridge.Bridge) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.ServeHTTP(wrappedWriter{w}, r) })
}

type wrappedWriter struct{ http.ResponseWriter }

func (w wrappedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
