package bridge_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// post is a POST of a JSON body.
func post(t *testing.T, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestPostBodiesBecomeMessages(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`methods: [GET, POST]`, `body: "*"`, "request: {set: {filter.venue: XNAS}}")+`
  - {path: /filter, rpc: test.stream.v1.StreamService/Watch, methods: [POST], body: filter}
`)
	tests := map[string]struct {
		path, body, want string
	}{
		"the whole message":      {"/watch/a", `{"tags":["x"],"window":"1.5s"}`, `{"topic":"a","tags":["x"],"window":"1.500s","filter":{"venue":"XNAS"}}`},
		"nothing":                {"/watch/a", ``, `{"topic":"a","filter":{"venue":"XNAS"}}`},
		"a field, and the query": {"/filter?topic=q", `{"open":true}`, `{"topic":"q","filter":{"open":true}}`},
		"unknown members":        {"/watch/a", `{"nonsense":1}`, `{"topic":"a","filter":{"venue":"XNAS"}}`},
	}
	for protocol, client := range clients(t) {
		for name, tt := range tests {
			t.Run(protocol+"/"+name, func(t *testing.T) {
				got := newReader(do(t, client, post(t, f.url+tt.path, tt.body))).all(t)
				require.Len(t, got, 2)
				assert.JSONEq(t, tt.want, echoed(t, got[0]))
			})
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, "server: {limits: {request_bytes: 1KiB}}\n"+routeFile(`methods: [POST]`, `body: "*"`)+`
  - {path: /none, rpc: test.stream.v1.StreamService/Watch, methods: [POST]}
`)
	tests := map[string]struct {
		path, body, contentType string
		status                  int
		message                 string
	}{
		"no JSON":                     {"/watch/a", `{`, "application/json", 400, "body"},
		"a wrong type":                {"/watch/a", `{"count":"many"}`, "application/json", 400, `"count"`},
		"a field that the path binds": {"/watch/a", `{"topic":"b"}`, "application/json", 400, `"topic"`},
		"another media type":          {"/watch/a", `topic=b`, "application/x-www-form-urlencoded", 415, "application/json"},
		"too large":                   {"/watch/a", `{"name":"` + strings.Repeat("x", 2000) + `"}`, "application/json", 413, "too large"},
		"not wanted":                  {"/none", `{"topic":"b"}`, "application/json", 400, "body"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp := do(t, clients(t)["HTTP1"], post(t, f.url+tt.path, tt.body, "Content-Type", tt.contentType))
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Contains(t, strings.ReplaceAll(string(text), `\"`, `"`), tt.message)
			assert.Contains(t, string(text), `"retry":false`)
		})
	}
	assert.Zero(t, s.opened.Load())
}

func TestTheTimeForABodyDoesNotEndItsStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	overEveryTransport(t, func(t *testing.T) *front {
		t.Parallel() // it waits for longer than a write may take
		return startFront(t, s, routeFile("methods: [POST]", `body: "*"`, "open_wait: 1ms", "heartbeat: 500ms", "write_timeout: 1s"))
	}, func(t *testing.T, _ *front, client *http.Client, url string) {
		resp := do(t, client, post(t, url+"/watch/x", `{"count":1}`))
		beats := make([]byte, len(":\n:\n:\n"))
		_, err := io.ReadFull(resp.Body, beats)
		require.NoError(t, err)
		assert.Equal(t, ":\n:\n:\n", string(beats))
		require.NoError(t, resp.Body.Close())
		s.requireStreams(t, 0)
	})
}

func TestTheBridgeDoesNotWaitForARefusedBody(t *testing.T) {
	t.Parallel() // the test waits
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`methods: [GET, POST]`, `body: "*"`))
	for name, head := range map[string]string{
		"a wrong type":      "POST /watch/x HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100",
		"a foreign origin":  "POST /watch/x HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\nContent-Length: 100",
		"an encoded length": "POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each case waits until the time for a refused body is over
			conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			_, err = io.WriteString(conn, head+"\r\n\r\n")
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(3*patience)))
			_, err = io.ReadAll(conn)
			require.NoError(t, err, "the bridge closes the connection, and does not wait for the body")
		})
	}
}

func TestAPostWhoseBodyNeverEnds(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile("methods: [POST]", `body: "*"`, "write_timeout: 100ms"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = conn.Write([]byte("POST /watch/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(3*patience)))
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")), "answered %q", answer)
	assert.Zero(t, s.opened.Load())
}

func TestMetadataThatTheRouteSets(t *testing.T) {
	got := make(chan metadata.MD, 1)
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		got <- incoming(stream.Context())
		return nil
	})
	f := startFront(t, s, `
upstreams:
  test: {target: "ADDR", metadata: {x-bridge: "yes"}}
routes:
  - path: /t/{tenant}/{topic}
    rpc: test.stream.v1.StreamService/Watch
    request: {set: {name: "${header.x-name:-nobody}"}}
    metadata: {set: {x-tenant: "${path.tenant}", x-session: "${cookie.session}", x-raw-bin: "AP8="}}
`)
	r := eventSource(t.Context(), t, f.url+"/t/acme/x", "Cookie", "session=s1; other=o")
	require.Len(t, newReader(do(t, clients(t)["HTTP1"], r)).all(t), 1)
	md := receive(t, got)
	assert.Equal(t, []string{"acme"}, md["x-tenant"])
	assert.Equal(t, []string{"s1"}, md["x-session"])
	assert.Equal(t, []string{"\x00\xff"}, md["x-raw-bin"])
	assert.Equal(t, []string{"yes"}, md["x-bridge"])

	_, resp, answer := ask(t, clients(t)["HTTP1"], f.url+"/t/acme/x")
	assert.Equal(t, http.StatusUnauthorized, resp.StatusCode, "a reference to a cookie that was not sent refuses the request")
	assert.Contains(t, answer.Message, "cookie.session")
}
