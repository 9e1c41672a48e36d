package natstest

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// patience bounds each wait.
const patience = 20 * time.Second

// startNATS starts a server with JetStream, unless change takes it away. The server ends with the test.
func startNATS(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(t, s.ReadyForConnections(patience), "nats-server is ready")
	return s
}

// clusterOf returns the configuration of a cluster on a server.
func clusterOf(t *testing.T, s *server.Server) *config.Cluster {
	t.Helper()
	at, err := url.Parse(s.ClientURL())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "cluster.key")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("secret", 6)), 0o600))
	return &config.Cluster{
		Name: "test", SecretFile: file, Seal: true, Patience: 2 * time.Second, NATS: config.NATS{Servers: []string{"nats://" + at.Host}},
	}
}

// secretOf returns a file with the secret of a cluster.
func secretOf(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat(name, 32)), 0o600))
	return file
}
