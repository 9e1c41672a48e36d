package app

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documented serves a gRPC server at an address, with a document of its routes at a path of the public listener.
func documented(t *testing.T, upstream, path string) (s *sided, change func(path string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "grpcsse.yaml")
	change = func(path string) {
		require.NoError(t, os.WriteFile(file, []byte(`
server: {listen: "127.0.0.1:0", health: "127.0.0.1:0", admin: {listen: "127.0.0.1:0"}, openapi: `+path+`, hosts: ["127.0.0.1"]}
upstreams:
  market: {target: "`+upstream+`", metadata: {x-plain: hunter2}}
  near: {target: "127.0.0.1:1", schema: {proto: {files: [p.proto]}}}
routes:
  - {name: quotes, path: "/quotes/{symbol}", rpc: demo.market.v1.MarketService/WatchQuotes, upstream: market, metadata: {set: {x-a: hunter2}}}
  - {name: near, path: /near, rpc: p.S/Watch, upstream: near}
`), 0o600))
	}
	change(path)
	proto := "syntax = \"proto3\"; package p; message M {} service S { rpc Watch(M) returns (stream M); }"
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "p.proto"), []byte(proto), 0o600))
	s = runSided(t, file)
	t.Cleanup(func() { s.stop(); <-s.code })
	return s, change
}

// requireDocument waits until a URL has a document with some paths, and returns it.
func requireDocument(t *testing.T, url string, want, missing []string) string {
	t.Helper()
	var text string
	require.Eventually(t, func() bool {
		var status int
		if status, text = ask(t, http.MethodGet, url); status != http.StatusOK {
			return false
		}
		var doc struct {
			Paths   map[string]any
			Missing []string `json:"x-grpcsse-missing"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &doc))
		var paths []string
		for path := range doc.Paths {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		return slices.Equal(want, paths) && slices.Equal(missing, doc.Missing)
	}, eventually, 50*time.Millisecond, "%s", text)
	return text
}

// A bridge describes what it knows of its routes: the rest once their upstream is there, and all of them while it is away again.
func TestTheDocumentFollowsTheUpstreams(t *testing.T) {
	upstream, kill := startMarket(t, "127.0.0.1:0")
	kill()
	s, change := documented(t, upstream, "/docs/openapi.json")
	requireDocument(t, s.admin+"/openapi.json", []string{"/near"}, []string{"/quotes/{symbol}"})
	requireDocument(t, s.public+"/docs/openapi.json", []string{"/near"}, []string{"/quotes/{symbol}"})

	_, kill = startMarket(t, upstream)
	all := []string{"/near", "/quotes/{symbol}"}
	text := requireDocument(t, s.public+"/docs/openapi.json", all, nil)
	assert.Equal(t, text, requireDocument(t, s.admin+"/openapi.json", all, nil))
	for _, secret := range []string{"hunter2", upstream, "market\"", "127.0.0.1"} {
		assert.NotContains(t, text, secret)
	}
	kill()
	s.requireProbe(t, "/readyz", http.StatusOK, `"state":"down"`)
	requireDocument(t, s.public+"/docs/openapi.json", all, nil)
	status, _ := ask(t, http.MethodGet, s.public+"/openapi.json")
	assert.Equal(t, http.StatusNotFound, status)

	change("off")
	require.Eventually(t, func() bool {
		status, _ := ask(t, http.MethodGet, s.public+"/docs/openapi.json")
		return status == http.StatusNotFound
	}, eventually, 50*time.Millisecond, "the key applies at a reload")
	requireDocument(t, s.admin+"/openapi.json", all, nil)
}
