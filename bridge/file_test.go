package bridge_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// parse reads a configuration file for the bridge in front of a server. It replaces ADDR in the file with the address of the server.
func parse(t *testing.T, s *server, file string) *config.Config {
	t.Helper()
	cfg, err := read(t, strings.ReplaceAll(file, "ADDR", s.addr))
	require.NoError(t, err)
	return cfg
}

// read reads a configuration file that may be wrong.
func read(t *testing.T, file string, opts ...config.Option) (*config.Config, error) {
	t.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(file), opts...)
	if err == nil && !strings.Contains(file, "io_uring: ") {
		cfg.Server.IOUring = ioUring(t)
	}
	return cfg, err
}

// ioUring returns the value of server.io_uring for tests that do not set it. The environment variable GRPCSSE_TEST_IO_URING has it,
// and the default is auto.
func ioUring(t *testing.T) config.IOUring {
	t.Helper()
	switch way := config.IOUring(os.Getenv("GRPCSSE_TEST_IO_URING")); way {
	case "":
		return config.IOUringAuto
	case config.IOUringAuto, config.IOUringOff:
		return way
	default:
		require.FailNow(t, "GRPCSSE_TEST_IO_URING is neither auto nor off", "it is %q", way)
		return ""
	}
}

// routeFile returns a configuration with one route, /watch/{topic}, to which a test adds settings. A test whose upstream sends
// neither a header nor an event sets open_wait. The other tests expect the upstream's answer in the header, however long it takes.
func routeFile(extra ...string) string {
	lines := []string{
		"upstreams:", `  test: {target: "ADDR"}`, "routes:", "  - path: /watch/{topic}",
		"    rpc: test.stream.v1.StreamService/Watch",
	}
	if !strings.Contains(strings.Join(extra, "\n"), "open_wait: ") {
		extra = append(extra[:len(extra):len(extra)], "open_wait: "+patience.String())
	}
	for _, line := range extra {
		lines = append(lines, "    "+line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// upstreamFile is routeFile for an upstream of package bridgetest.
func upstreamFile(extra ...string) string {
	return strings.ReplaceAll(routeFile(extra...), "ADDR", "${env.UPSTREAM}")
}

func TestBridgesOfTestsWriteAsTheEnvironmentSays(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	t.Setenv("GRPCSSE_TEST_IO_URING", "off")
	assert.False(t, startFront(t, s, routeFile()).bridge.IOUring())
	assert.Equal(t, config.IOUringOff, parse(t, s, routeFile()).Server.IOUring)
	assert.Equal(t, config.IOUringAuto, parse(t, s, "server: {io_uring: auto}\n"+routeFile()).Server.IOUring, "the file has it")
	t.Setenv("GRPCSSE_TEST_IO_URING", "")
	assert.Equal(t, config.IOUringAuto, parse(t, s, routeFile()).Server.IOUring)
}
