package console

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// everySetting has routes that set what a route can set, on the upstream of testdata.
const everySetting = `
auth:
  jwt:
    users: {issuer: "https://id.example.org", audience: [app], jwks_file: keys.json, algorithms: [EdDSA]}
upstreams:
  nasty: {target: "127.0.0.1:1", schema: {proto: {files: [nasty.proto], import_paths: ["DIR"]}}, metadata: {x-key: "s3cret"}}
  other: {target: "127.0.0.1:2", schema: {proto: {files: [nasty.proto], import_paths: ["DIR"]}}}
defaults:
  upstream: nasty
  heartbeat: 7s
routes:
  - {path: "/plain", rpc: nasty.v1.Nasty/Watch}
  - path: "/set/{text}"
    rpc: nasty.v1.Nasty/Watch
    request: {query: [level], set: {on: "true", words: [a, "${header.x-word:-b}"], filter.least: "${last_event_id}"}, timeout: 5s}
    metadata: {forward: [accept-language], set: {x-secret: "hunter2"}, expose: [x-trace]}
    event: {id: text, name: {const: quote}, retry: 5s}
    json: {field_names: proto}
    cors: {origins: ["https://app.example.org"]}
    status: {NOT_FOUND: reconnect}
    limits: {streams: 10}
  - {path: /post, rpc: nasty.v1.Nasty/Watch, methods: [GET, POST], body: "*"}
  - {path: /part, rpc: nasty.v1.Nasty/Watch, methods: [POST], body: tree}
  - {path: /shared, rpc: nasty.v1.Nasty/Watch, share: {late_join: {latest_by: text}, linger: 1m}}
  - {path: /bare, rpc: nasty.v1.Nasty/Watch, share: {late_join: none}}
  - {name: "a: b # c", path: /guarded, rpc: nasty.v1.Nasty/Watch, auth: {jwt: users}}
`

// load returns the configuration of a file beside the schema.
func load(t *testing.T, dir, text string) *config.Config {
	t.Helper()
	file := filepath.Join(dir, "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(file)
	require.NoError(t, err, text)
	return cfg
}

// The file that the page shows is the route: a bridge that loads it has the same settings.
func TestTheYAMLOfARouteIsTheRoute(t *testing.T) {
	proto, err := filepath.Abs("testdata")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.json"), []byte(`{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`), 0o600))
	cfg := load(t, dir, strings.ReplaceAll(everySetting, "DIR", proto))
	b, _ := bridgetest.NewBridge(t, cfg)
	routes := b.Routes()
	require.Len(t, routes, len(cfg.Routes))
	for _, info := range routes {
		require.Nil(t, info.Problem, info.Path)
		text, err := fileOf(cfg, info)
		require.NoError(t, err)
		assert.NotContains(t, text, "hunter2")
		assert.NotContains(t, text, "s3cret")
		assert.NotContains(t, text, "127.0.0.1:2", "the other upstream")
		assert.Equal(t, strings.Contains(info.Path, "guarded"), strings.Contains(text, "issuer:"), text)
		again := load(t, dir, text)
		require.Len(t, again.Routes, 1)
		before, after := maskedRoute(t, info.Config), maskedRoute(t, again.Routes[0])
		assert.Equal(t, before, after, text)
		assert.Less(t, strings.Count(text, "\n"), 50, "defaults are left out:\n%s", text)
	}
	plain, err := fileOf(cfg, routes[0])
	require.NoError(t, err)
	assert.Contains(t, plain, "routes:\n  - path: /plain\n    rpc: nasty.v1.Nasty/Watch\n    upstream: nasty\n    heartbeat: 7s\n")
}

func maskedRoute(t *testing.T, r *config.Route) string {
	t.Helper()
	text, err := (&config.Config{Server: config.New().Server, Routes: []*config.Route{r}}).Masked()
	require.NoError(t, err)
	return string(text)
}

// A bridge without a file, and a route that is defined in Go, have YAML too.
func TestTheYAMLOfARouteWithoutAFile(t *testing.T) {
	cfg := config.ForUpstream("127.0.0.1:1")
	route := config.NewRoute("/quotes")
	route.Service, route.Method = "demo.market.v1.MarketService", "WatchQuotes"
	text, err := fileOf(cfg, bridge.RouteInfo{Path: "/quotes", Config: route, Upstream: "127.0.0.1:1"})
	require.NoError(t, err)
	got := load(t, t.TempDir(), text)
	require.Len(t, got.Routes, 1)
	assert.Equal(t, "/quotes", got.Routes[0].Path)
	assert.Equal(t, "127.0.0.1:1", got.Upstreams[0].Target)
	text, err = fileOf(cfg, bridge.RouteInfo{Path: "/quotes"})
	require.NoError(t, err)
	assert.Empty(t, text)
}

func TestTheNamesOfEvents(t *testing.T) {
	c := nasty(t)
	assert.Empty(t, detailOf(t, c, "POST /post").EventNames)
	assert.Equal(t, []string{"left", "right", "error_"}, detailOf(t, c, "GET /oneof").EventNames)
	assert.Equal(t, []string{"LEVEL_HIGH"}, detailOf(t, c, "GET /enum").EventNames)
	assert.Equal(t, []string{"quote"}, detailOf(t, c, "GET /const").EventNames)
	assert.Contains(t, detailOf(t, c, "GET /const").YAML, "  - name: const\n    path: /const\n")
}
