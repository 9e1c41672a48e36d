package front

import (
	"context"
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// TestTheServerIsBounded names what no test can wait for.
func TestTheServerIsBounded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	b, err := bridge.New(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	f := &Front{
		Settings: Settings{Server: config.Server{RequestBytes: config.KiB, HeaderTimeout: time.Second, IdleTimeout: time.Minute}},
		Bridge:   b, Log: slog.New(slog.DiscardHandler),
	}
	server, err := f.newServer(ctx)
	require.NoError(t, err)
	assert.Equal(t, time.Second, server.ReadHeaderTimeout, "a client that never ends its header")
	assert.Equal(t, time.Minute, server.IdleTimeout)
	assert.Equal(t, time.Minute, server.bell.IdleTimeout, "the connections of HTTP/2 have that of the bell")
	assert.Zero(t, server.WriteTimeout, "a stream has no end")
	assert.Zero(t, server.ReadTimeout)
	assert.Equal(t, 1024, server.MaxHeaderBytes)
	require.NotNil(t, server.HTTP2)
	assert.Equal(t, 15*time.Second, server.HTTP2.SendPingTimeout, "a machine that vanished, on HTTP/2")
	assert.Equal(t, 10*time.Second, server.HTTP2.PingTimeout)
	assert.NotNil(t, server.ConnContext)
	assert.Equal(t, 250, server.HTTP2.MaxConcurrentStreams)
	assert.Equal(t, 64<<10, server.HTTP2.MaxReceiveBufferPerConnection, "bodies that wait on HTTP/2")
	assert.Equal(t, 16<<10, server.HTTP2.MaxReadFrameSize)
	stop()
	assert.NoError(t, server.BaseContext(nil).Err(), "requests outlive the signal")

	f.Server.TLS = &config.ServerTLS{CertFile: filepath.Join(t.TempDir(), "a.crt"), KeyFile: filepath.Join(t.TempDir(), "a.key")}
	writePair(t, f.Server.TLS, "bridge.example")
	server, err = f.newServer(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, tls.VersionTLS12, server.TLSConfig.MinVersion)
	assert.True(t, server.Protocols.HTTP2())
	assert.False(t, server.Protocols.UnencryptedHTTP2())
}
