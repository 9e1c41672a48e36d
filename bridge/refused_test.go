package bridge_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bodyOf returns the whole body of a response.
func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func TestARefusedOriginIsExplainedAndLoggedOnce(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f, text := logged(t, s, routeFile("name: quotes"))
	for range 5 {
		r := eventSource(t.Context(), t, f.url+"/watch/secret-topic", "Origin", "https://shop.example")
		r.Host = "backend:8080"
		resp := do(t, clients(t)["HTTP1"], r)
		assert.Equal(t, http.StatusForbidden, resp.StatusCode)
		var answer answerOf
		decode(t, bodyOf(t, resp), &answer)
		for _, want := range []string{`Origin is "https://shop.example"`, `Host is "backend:8080"`, "cors.origins", "rewrites Host"} {
			assert.Contains(t, answer.Message, want)
		}
	}
	warned := linesWith(text.String(), "level=WARN")
	require.Len(t, warned, 1, "one line for an origin, also after many requests")
	assert.Contains(t, warned[0], "https://shop.example")
	assert.Contains(t, warned[0], "backend:8080")
	assert.Contains(t, warned[0], "route=quotes")

	do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Origin", "https://other.example"))
	assert.Len(t, linesWith(text.String(), "level=WARN"), 2, "another origin has a line of its own")
	assert.NotContains(t, text.String(), "secret-topic", "the values of path variables are not logged")
	assert.Zero(t, s.opened.Load())
}

func TestAHostileOriginIsShortenedAndEscaped(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f, text := logged(t, s, routeFile())
	resp := raw(t, f, "GET /watch/x HTTP/1.1\r\nHost: bridge\r\nOrigin: https://\"<script>\xff"+strings.Repeat("x", 10_000)+"\r\n\r\n")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
	body := bodyOf(t, resp)
	assert.Less(t, len(body), 1000)
	var answer answerOf
	decode(t, body, &answer)
	assert.Contains(t, answer.Message, `https://\"<script>\xff`)
	assert.NotContains(t, text.String(), "\xff")
	assert.Less(t, len(text.String()), 2000)
}

func TestWhichPagesAreForeign(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	for name, tt := range map[string]struct {
		header string
		want   int
	}{
		"no header":                           {"", 200},
		"own":                                 {"Origin: http://bridge", 200},
		"own, with the scheme's port":         {"Origin: http://bridge:80", 200},
		"own, behind TLS":                     {"Origin: https://bridge", 200},
		"other port":                          {"Origin: http://bridge:8080", 403},
		"userinfo":                            {"Origin: https://evil.example@bridge", 403},
		"the host of the bridge as userinfo":  {"Origin: https://bridge@evil.example", 403},
		"null":                                {"Origin: null", 403},
		"a file":                              {"Origin: file://", 403},
		"no host":                             {"Origin: https://", 403},
		"an extension":                        {"Origin: chrome-extension://bridge", 403},
		"fetch site, in capital letters":      {"Sec-Fetch-Site: Cross-Site", 403},
		"fetch site, upper case":              {"Sec-Fetch-Site: SAME-SITE", 403},
		"fetch site, own, in capital letters": {"Sec-Fetch-Site: Same-Origin\r\nOrigin: https://public.example", 200},
		"fetch site, unknown":                 {"Sec-Fetch-Site: same-planet\r\nOrigin: https://evil.example", 403},
		"fetch site, unknown, no origin":      {"Sec-Fetch-Site: same-planet", 200},
		"two fetch sites, the foreign last":   {"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site", 403},
		"two origins, the foreign one last":   {"Origin: http://bridge\r\nOrigin: https://evil.example", 403},
		"two origins, the foreign one first":  {"Origin: https://evil.example\r\nOrigin: http://bridge", 403},
	} {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, f, "GET /watch/x HTTP/1.1\r\nHost: bridge\r\n"+tt.header+"\r\n\r\n")
			assert.Equal(t, tt.want, resp.StatusCode)
		})
	}
	t.Run("HTTP/1.0 without Host", func(t *testing.T) {
		for _, origin := range []string{"file://", "null", "https://", "http://evil.example"} {
			assert.Equal(t, 403, raw(t, f, "GET /watch/x HTTP/1.0\r\nOrigin: "+origin+"\r\n\r\n").StatusCode, origin)
		}
		assert.Equal(t, 200, raw(t, f, "GET /watch/x HTTP/1.0\r\n\r\n").StatusCode, "a program is no page")
	})
}

func TestTwoOriginHeadersMatchNoListedOrigin(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`cors: {origins: ["https://app.example.com"]}`))
	resp := raw(t, f, "GET /watch/x HTTP/1.1\r\nHost: bridge\r\nOrigin: https://app.example.com\r\nOrigin: https://evil.example\r\n\r\n")
	assert.Equal(t, http.StatusForbidden, resp.StatusCode)
}

func TestOtherHostsAreRefusedBeforeAnythingElse(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f, text := logged(t, s, `server: {hosts: [localhost, "127.0.0.1", "::1"]}`+"\n"+
		routeFile(`cors: {origins: ["https://app.example.com"]}`))
	const rebound = "Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n"
	for name, tt := range map[string]struct {
		request string
		want    int
	}{
		"DNS rebinding":                  {"GET /watch/x HTTP/1.1\r\n" + rebound, 421},
		"with a port":                    {"GET /watch/x HTTP/1.1\r\nHost: evil.example:8080\r\n", 421},
		"a name with the same beginning": {"GET /watch/x HTTP/1.1\r\nHost: localhost.evil.example\r\n", 421},
		"after the end":                  {"GET /watch/x HTTP/1.1\r\n" + rebound + "Last-Event-ID: grpc-end\r\n", 421},
		"a preflight":                    {"OPTIONS /watch/x HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n", 421},
		"a path without a route":         {"GET /nowhere HTTP/1.1\r\n" + rebound, 421},
		"HEAD":                           {"HEAD /watch/x HTTP/1.1\r\n" + rebound, 421},
		"a whole URL":                    {"GET http://evil.example/watch/x HTTP/1.1\r\nHost: localhost\r\n", 421},
		"a whole URL, own":               {"GET http://localhost/watch/x HTTP/1.1\r\nHost: evil.example\r\n", 200},
		"none, HTTP/1.0":                 {"GET /watch/x HTTP/1.0\r\n", 421},
		"empty":                          {"GET /watch/x HTTP/1.1\r\nHost:\r\n", 421},
		"own":                            {"GET /watch/x HTTP/1.1\r\nHost: localhost\r\n", 200},
		"own, with a port":               {"GET /watch/x HTTP/1.1\r\nHost: LocalHost:1234\r\n", 200},
		"own, absolute":                  {"GET /watch/x HTTP/1.1\r\nHost: localhost.:1234\r\n", 200},
		"own, IPv4":                      {"GET /watch/x HTTP/1.1\r\nHost: 127.0.0.1:80\r\n", 200},
		"own, IPv6":                      {"GET /watch/x HTTP/1.1\r\nHost: [::1]:80\r\n", 200},
		"own, IPv6 without a port":       {"GET /watch/x HTTP/1.1\r\nHost: [::1]\r\n", 200},
		"own, after the end of a stream": {"GET /watch/x HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: grpc-end\r\n", 204},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.opened.Load()
			resp := raw(t, f, tt.request+"Accept: text/event-stream\r\nConnection: close\r\n\r\n")
			assert.Equal(t, tt.want, resp.StatusCode)
			if tt.want == 421 {
				assert.Equal(t, before, s.opened.Load())
				assert.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
			}
		})
	}
	assert.Len(t, linesWith(text.String(), "host=evil.example\n"), 1, "the refusal is logged once: %s", text)

	t.Run("over HTTP/2", func(t *testing.T) {
		r := eventSource(t.Context(), t, f.url+"/watch/x")
		assert.Equal(t, 200, do(t, clients(t)["h2c"], r).StatusCode)
		r = eventSource(t.Context(), t, f.url+"/watch/x")
		r.Host = "evil.example"
		assert.Equal(t, 421, do(t, clients(t)["h2c"], r).StatusCode)
	})
}

func TestThePathThatNoRouteMatchesIsNamed(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	web := httptest.NewServer(http.StripPrefix("/api/watch", f.bridge))
	t.Cleanup(web.Close)
	for path, want := range map[string]string{
		"/api/watch/x":                            `"/x"`,
		"/api/watch/%3Cscript%3E":                 `"/%3Cscript%3E"`,
		"/api/watch/" + strings.Repeat("y", 5000): `"/` + strings.Repeat("y", 99) + `…"`,
	} {
		resp := do(t, clients(t)["HTTP1"], plain(t, web.URL+path))
		assert.Equal(t, http.StatusNotFound, resp.StatusCode)
		var answer answerOf
		decode(t, bodyOf(t, resp), &answer)
		assert.Equal(t, "no route matches the path "+strings.ReplaceAll(want, "…", `\u2026`), answer.Message)
	}
}

func TestTheConnectionOfARefusedClientIsClosed(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	full := startFront(t, s, "server: {limits: {streams: 1}}\n"+routeFile("open_wait: 1ms"))
	do(t, clients(t)["h2c"], eventSource(t.Context(), t, full.url+"/watch/x"))
	draining := startFront(t, s, routeFile())
	require.NoError(t, draining.bridge.Shutdown(t.Context()))
	for name, f := range map[string]*front{
		"a limit":              full,
		"a drain":              draining,
		"a route out of order": startFront(t, &server{addr: "127.0.0.1:1"}, routeFile()),
	} {
		for kind, request := range map[string]*http.Request{
			"EventSource": eventSource(t.Context(), t, f.url+"/watch/x"), "other": plain(t, f.url+"/watch/x"),
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
				require.NoError(t, err)
				defer conn.Close()
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				require.NoError(t, request.Write(conn))
				answer, err := io.ReadAll(conn) // to the end of the connection
				require.NoError(t, err)
				assert.Contains(t, string(answer), "Connection: close")
				assert.Contains(t, string(answer), `"retry":true`)

				client, reused := clients(t)["h2c"], false
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
					GotConn: func(got httptrace.GotConnInfo) { reused = got.Reused },
				})
				for i := range 3 {
					_ = bodyOf(t, do(t, client, request.Clone(ctx)))
					assert.Equal(t, i > 0, reused, "the other streams of an HTTP/2 connection go on")
				}
			})
		}
	}
}

func TestAClientThatClosesItsSendingSideIsToldThatItCountsAsGone(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 1h"))
	for name, address := range map[string]string{"parked": "127.0.0.1", "unparked": unparked} {
		t.Run(name, func(t *testing.T) {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
			conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(conn, "GET /watch/x HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			answer, err := io.ReadAll(conn)
			require.NoError(t, err)
			assert.True(t, bytes.HasPrefix(answer, []byte("HTTP/1.1 499 ")), "answered %q", answer)
			assert.Contains(t, string(answer), `"status":"CANCELLED"`)
			assert.Contains(t, string(answer), "counts as leaving")
			s.requireStreams(t, 0)
		})
	}
}
