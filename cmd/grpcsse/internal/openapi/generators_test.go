package openapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/demo"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
)

const (
	generatorsFolder = "../../../../client/test/generators"
	patience         = time.Minute
)

// generators returns the folder with the generators. Without them the test is skipped, or fails if GRPCSSE_REQUIRE_NODE is 1.
func generators(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(generatorsFolder)
	require.NoError(t, err)
	for _, program := range []string{"openapi-ts", "openapi-typescript", "tsc"} {
		if _, err := os.Stat(filepath.Join(folder, "node_modules/.bin", program)); err != nil {
			if os.Getenv("GRPCSSE_REQUIRE_NODE") == "1" {
				t.Fatalf("GRPCSSE_REQUIRE_NODE is 1, and %v: run `make client`", err)
			}
			t.Skipf("skipped: %v (make client)", err)
		}
	}
	return folder
}

// node runs a program in a folder, and returns what it writes to standard output.
func node(t *testing.T, folder, program string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = folder
	command.Env = append(os.Environ(), "DO_NOT_TRACK=1", "CI=1")
	said, err := command.Output()
	if err != nil {
		if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output does not wrap it
			t.Logf("%s%s", said, failed.Stderr)
		}
		require.NoError(t, err, "%s %v", filepath.Base(program), args)
	}
	return said
}

// startBridge serves quotes of the demo, and the document of the routes.
func startBridge(t *testing.T) (url string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- demo.NewServer(slog.New(slog.DiscardHandler), 1).Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	file := filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
server: {openapi: /docs/openapi.json}
upstreams: {market: {target: "`+listener.Addr().String()+`"}}
routes:
  - {name: quotes, path: "/quotes/{symbol}", rpc: demo.market.v1.MarketService/WatchQuotes, event: {name: {const: quote}, id: sequence}}
  - {name: posted, path: "/posted/{symbol}", rpc: demo.market.v1.MarketService/WatchQuotes, methods: [POST], body: "*"}
`), 0o600))
	cfg, err := config.Load(file)
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	require.NoError(t, b.Ready(t.Context()))
	server := httptest.NewServer(openapi.NewHandler(b, func() *config.Config { return cfg }).Beside(b))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections) // first: a client may have left a stream open
	return server.URL
}

// Clients that generators make of the document of a bridge compile under strict settings, and read streams of the bridge. Documents with
// every part that a document may have give clients that compile, too.
func TestGeneratedClientsReadAStream(t *testing.T) {
	if raceEnabled {
		t.Skip("skipped: it runs without the race detector")
	}
	tools, url := generators(t), startBridge(t)
	folder := t.TempDir()
	for _, name := range []string{"read.ts", "tsconfig.json"} {
		text, err := os.ReadFile(filepath.Join(tools, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	program := func(name string) string { return filepath.Join(tools, "node_modules/.bin", name) }
	generate := func(document, client, types string) {
		node(t, folder, program("openapi-ts"), "--input", document, "--output", filepath.Join(folder, "made", client), "--client", "@hey-api/client-fetch", "--no-log-file", "--silent")
		node(t, folder, program("openapi-typescript"), document, "--output", filepath.Join(folder, "made", types))
	}
	generate(url+"/docs/openapi.json", "client", "types.ts")
	for _, version := range []string{"3.1", "3.2"} {
		document, err := filepath.Abs("testdata/shop-" + version + ".json")
		require.NoError(t, err)
		generate(document, "shop"+version[2:], "shop"+version[2:]+".ts")
	}
	node(t, folder, program("tsc"), "-p", ".")

	var read struct {
		Get, Post struct {
			Symbols, Sequences, Names []string
			IDs                       []string
		}
		Lines   []string
		Refused struct {
			Code           int
			Status, Reason string
			Retry          bool
		}
	}
	require.NoError(t, json.Unmarshal(node(t, folder, "node", "built/read.js", url), &read))
	three := []string{"AAPL", "AAPL", "AAPL"}
	assert.Equal(t, three, read.Get.Symbols)
	assert.Equal(t, three, read.Post.Symbols)
	assert.Equal(t, three, read.Lines)
	assert.Equal(t, []string{"quote", "quote", "quote"}, read.Get.Names[:3])
	assert.Equal(t, "message", read.Post.Names[0])
	assert.Equal(t, read.Get.Sequences, read.Get.IDs[:3], "the id of an event is its sequence number")
	assert.True(t, slices.IsSortedFunc(read.Get.Sequences, func(a, b string) int {
		one, err := strconv.Atoi(a)
		require.NoError(t, err)
		other, err := strconv.Atoi(b)
		require.NoError(t, err)
		return one - other
	}), read.Get.Sequences)
	assert.Equal(t, "INVALID_ARGUMENT request", read.Refused.Status+" "+read.Refused.Reason)
}
