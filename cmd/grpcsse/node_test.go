package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A gRPC server that is not written in Go: the one for Node.js in docs/getting-started.md, letter for letter except for its port. Its
// reflection describes it, `init` makes a file for it, and its events arrive.
func TestTheNodeServerOfThePageIsServed(t *testing.T) {
	modules := os.Getenv("GRPCSSE_NODE_MODULES")
	if _, err := os.Stat(filepath.Join(modules, "@grpc/reflection/package.json")); modules == "" || err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NODE") == "1" {
			t.Fatalf("GRPCSSE_REQUIRE_NODE is 1, and GRPCSSE_NODE_MODULES, %q, holds no package @grpc/reflection", modules)
		}
		t.Skip("skipped: GRPCSSE_NODE_MODULES names no directory that holds the npm package @grpc/reflection")
	}
	text, err := os.ReadFile("../../docs/getting-started.md")
	require.NoError(t, err)
	page, folder := string(text), t.TempDir()
	address := startNode(t, folder, modules, page)

	file := filepath.Join(folder, "grpcsse.yaml")
	grpcsse(t, "init", "--upstream", address, "--out", file)
	grpcsse(t, "check", file)
	made, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(made), "  - path: /ticker/{name}\n    rpc: ticker.v1.Ticker/Watch\n")

	for _, tt := range []struct{ path, flag, value string }{
		{"/ticker.v1.Ticker/Watch?name=demo", "--upstream", address},
		{"/ticker/demo", "--config", file},
	} {
		listen, err := unused(t.Context())
		require.NoError(t, err)
		_, said := startServing(t, tt.flag, tt.value, "--listen", listen)
		said.await(t, "msg=listening")
		events := grpcsse(t, "tail", "--count", "2", "http://"+listen+tt.path)
		assert.Regexp(t, `(?m)^\S+ message \{"name":"demo","number":1\}\n\S+ message \{"name":"demo","number":2\}$`, events)
	}
}

// startNode starts the server of the page, and returns its address.
func startNode(t *testing.T, folder, modules, page string) string {
	t.Helper()
	address, err := unused(t.Context())
	require.NoError(t, err)
	script := ""
	for _, block := range regexp.MustCompile("(?ms)^```js\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		if strings.Contains(block[1], "@grpc/reflection") {
			script = strings.ReplaceAll(block[1], "127.0.0.1:50051", address)
		}
	}
	require.Contains(t, script, address)
	for name, content := range map[string]string{"server.js": script, "ticker.proto": fenced(page, "proto")} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
	}
	node := exec.CommandContext(t.Context(), "node", "server.js")
	node.Dir, node.Env, node.Stderr = folder, append(os.Environ(), "NODE_PATH="+modules), t.Output()
	node.WaitDelay = 10 * time.Second
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		_ = node.Process.Kill() // the script never ends by itself
		_ = node.Wait()
	})
	require.Eventually(t, func() bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, 30*time.Second, 50*time.Millisecond, "the server of the page does not listen")
	return address
}

// grpcsse runs the program, which must succeed, and returns its standard output.
func grpcsse(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "grpcsse", args...)
	command.Stderr = t.Output()
	out, err := command.Output()
	require.NoError(t, err, "%v", args)
	return string(out)
}
