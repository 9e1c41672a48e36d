package local

import (
	"net"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// StartNATS builds nats-server, in the version with which the cluster is tested, and starts it with some arguments. It ends with
// the test. StartNATS returns its address.
func StartNATS(t *testing.T, args ...string) (address string) {
	t.Helper()
	server := filepath.Join(t.TempDir(), "nats-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(Repository(), "bridge/cluster/natstest"), "-o", server,
		"github.com/nats-io/nats-server/v2")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)
	address = FreeAddress(t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	Start(t, server, append(args, "-a", host, "-p", port, "-sd", t.TempDir())...)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		return err == nil && conn.Close() == nil
	}, Soon, soonAgain, "nats-server listens")
	return address
}
