package app

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/front"
)

// says opens a connection, sends text, and returns the connection and all that the server sends until want is in it, or until
// the server closes the connection.
func says(t *testing.T, address, text, want string) (net.Conn, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn, hears(t, conn, want)
}

func hears(t *testing.T, conn net.Conn, want string) string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	var heard strings.Builder
	for piece := make([]byte, 4096); want == "" || !strings.Contains(heard.String(), want); {
		n, err := conn.Read(piece)
		heard.Write(piece[:n])
		if err != nil {
			require.ErrorIs(t, err, io.EOF, heard.String())
			break
		}
	}
	return heard.String()
}

func TestTheKeysOfTheListenerHaveTheirEffects(t *testing.T) {
	const stream = "GET /watch HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
	const other = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, tt := range map[string]struct {
		server string
		test   func(t *testing.T, address string)
	}{
		"header_timeout": {"header_timeout: 100ms", func(t *testing.T, address string) {
			_, text := says(t, address, stream[:20], "") // until the connection is closed
			assert.NotContains(t, text, "200 OK")
		}},
		"idle_timeout": {"idle_timeout: 100ms", func(t *testing.T, address string) {
			conn, text := says(t, address, other, "no route")
			assert.Contains(t, text, "404 Not Found")
			hears(t, conn, "")
		}},
		"proxy_protocol": {"proxy_protocol: true", func(t *testing.T, address string) {
			_, text := says(t, address, "PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n"+stream, "data: ")
			assert.Contains(t, text, "200 OK")
			_, text = says(t, address, stream, "")
			assert.Empty(t, text, "without a header the connection is closed")
		}},
		"limits.connections": {"limits: {connections: 2}", func(t *testing.T, address string) {
			for range 2 {
				says(t, address, stream, "data: ")
			}
			_, text := says(t, address, stream, "")
			assert.Contains(t, text, "too many connections are open")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := startServe(t, `
server: {listen: "127.0.0.1:0", drain_timeout: 10ms, access_log: off, `+tt.server+`}
upstreams: {health: {target: "`+startHealth(t)+`"}}
routes:
  - {path: /watch, rpc: grpc.health.v1.Health/Watch}
`)
			tt.test(t, address)
		})
	}
}

func TestMoreConnectionsThanDescriptorsAreTold(t *testing.T) {
	for configured, want := range map[int]string{
		100_000: "level=WARN msg=\"server.limits.connections is more than the file descriptors allow\" configured=100000 used=736 descriptors=1024",
		700:     "level=INFO msg=\"room for connections\" connections=700 descriptors=1024",
		0:       "level=INFO msg=\"room for connections\" connections=944 descriptors=1024",
	} {
		upstreams := 16
		if configured == 100_000 {
			upstreams = 5000 // they have a reserve
		}
		var text strings.Builder
		sayRoom(slog.New(slog.NewTextHandler(&text, nil)), front.Settings{
			Server: config.Server{Connections: configured}, Room: front.RoomFor(1024, configured, upstreams),
		})
		assert.Contains(t, text.String(), want)
	}
}
