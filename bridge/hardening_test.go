package bridge_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// plain is a GET of a client that is no EventSource.
func plain(t *testing.T, url string, header ...string) *http.Request {
	t.Helper()
	r := eventSource(t.Context(), t, url, header...)
	r.Header.Set("Accept", "*/*")
	return r
}

// hostileTexts are texts that could end a line, an event or a header too early.
func hostileTexts() []string {
	return []string{
		"1\nevent: forged", "1\rdata: forged", "1\r\n\r\ndata: forged\n\n", "1\x00", "\n", " ", "grpc-end", "~", "\u2028", "\ufeff",
		"error", "grpc-status", "message: x", ": comment", strings.Repeat("x", 200) + "\n\nid: y",
	}
}

func TestNothingInAMessageInjectsALine(t *testing.T) {
	texts := hostileTexts()
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for _, text := range texts {
			if err := stream.Send(&streamv1.Event{Kind: text, Text: text}); err != nil {
				return err
			}
		}
		return nil
	})
	f := startFront(t, s, routeFile("event: {id: text, name: kind}"))
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.NotContains(t, string(body), "\r")
	assert.NotContains(t, string(body), "\x00")
	blocks := strings.Split(strings.TrimSuffix(string(body), "\n\n"), "\n\n")
	require.Len(t, blocks, len(texts)+2, "one block for each message, and two at the end")
	for i, block := range blocks[:len(texts)] {
		var data struct{ Text string }
		fields := map[string]string{}
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			require.NotContains(t, fields, name)
			fields[name] = value
		}
		require.NoError(t, json.Unmarshal([]byte(fields["data"]), &data))
		assert.Equal(t, texts[i], data.Text, "the data is complete")
		assert.NotContains(t, []string{"error", "message", "grpc-status", ""}, fields["event"])
		assert.Regexp(t, `\A[!-~]{0,128}\z`, fields["id"])
		assert.NotEqual(t, "grpc-end", fields["id"])
	}
}

func TestAnIDThatNeedsEncodingComesBackDecoded(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile("event: {id: text}", `request: {set: {name: "${last_event_id}"}}`))
	for _, value := range []string{"1\nevent: forged", "1\x00", "grpc-end", "~", "\u2028"} {
		id := "~" + base64.RawURLEncoding.EncodeToString([]byte(value))
		got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", id))).all(t)
		require.Len(t, got, 2)
		var request struct{ Name string }
		require.NoError(t, json.Unmarshal([]byte(echoed(t, got[0])), &request))
		assert.Equal(t, value, request.Name)
	}
}

func TestHostileCursorsAreResets(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`request: {set: {after_sequence: "${last_event_id}"}}`))
	for name, tt := range map[string]struct{ query, header, told string }{
		"bytes":                 {"", "\xff\xfe", "\ufffd\ufffd"},
		"a tab":                 {"", "1\t2", "1\t2"},
		"encoded, of no number": {"", "~_w", "~_w"},
		"no encoding":           {"", "~!!", "~!!"},
		"line breaks":           {"?last_event_id=1%0d%0aevent:%20forged", "", "1\r\nevent: forged"},
		"NUL":                   {"?last_event_id=%00", "", "\x00"},
		"overlong UTF-8":        {"?last_event_id=%c0%af", "", "\ufffd\ufffd"},
		"a broken escape":       {"?last_event_id=%zz", "", "%zz"},
		"polyfills' spelling":   {"?lastEventId=%ff", "", "\ufffd"},
		"the newest of several": {"?last_event_id=1&lastEventId=%00", "", "\x00"},
		"the header wins":       {"?last_event_id=%zz", "x", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			r := eventSource(t.Context(), t, f.url+"/watch/x"+tt.query)
			if tt.header != "" {
				r.Header.Set("Last-Event-ID", tt.header)
			}
			got := newReader(do(t, clients(t)["HTTP1"], r)).all(t)
			require.Len(t, got, 3)
			assert.Equal(t, "grpc-reset", got[0].name)
			var reset struct {
				LastEventID string `json:"last_event_id"`
			}
			require.NoError(t, json.Unmarshal([]byte(got[0].data), &reset))
			assert.Equal(t, tt.told, reset.LastEventID, "the id has the form in which the page sent it")
			assert.JSONEq(t, `{"topic":"x"}`, echoed(t, got[1]))
		})
	}
}

func TestHostileQueriesAreRefusedByAnEvent(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	long := strings.Repeat("x", 900<<10) // the limit of the HTTP server for a header is 1 MiB
	for name, tt := range map[string]struct{ query, want string }{
		"a megabyte of text for a number": {"count=" + long, `query parameter "count": expected `},
		"a megabyte of name":              {long + "=%zz", `query parameter "xxx`},
		"100,000 parameters":              {strings.Repeat("a=1&", 100_000), "at most 1000 query parameters"},
		"deep names":                      {"filter." + strings.Repeat("inner.", 50) + "venue=x", `query parameter "filter`},
		"a broken escape":                 {"topic2=%zz", "two hexadecimal digits"},
		"overlong UTF-8":                  {"name=%c0%af", "expected UTF-8 text"},
		"line breaks":                     {"count=1%0d%0a%0d%0adata:%20forged", `found "1\r\n\r\ndata: forged"`},
		"NUL":                             {"count=%00", `found "\x00"`},
	} {
		t.Run(name, func(t *testing.T) {
			told, resp, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/x?"+tt.query)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Contains(t, answer.Message, tt.want)
			assert.Less(t, len(told.data), 1000, "only a part of what a client sends is sent back")
		})
	}
	assert.Zero(t, s.opened.Load())
}

func TestLargeQueryValuesReachTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	text := strings.Repeat("x", 900<<10)
	r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x?name="+text)))
	got, err := r.next()
	require.NoError(t, err)
	var request struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(echoed(t, got)), &request))
	assert.Len(t, request.Name, len(text), "within the limits of the server")
}

func TestHostilePaths(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	for path, want := range map[string]string{
		"/watch/..": "404", "/watch/%2e%2e": "404", "/watch/x/../y": "404", "//watch/x": "404", "/watch//x": "404", "/watch/": "404",
		"/watch/%c0%af": "400", "/watch/%ff": "400", "/watch/%zz": "400", "/watch/%": "400", "*": "404",
		"http://elsewhere.example/watch/x": "200",
		"/watch/%00":                       "200", "/watch/a%2Fb": "200", "/watch/%0d%0a": "200", "/watch/x;y": "200",
	} {
		t.Run(path, func(t *testing.T) {
			resp := raw(t, f, "GET "+path+" HTTP/1.1\r\nHost: bridge\r\nAccept: text/event-stream\r\n\r\n")
			assert.Equal(t, want, resp.Status[:3])
		})
	}
}

// raw sends the bytes of a request, and returns the answer, which must come soon.
func raw(t *testing.T, f *front, request string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, request)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	return resp
}

func TestTheBridgeDoesNotWaitForABodyThatNeverEnds(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`cors: {origins: ["https://a.example"]}`))
	for name, tt := range map[string]struct {
		head string
		want int
	}{
		"POST":               {"POST /watch/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 405},
		"GET, chunked":       {"GET /watch/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked", 400},
		"GET, with a length": {"GET /watch/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nAccept: text/event-stream", 400},
		"after the end":      {"POST /watch/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nLast-Event-ID: grpc-end", 204},
		"a preflight": {
			"OPTIONS /watch/x HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\nContent-Length: 10", 204,
		},
		"no such path": {"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10", 404},
	} {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, f, tt.head+"\r\n\r\n")
			assert.Equal(t, tt.want, resp.StatusCode)
			assert.True(t, resp.Close)
		})
	}
	assert.Zero(t, s.opened.Load())
}

func TestDuplicateHeaders(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`request: {set: {after_sequence: "${last_event_id}"}}`))
	const head = "GET /watch/x HTTP/1.1\r\nHost: bridge\r\n"
	for name, tt := range map[string]struct {
		header string
		status int
		kind   string
	}{
		"two Accept lines":          {"Accept: text/html\r\nAccept: text/event-stream", 200, "text/event-stream"},
		"the first cursor counts":   {"Last-Event-ID: 1\r\nLast-Event-ID: grpc-end", 200, "text/event-stream"},
		"a foreign origin, hidden":  {"Origin: https://evil.example\r\nOrigin: http://bridge", 403, "application/json"},
		"two hosts":                 {"Host: other", 400, "text/plain; charset=utf-8"},
		"two fetch sites":           {"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Site: same-origin", 403, "application/json"},
		"two lengths":               {"Content-Length: 0\r\nContent-Length: 1", 400, "text/plain; charset=utf-8"},
		"a header with a bare CR":   {"X-A: a\rX-B: b", 400, "text/plain; charset=utf-8"},
		"a header with a NUL":       {"Last-Event-ID: 1\x00", 400, "text/plain; charset=utf-8"},
		"an end and another id":     {"Last-Event-ID: grpc-end,1", 200, "text/event-stream"},
		"an end in different white": {"Last-Event-ID:  \t grpc-end \t", 204, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := raw(t, f, head+tt.header+"\r\n\r\n")
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Equal(t, tt.kind, resp.Header.Get("Content-Type"))
		})
	}
}

func TestWhichClientsAreEventSources(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.NotFound, "")))
	f := startFront(t, s, routeFile())
	for accept, want := range map[string]int{
		"text/event-stream":                    200,
		"TEXT/EVENT-STREAM; charset=utf-8":     200,
		"text/html, text/event-stream;q=0.001": 200,
		",,;;,text/event-stream":               200,
		"*/*":                                  404,
		"text/*":                               404,
		"text/event-stream;q=0":                404,
		"text/event-stream; q=0.000":           404,
		"text/event-streams":                   404,
		strings.Repeat("a/b;c=d,", 30_000) + "text/html": 404,
	} {
		resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Accept", accept))
		assert.Equal(t, want, resp.StatusCode, accept[:min(len(accept), 60)])
	}
}

func TestA204MustNotBeCached(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "grpc-end"))
	assert.Equal(t, http.StatusNoContent, resp.StatusCode)
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"), "a cached 204 would close the streams of other clients")
}

func TestAnErrorHasItsHTTPStatusInSpiteOfAReset(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		return status.Error(codes.NotFound, "no such topic")
	})
	f := startFront(t, s, routeFile("open_wait: 1h", `request: {set: {after_sequence: "${last_event_id}"}}`))
	resp := do(t, clients(t)["HTTP1"], plain(t, f.url+"/watch/x", "Last-Event-ID", "yesterday"))
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "yesterday"))).all(t)
	require.Len(t, got, 2)
	assert.Equal(t, "grpc-reset", got[0].name)
	assert.Equal(t, "grpc-status", got[1].name)
}

func TestASilentStreamSendsItsReset(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 20ms", `request: {set: {after_sequence: "${last_event_id}"}}`))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	got, err := newReader(do(t, clients(t)["HTTP1"], eventSource(ctx, t, f.url+"/watch/x", "Last-Event-ID", "yesterday"))).next()
	require.NoError(t, err)
	assert.Equal(t, "grpc-reset", got.name, "the reset comes before any event")
}

func TestAnEndWithoutEventsIsAStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, nil))
	f := startFront(t, s, routeFile("open_errors: http", "on_end: reconnect"))
	for name, r := range map[string]*http.Request{
		"EventSource":    eventSource(t.Context(), t, f.url+"/watch/x"), // another content type would close it for good
		"another client": plain(t, f.url+"/watch/x"),
	} {
		t.Run(name, func(t *testing.T) {
			resp := do(t, clients(t)["HTTP1"], r)
			assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			assert.Equal(t, "0", resp.Header.Get("Grpc-Status"))
			got := newReader(resp).all(t)
			require.Len(t, got, 1)
			assert.Contains(t, got[0].data, `"status":"OK"`)
		})
	}
}

func TestMiddlewareKeepsItsVary(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, nil))
	f := startFront(t, s, routeFile())
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Accept-Encoding")
		f.bridge.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	for path, own := range map[string]string{"/watch/x": "Accept, Accept-Encoding, Origin", "/nowhere": "Accept, Origin"} {
		resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, web.URL+path))
		assert.Equal(t, []string{"Accept-Encoding", own}, resp.Header.Values("Vary"))
		_, _ = io.Copy(io.Discard, resp.Body)
	}
}

func TestADrainDoesNotWaitForAStreamToOpen(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 1h"))
	client := clients(t)["HTTP1"]
	got := make(chan *http.Response, 1)
	go func() {
		defer close(got)
		if resp, err := client.Do(eventSource(t.Context(), t, f.url+"/watch/x")); err == nil {
			got <- resp
		}
	}()
	s.requireStreams(t, 1)
	require.NoError(t, f.bridge.Shutdown(t.Context()))
	resp, ok := <-got
	require.True(t, ok)
	defer resp.Body.Close()
	events := newReader(resp).all(t)
	require.Len(t, events, 1)
	assert.Contains(t, events[0].data, `"reason":"drain"`)
}
