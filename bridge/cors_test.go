package bridge_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestPagesOfOtherOrigins(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	const page = "https://app.example.com"
	own := routeFile()
	one := routeFile(`cors: {origins: ["` + page + `"]}`)
	trusted := routeFile(`cors: {origins: ["`+page+`"], credentials: true}`, "metadata: {expose: [x-cursor]}")
	all := routeFile(`cors: {origins: ["*"]}`)
	tests := map[string]struct {
		file, origin               string
		status                     int
		allowOrigin, allowWithCred string
	}{
		"own origin only":  {own, page, 403, "", ""},
		"a named origin":   {one, page, 200, page, ""},
		"with credentials": {trusted, page, 200, page, "true"},
		"another origin":   {one, "https://evil.example.com", 403, "", ""},
		"a longer origin":  {one, page + ".evil.example", 403, "", ""},
		"another scheme":   {one, "http://app.example.com", 403, "", ""},
		"another port":     {one, page + ":8443", 403, "", ""},
		"an opaque origin": {one, "null", 403, "", ""},
		"every origin":     {all, "https://anyone.example", 200, "*", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, tt.file)
			before := s.opened.Load()
			resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Origin", tt.origin))
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.allowOrigin, resp.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, tt.allowWithCred, resp.Header.Get("Access-Control-Allow-Credentials"))
			assert.Contains(t, resp.Header.Get("Vary"), "Origin", "a cache must keep the answers of origins apart")
			if tt.status == http.StatusForbidden {
				assert.Equal(t, before, s.opened.Load(), "a stream was opened")
			} else {
				assert.Len(t, newReader(resp).all(t), 2)
			}
		})
	}
}

func TestAnErrorCanBeReadByPagesOfOtherOrigins(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.NotFound, "")))
	f := startFront(t, s, routeFile(`cors: {origins: ["https://app.example.com"]}`, "open_errors: http"))
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Origin", "https://app.example.com"))
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	assert.Equal(t, "https://app.example.com", resp.Header.Get("Access-Control-Allow-Origin"))
	assert.Contains(t, resp.Header.Get("Access-Control-Expose-Headers"), "Grpc-Status")
}

func TestPreflight(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, routeFile(`cors: {origins: ["https://app.example.com"]}`, "methods: [GET, POST]",
		"metadata: {forward: [x-tenant]}")+"  - {path: /own, rpc: test.stream.v1.StreamService/Watch}\n")
	tests := map[string]struct {
		path, origin, method, headers string
		status                        int
		allowed                       bool
	}{
		"post":               {"/watch/x", "https://app.example.com", "POST", "content-type", 204, true},
		"a cursor":           {"/watch/x", "https://app.example.com", "GET", "last-event-id", 204, true},
		"a forwarded header": {"/watch/x", "https://app.example.com", "POST", "x-tenant", 204, true},
		"another header":     {"/watch/x", "https://app.example.com", "POST", "x-other", 204, false},
		"another origin":     {"/watch/x", "https://evil.example", "POST", "content-type", 204, false},
		"another method":     {"/watch/x", "https://app.example.com", "DELETE", "", 403, false},
		"another route":      {"/own", "https://app.example.com", "GET", "", 403, false},
		"no route":           {"/none", "https://app.example.com", "GET", "", 403, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, f.url+tt.path, nil)
			require.NoError(t, err)
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Access-Control-Request-Method", tt.method)
			if tt.headers != "" {
				r.Header.Set("Access-Control-Request-Headers", tt.headers)
			}
			resp := do(t, clients(t)["HTTP1"], r)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.allowed, resp.Header.Get("Access-Control-Allow-Origin") == tt.origin)
		})
	}
	assert.Zero(t, s.opened.Load())
}
