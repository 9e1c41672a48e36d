package config_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// load reads a file under testdata, with testdata as the directory of the file.
func load(t *testing.T, file string) *config.Config {
	t.Helper()
	t.Chdir("testdata")
	cfg, err := config.Load(file, config.WithEnv(testEnv))
	require.NoError(t, err)
	return cfg
}

// defaultRoute is a route whose keys all have the documented defaults.
func defaultRoute() config.Route {
	return config.Route{
		Methods:       []string{"GET"},
		Request:       config.RequestMapping{QueryAll: true},
		Event:         config.EventMapping{Retry: 2 * time.Second},
		JSON:          config.JSONOptions{EmitDefaults: true},
		OnEnd:         config.OnEndStop,
		Reopen:        config.Reopen{Base: 200 * time.Millisecond, Max: 10 * time.Second},
		OpenErrors:    config.OpenErrorsEvent,
		OpenWait:      300 * time.Millisecond,
		Heartbeat:     15 * time.Second,
		WriteTimeout:  10 * time.Second,
		SendBuffer:    128 << 10,
		MaxEventBytes: 4 << 20,
		Compression:   true,
	}
}

func TestSmallestFileHasTheDocumentedDefaults(t *testing.T) {
	cfg := load(t, "smallest.yaml")

	assert.Equal(t, config.Server{
		Listen: ":8080", DrainTimeout: 20 * time.Second, HeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		IOUring: config.IOUringAuto, RequestBytes: 64 << 10, SharedStreams: 10000, ReplayBytes: 1 << 30, QueueBytes: 1 << 30,
		AccessLog: config.AccessLog{Format: config.AccessFormatText, SampleOver: config.PerSecond(100)},
	}, cfg.Server)
	require.Len(t, cfg.Upstreams, 1)
	assert.Equal(t, config.Upstream{
		Name:            "market",
		Target:          "localhost:50051",
		Balance:         config.BalanceRoundRobin,
		Schema:          config.Schema{Reflection: true},
		Connections:     1,
		MaxConnections:  16,
		MaxMessageBytes: 4 << 20,
		Keepalive:       config.Keepalive{Timeout: 20 * time.Second},
		Limits:          config.UpstreamLimits{Waiting: 1000},
	}, cfg.Upstreams[0].WithoutSource())

	require.Len(t, cfg.Routes, 1)
	route := defaultRoute()
	assert.Equal(t, route, cfg.Defaults.WithoutSource())
	route.Name, route.Path = "/quotes/{symbol}", "/quotes/{symbol}"
	route.Service, route.Method = "demo.market.v1.MarketService", "WatchQuotes"
	assert.Equal(t, route, cfg.Routes[0].WithoutSource())
	assert.False(t, cfg.ServeAll)
	assert.Empty(t, cfg.Warnings)
}

func TestDefaultsWrittenOutChangeNothing(t *testing.T) {
	t.Chdir("testdata")
	want, err := config.Load("smallest.yaml")
	require.NoError(t, err)
	got, err := config.Load("defaults.yaml")
	require.NoError(t, err)

	assert.Equal(t, want.Server, got.Server)
	require.Len(t, got.Warnings, 1, "a `reopen` in the file needs a cursor")
	assert.Equal(t, "routes[0].reopen", got.Warnings[0].Path)
	upstream := got.Upstreams[0].WithoutSource()
	assert.Empty(t, upstream.Metadata)
	upstream.Metadata = nil
	assert.Equal(t, want.Upstreams[0].WithoutSource(), upstream)
	route := got.Routes[0].WithoutSource()
	assert.Empty(t, route.Status)
	route.Status = nil
	assert.Equal(t, want.Routes[0].WithoutSource(), route)
}

func TestEverySupportedKey(t *testing.T) {
	cfg := load(t, "supported.yaml")
	assert.Empty(t, cfg.Warnings)
	assert.Equal(t, config.Server{
		Listen:        "127.0.0.1:9000",
		TLS:           &config.ServerTLS{CertFile: "tls.crt", KeyFile: "/etc/tls.key"},
		DrainTimeout:  90 * time.Second,
		HeaderTimeout: 3 * time.Second,
		IdleTimeout:   45 * time.Second,
		ProxyProtocol: true,
		IOUring:       config.IOUringOff,
		Connections:   700,
		RequestBytes:  1000,
		Streams:       500,
		SharedStreams: 20,
		ReplayBytes:   64 << 20,
		QueueBytes:    32 << 20,

		StreamsPerClient: 6, StreamsPerSubject: 8, OpensPerClient: config.Rate{Count: 5, Per: time.Minute},
		TrustedProxies: []string{"10.0.0.0/8", "192.0.2.1", "fd00::1"},
		Hosts:          []string{"app.example.com", "*.example.com", "::1", "10.0.0.0/8"},
		AccessLog: config.AccessLog{
			Format: config.AccessFormatJSON, SampleOver: config.Rate{Count: 30, Per: time.Minute}, Values: true,
		},
		Health: ":8081",
		Admin:  &config.Admin{Listen: "127.0.0.1:9091", TokenFile: filepath.Join("problems", "secrets", "long")},
	}, cfg.Server)

	require.Len(t, cfg.Upstreams, 3)
	assert.Equal(t, config.Upstream{
		Name:            "market",
		Target:          "dns:///market:50051",
		Balance:         config.BalancePickFirst,
		TLS:             &config.UpstreamTLS{CAFile: "ca.pem", CertFile: "c.pem", KeyFile: "k.pem", ServerName: "market"},
		Schema:          config.Schema{DescriptorSet: "market.binpb"},
		Connections:     2,
		MaxConnections:  4,
		MaxMessageBytes: 16 << 20,
		Metadata: map[string]string{
			"x-tenant": "acme", "x-env": "key " + secret, "x-price": "5$", "x-empty": "",
		},
		MetadataFiles: map[string]string{"x-api-key": "problems/secrets/key"},
		Keepalive:     config.Keepalive{Time: 6 * time.Minute, Timeout: 5 * time.Second},
		Limits:        config.UpstreamLimits{Streams: 300, Waiting: 20},
	}, cfg.Upstreams[0].WithoutSource())
	assert.Equal(t, &config.UpstreamTLS{}, cfg.Upstreams[1].TLS)
	assert.True(t, cfg.Upstreams[1].Annotations)
	assert.Equal(t, config.Schema{
		Proto: &config.ProtoSources{Files: []string{"news/v1/news.proto"}, ImportPaths: []string{"proto", "/usr/include"}},
	}, cfg.Upstreams[1].Schema)
	assert.Equal(t, "jobs", cfg.Upstreams[2].Name)
	assert.Equal(t, "include/routes.d/ca.pem", cfg.Upstreams[2].TLS.CAFile, "the path is relative to the file that contains it")
}

func TestEverySupportedKeyOfARoute(t *testing.T) {
	cfg := load(t, "supported.yaml")
	require.Len(t, cfg.Routes, 3)
	text := func(s string) config.Template { return config.Template{{Text: s}} }
	assert.Equal(t, config.Route{
		Name: "quotes", Path: "/quotes/{symbol}",
		Service: "demo.market.v1.MarketService", Method: "WatchQuotes", Upstream: "market",
		Methods: []string{"GET", "POST"}, Body: "page.filter",
		Request: config.RequestMapping{
			Query:              []string{"limit", "page.token"},
			RejectUnknownQuery: true,
			Set: []config.Setting{
				{Field: "$filter", Members: []config.Setting{
					{Field: "a.b [c]", Members: []config.Setting{}},
					{Field: "items", List: []config.Setting{{Members: []config.Setting{{Field: "id", Value: text("1"), Bare: true}}}, {Members: []config.Setting{}}}},
					{Field: "n", Value: text("7")},
					{Field: "none", Value: text("null"), Bare: true},
					{Field: "open", Value: text("true"), Bare: true},
					{Field: "page_size", Value: text("10"), Bare: true},
					{Field: "word", Value: config.Reference("header.x-a")},
				}},
				{Field: "absent", Value: text("a:-b")},
				{Field: "after_sequence", Value: config.Template{{Ref: "last_event_id"}}},
				{Field: "empty", Value: text("fallback")},
				{Field: "from", Value: config.Template{
					{Text: "seq-"}, {Ref: "last_event_id", Default: "0", HasDefault: true}, {Text: "${x}"},
				}},
				{Field: "kinds", List: []config.Setting{{Value: text("TRADE")}, {Value: text("QUOTE")}}},
				{Field: "level", Value: text("2"), Bare: true},
				{Field: "live", Value: text("true"), Bare: true},
				{Field: "none", List: []config.Setting{}},
				{Field: "nothing"},
				{Field: "port", Value: text("9000"), Bare: true},
				{Field: "session", Value: config.Template{{Ref: "cookie.s", HasDefault: true}}},
				{Field: "tenant", Value: text("acme")},
				{Field: "venue", Value: text("XNAS")},
				{Field: "venue_filter", Value: config.Template{{Ref: "header.x-venue"}, {Text: "-"}, {Ref: "path.symbol"}}},
				{Field: "words", List: []config.Setting{{Value: config.Template{{Ref: "query.q", Default: "all", HasDefault: true}}}}},
			},
			Timeout: time.Hour,
		},
		Metadata: config.MetadataMapping{
			Forward: []string{"authorization", "cookie", "x-trace-bin"},
			Set: []config.MetadataSetting{
				{Name: "x-blank"},
				{Name: "x-cost", Value: text("5$")},
				{Name: "x-cursor-bin", Value: config.Template{{Ref: "last_event_id"}}},
				{Name: "x-flags-bin", Value: text("AAE")},
				{Name: "x-key", Value: text(secret)},
				{Name: "x-symbol", Value: config.Template{{Text: "sym/"}, {Ref: "path.symbol"}}},
			},
			Expose: []string{"x-cursor", "x-state-bin", "set-cookie"},
		},
		Event:         config.EventMapping{ID: "sequence", Name: "kind", Data: "quote.detail", Retry: 500 * time.Millisecond},
		JSON:          config.JSONOptions{EnumNumbers: true, ProtoNames: true},
		OnEnd:         config.OnEndReopen,
		Reopen:        config.Reopen{MaxAttempts: 3, Base: time.Second, Max: time.Minute},
		Status:        map[config.StatusCode]config.Verdict{config.StatusUnknown: config.Reconnect, config.StatusInternal: config.Reconnect},
		OpenErrors:    config.OpenErrorsHTTP,
		ExposeErrors:  true,
		Heartbeat:     5 * time.Second,
		WriteTimeout:  time.Second,
		SendBuffer:    4 << 10,
		MaxAge:        12 * time.Hour,
		Limits:        config.RouteLimits{Streams: 40, StreamsPerClient: 3},
		MaxEventBytes: 64 << 10,
		CORS: &config.CORS{
			Origins:     []string{"https://app.example.com", "http://localhost:3000", "http://[::1]:8000", "chrome-extension://abc"},
			Credentials: true,
			Headers:     []string{"x-tenant", "x-app"},
		},
	}, cfg.Routes[0].WithoutSource())
}

func TestDefaultsHoldForEveryRoute(t *testing.T) {
	cfg := load(t, "supported.yaml")
	require.Len(t, cfg.Routes, 3)

	defaults := defaultRoute()
	defaults.Heartbeat = 20 * time.Second
	defaults.Status = map[config.StatusCode]config.Verdict{config.StatusUnknown: config.Stop, config.StatusInternal: config.Reconnect}
	defaults.Request.RejectUnknownQuery = true
	defaults.Request.Set = []config.Setting{{Field: "tenant", Value: config.Template{{Text: "acme"}}}}
	defaults.Event.NameConst = "item"
	defaults.Limits = config.RouteLimits{Streams: 40, StreamsPerClient: 3}
	assert.Equal(t, defaults, cfg.Defaults.WithoutSource())

	news := defaults
	news.Name, news.Path, news.Service, news.Method, news.Upstream = "/news", "/news", "NewsService", "Watch", "news"
	news.Request.QueryAll, news.Request.Query = false, []string{}
	news.Methods, news.CORS = []string{"POST"}, &config.CORS{Origins: []string{"*"}}
	assert.Equal(t, news, cfg.Routes[1].WithoutSource())

	jobs := defaults
	jobs.Name, jobs.Path, jobs.Service, jobs.Method, jobs.Upstream =
		"/jobs/{id}:watch", "/jobs/{id}:watch", "demo.jobs.v1.JobService", "Watch", "jobs"
	jobs.Heartbeat = time.Second
	assert.Equal(t, jobs, cfg.Routes[2].WithoutSource(), "the defaults hold for routes of included files, too")
}

func TestAnnotatedUpstreamsNeedNoRoutes(t *testing.T) {
	cfg, err := config.Parse("a.yaml", []byte("upstreams: {a: {target: b, annotations: true}}\n"))
	require.NoError(t, err)
	assert.Empty(t, cfg.Warnings)
	assert.Empty(t, cfg.Routes)

	cfg, err = config.Parse("a.yaml", []byte("upstreams: {a: {target: b}}\n"))
	require.NoError(t, err)
	require.Len(t, cfg.Warnings, 1)
}

// The id may come from an annotation, which is known only with the schema.
func TestAnnotatedUpstreamsMayHaveIDs(t *testing.T) {
	const file = "upstreams: {a: {target: b, annotations: %s}}\n" +
		"routes: [{path: /a, rpc: b.C/D, on_end: reopen, request: {set: {after: \"${last_event_id}\"}}}]\n"
	for annotations, warnings := range map[string]int{"true": 0, "false": 1} {
		cfg, err := config.Parse("a.yaml", fmt.Appendf(nil, file, annotations))
		require.NoError(t, err)
		assert.Len(t, cfg.Warnings, warnings, annotations)
	}
}

// The file of the documentation has every key. The loader refuses none.
func TestEveryDocumentedKeyIsKnown(t *testing.T) {
	t.Chdir("testdata")
	for _, p := range problemsOf(t, "everything.yaml") {
		assert.True(t, p.Warning, p)
	}
}

func TestIncludeLeavesOutItselfAndFindsFilesOnce(t *testing.T) {
	cfg := load(t, filepath.Join("include", "odd [dir]", "main.yaml"))
	require.Len(t, cfg.Routes, 1)
	assert.Equal(t, "/jobs/{id}:watch", cfg.Routes[0].Path)
	require.Len(t, cfg.Upstreams, 1)
}

func TestForUpstream(t *testing.T) {
	cfg := config.ForUpstream("localhost:50051")
	assert.True(t, cfg.ServeAll)
	assert.Equal(t, "127.0.0.1:8080", cfg.Server.Listen)
	assert.Equal(t, defaultRoute(), cfg.Defaults.WithoutSource())
	assert.Empty(t, cfg.Routes)
	require.Len(t, cfg.Upstreams, 1)
	u := cfg.Upstreams[0]
	assert.Equal(t, "localhost:50051", u.Target)
	assert.Equal(t, "localhost:50051", u.Name)
	assert.Nil(t, u.TLS)
	assert.True(t, u.Schema.Reflection)
	assert.Equal(t, config.BalanceRoundRobin, u.Balance)
}

func TestLoadOfAnAbsentFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "absent.yaml"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	var problems config.Problems
	assert.NotErrorAs(t, err, &problems, "an I/O error does not count as a problem of the file")
}

func TestEnvironmentOfTheProcessIsTheDefault(t *testing.T) {
	t.Setenv("GRPCSSE_TEST_LISTEN", ":7")
	const file = "server: {listen: '${env.GRPCSSE_TEST_LISTEN}'}\nupstreams: {a: {target: b}}\n"
	for _, opts := range [][]config.Option{nil, {config.WithEnv(nil)}} {
		cfg, err := config.Parse("a.yaml", []byte(file), opts...)
		require.NoError(t, err)
		assert.Equal(t, ":7", cfg.Server.Listen)
	}
}

func TestSchemaSectionMayBeEmpty(t *testing.T) {
	cfg, err := config.Parse("dir/a.yaml", []byte("upstreams:\n  a: {target: b, schema: {}}\n  c: {target: d, schema: {proto: {files: [e.proto]}}}\n"))
	require.NoError(t, err)
	assert.Equal(t, config.Schema{Reflection: true}, cfg.Upstreams[0].Schema)
	assert.Equal(t, []string{"dir"}, cfg.Upstreams[1].Schema.Proto.ImportPaths, "the directory of the file by default")
}
