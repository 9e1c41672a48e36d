package openapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
)

// stage is a bridge with the routes that a test gives it.
type stage struct {
	routes []bridge.RouteInfo
	looks  int
	cfg    *config.Config
}

func (s *stage) Routes() []bridge.RouteInfo {
	s.looks++
	return slices.Clone(s.routes)
}

func (s *stage) ServesHost(r *http.Request) bool { return r.Host == "served.example" }

// newStage returns the routes of a configuration with two upstreams, and the bridge has never reached one of them.
func newStage(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.proto": "syntax = \"proto3\"; package p; message M { string a = 1; } service S { rpc Watch(M) returns (stream M); rpc More(M) returns (stream M); }",
		"grpcsse.yaml": `
server: {openapi: /docs/openapi.json}
upstreams:
  near: {target: "127.0.0.1:1", schema: {proto: {files: [p.proto]}}}
  far: {target: "127.0.0.1:1"}
routes:
  - {path: "/m/{a}", rpc: p.S/Watch, upstream: near}
  - {path: /more, rpc: p.S/More, upstream: near}
  - {path: /z, rpc: far.S/Watch, upstream: far}
  - {path: /far, rpc: far.S/Watch, upstream: far}
`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cfg, err := config.Load(filepath.Join(dir, "grpcsse.yaml"))
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, b.Close()) }()
	require.NoError(t, b.Ready(t.Context()))
	return &stage{routes: b.Routes(), cfg: cfg}
}

// ask sends a request. Each word has the form NAME=VALUE and is a header.
func ask(h http.Handler, method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "served.example"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, "=")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// content returns what a document says about itself.
func content(t *testing.T, r *http.Response) (version string, paths, missing []string) {
	t.Helper()
	var doc struct {
		OpenAPI string
		Paths   map[string]any
		Missing []string `json:"x-grpcsse-missing"`
	}
	require.Equal(t, http.StatusOK, r.StatusCode)
	require.NoError(t, json.NewDecoder(r.Body).Decode(&doc))
	require.NoError(t, r.Body.Close())
	for path := range doc.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return doc.OpenAPI, paths, doc.Missing
}

func TestADocumentIsServed(t *testing.T) {
	s := newStage(t)
	synctest.Test(t, func(t *testing.T) {
		h := openapi.NewHandler(s, func() *config.Config { return s.cfg })
		first := ask(h, "GET", "/any")
		tag := first.Header.Get("ETag")
		version, paths, missing := content(t, first)
		assert.Equal(t, "3.1.1", version)
		assert.Equal(t, []string{"/m/{a}", "/more"}, paths)
		assert.Equal(t, []string{"/far", "/z"}, missing, "the routes of an upstream that was never reached are named")
		assert.Equal(t, "application/json", first.Header.Get("Content-Type"))
		version, _, _ = content(t, ask(h, "GET", "/any?target=3.2"))
		assert.Equal(t, "3.2.0", version)

		assert.Equal(t, http.StatusNotModified, ask(h, "GET", "/any", "If-None-Match="+tag).StatusCode)
		assert.Equal(t, http.StatusOK, ask(h, "GET", "/any?target=3.2", "If-None-Match="+tag).StatusCode, "another version has another tag")
		assert.Equal(t, http.StatusOK, ask(h, "HEAD", "/any").StatusCode)
		for _, method := range []string{"POST", "OPTIONS", "DELETE"} {
			r := ask(h, method, "/any")
			assert.Equal(t, http.StatusMethodNotAllowed, r.StatusCode)
			assert.Equal(t, "GET, HEAD", r.Header.Get("Allow"))
		}
		for _, target := range []string{"?target=", "?target=3.0", "?target=3.1&target=3.2"} {
			assert.Equal(t, http.StatusBadRequest, ask(h, "GET", "/any"+target).StatusCode, target)
		}

		s.routes = s.routes[:1]
		assert.Equal(t, http.StatusNotModified, ask(h, "GET", "/any", "If-None-Match="+tag).StatusCode, "the routes were looked at a moment ago")
		assert.Equal(t, 1, s.looks, "many requests cost one look")
		time.Sleep(time.Second)
		changed := ask(h, "GET", "/any", "If-None-Match="+tag)
		_, paths, missing = content(t, changed)
		assert.Equal(t, []string{"/m/{a}"}, paths)
		assert.Empty(t, missing)
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusNotModified, ask(h, "GET", "/any", "If-None-Match="+changed.Header.Get("ETag")).StatusCode)

		s.routes = nil
		time.Sleep(time.Second)
		r := ask(h, "GET", "/any")
		assert.Equal(t, http.StatusServiceUnavailable, r.StatusCode, "a document without routes would make an empty client")
		assert.Equal(t, "5", r.Header.Get("Retry-After"))
	})
}

func TestADocumentIsPublicByTheKeyAlone(t *testing.T) {
	s := newStage(t)
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for name, tt := range map[string]struct {
		key, target string
		headers     []string
		served      bool
	}{
		"the path of the key":     {"/docs/openapi.json", "/docs/openapi.json", nil, true},
		"with a query":            {"/docs/openapi.json", "/docs/openapi.json?target=3.2", nil, true},
		"another path":            {"/docs/openapi.json", "/openapi.json", nil, false},
		"a path below":            {"/docs/openapi.json", "/docs/openapi.json/x", nil, false},
		"no key":                  {"", "/openapi.json", nil, false},
		"a route has the path":    {"/more", "/more", nil, false},
		"a host that is not ours": {"/docs/openapi.json", "/docs/openapi.json", []string{"Host=evil.example"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := *s.cfg
			cfg.Server.OpenAPI = tt.key
			h := openapi.NewHandler(s, func() *config.Config { return &cfg }).Beside(next)
			r := ask(h, "GET", tt.target, tt.headers...)
			if !tt.served {
				assert.Equal(t, http.StatusTeapot, r.StatusCode)
				return
			}
			content(t, r)
			assert.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
			assert.Empty(t, r.Header.Get("Access-Control-Allow-Origin"), "pages of other origins do not read it")
		})
	}
}
