package bridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// accessed does the same as startFront, with an access log in JSON.
func accessed(t *testing.T, s *server, file string) (*front, *accessLog) {
	t.Helper()
	cfg := parse(t, s, file)
	lines := new(accessLog)
	b, err := bridge.New(t.Context(), cfg, bridge.WithAccessLog(slog.New(slog.NewJSONHandler(lines, nil))))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	return &front{bridge: b, url: serveHTTP(t, b)}, lines
}

// accessLog holds the lines of an access log.
type accessLog struct{ logText }

// all returns all lines, without the parts that differ in each run.
func (l *accessLog) all(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(l.String()) {
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		assert.Positive(t, line["duration"], text)
		for _, key := range []string{"time", "level", "duration"} {
			assert.Contains(t, line, key)
			delete(line, key)
		}
		lines = append(lines, line)
	}
	return lines
}

// await returns the next n lines, and forgets them.
func (l *accessLog) await(t *testing.T, n int) []map[string]any {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(l.String(), "\n") >= n }, patience, time.Millisecond,
		"lines of the access log: expected %d", n)
	lines := l.all(t)
	l.mu.Lock()
	l.text.Reset()
	l.mu.Unlock()
	require.Len(t, lines, n)
	return lines
}

// with returns a line with the parts that most lines of a test have, and some more.
func with(parts ...any) map[string]any {
	line := map[string]any{
		"msg": "stream", "route": "/watch/{topic}", "client": "127.0.0.1", "method": "GET", "protocol": "HTTP/1.1", "status": 200.0,
		"code": "OK", "reason": "upstream", "events": 0.0, "bytes": 0.0, "resumed": "none",
	}
	for i := 0; i < len(parts); i += 2 {
		if key := parts[i].(string); parts[i+1] == nil {
			delete(line, key)
		} else {
			line[key] = parts[i+1]
		}
	}
	return line
}

// The code of a line is that of gRPC: a stream that has failed has the HTTP status 200 too.
func TestTheLinesOfTheAccessLog(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		switch r.GetTopic() {
		case "refused":
			return status.Error(codes.NotFound, "a message of the upstream")
		case "fails":
			if err := stream.Send(&streamv1.Event{Sequence: 1, Text: "a value"}); err != nil {
				return err
			}
			return status.Error(codes.Internal, "")
		case "silent":
			return untilCancelled(r, stream)
		}
		return stream.Send(&streamv1.Event{Sequence: 2})
	})
	f, log := accessed(t, s, routeFile("cors: {origins: [https://app.example.com]}", "reopen: {max_attempts: 1}"))
	refused := []any{"msg", "refused", "resumed", nil}
	client := clients(t)["HTTP1"]
	ask := func(client *http.Client, change func(r *http.Request), path string) *http.Response {
		r := eventSource(t.Context(), t, f.url+path)
		if change != nil {
			change(r)
		}
		resp, err := client.Do(r)
		require.NoError(t, err)
		return resp
	}
	for name, tt := range map[string]struct {
		path   string
		change func(r *http.Request)
		want   map[string]any
	}{
		"a stream":            {"/watch/x", nil, with("events", 1.0)},
		"one that has failed": {"/watch/fails", nil, with("events", 1.0, "code", "INTERNAL")},
		"a refusal as an event": {"/watch/refused", nil,
			with(append(refused, "code", "NOT_FOUND")...)},
		"a refusal as a status": {"/watch/refused", func(r *http.Request) { r.Header.Del("Accept") },
			with(append(refused, "code", "NOT_FOUND", "status", 404.0)...)},
		"no route": {"/none?token=S3CRET", nil,
			with(append(refused, "code", "NOT_FOUND", "status", 404.0, "reason", "request", "route", nil)...)},
		"no method": {"/watch/x", func(r *http.Request) { r.Method = "BREW" },
			with(append(refused, "code", "UNIMPLEMENTED", "status", 405.0, "reason", "request", "route", nil, "method", "BREW")...)},
		"another origin": {"/watch/x", func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") },
			with(append(refused, "code", "PERMISSION_DENIED", "status", 403.0, "reason", "request")...)},
		"a bad parameter": {"/watch/x?after_sequence=none", nil,
			with(append(refused, "code", "INVALID_ARGUMENT", "reason", "request")...)},
		"HEAD": {"/watch/x", func(r *http.Request) { r.Method = http.MethodHead },
			with("msg", "answered", "method", "HEAD", "reason", nil, "resumed", nil)},
		"after a final end": {"/watch/x", func(r *http.Request) { r.Header.Set("Last-Event-ID", "grpc-end") },
			with("msg", "answered", "status", 204.0, "reason", nil, "resumed", nil, "route", nil)},
		"a preflight": {"/watch/x", func(r *http.Request) {
			r.Method = http.MethodOptions
			r.Header.Set("Origin", "https://app.example.com")
			r.Header.Set("Access-Control-Request-Method", http.MethodGet)
		}, with("msg", "answered", "method", "OPTIONS", "status", 204.0, "reason", nil, "resumed", nil)},
	} {
		resp := ask(client, tt.change, tt.path)
		_ = newReader(resp).drain()
		_ = resp.Body.Close()
		got := log.await(t, 1)[0]
		if got["bytes"] != 0.0 {
			assert.Positive(t, got["bytes"], name)
			got["bytes"] = 0.0
		}
		assert.Equal(t, tt.want, got, name)
	}
}

// drain reads until the end of a response.
func (r *reader) drain() error {
	for {
		if _, err := r.next(); err != nil {
			return err
		}
	}
}

// Each kind of end has one line, on every kind of connection.
func TestEachReasonHasALine(t *testing.T) {
	for kind, client := range clients(t) {
		t.Run(kind, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			f, log := accessed(t, s, routeFile("open_wait: 1ms")+`
  - {path: /aged, rpc: test.stream.v1.StreamService/Watch, open_wait: 1ms, max_age: 100ms}
  - {path: /slow, rpc: test.stream.v1.StreamService/Watch, open_wait: 1h}
`)
			open := func(path string) (*http.Response, context.CancelFunc) {
				ctx, leave := context.WithCancel(t.Context())
				t.Cleanup(leave)
				return do(t, client, eventSource(ctx, t, f.url+path)), leave
			}
			line := func() []any {
				got := log.await(t, 1)[0]
				return []any{got["msg"], got["code"], got["reason"], got["status"]}
			}
			_, leave := open("/watch/x")
			s.requireStreams(t, 1) // so that it does not come while the next caller is waited for
			leave()
			assert.Equal(t, []any{"stream", "CANCELLED", "gone", 200.0}, line())

			s.requireStreams(t, 0) // of the caller above, so that the next one is that of /slow
			ctx, leave := context.WithCancel(t.Context())
			go func() { s.requireStreams(t, 1); leave() }()
			_, err := client.Do(eventSource(ctx, t, f.url+"/slow")) //nolint:bodyclose // there is no response
			require.Error(t, err)
			assert.Equal(t, []any{"refused", "CANCELLED", "gone", 499.0}, line())

			resp, _ := open("/aged")
			newReader(resp).all(t)
			assert.Equal(t, []any{"stream", "UNAVAILABLE", "max_age", 200.0}, line())

			resp, _ = open("/watch/x")
			require.NoError(t, f.bridge.Shutdown(t.Context()))
			newReader(resp).all(t)
			assert.Equal(t, []any{"stream", "UNAVAILABLE", "drain", 200.0}, line())

			resp, _ = open("/watch/x")
			newReader(resp).all(t)
			assert.Equal(t, []any{"refused", "UNAVAILABLE", "drain", 200.0}, line())
		})
	}
}

func TestTheAccessLogTellsHowAStreamResumed(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, nil))
	f, log := accessed(t, s, resumable()+`
  - {path: /plain, rpc: test.stream.v1.StreamService/Watch, event: {id: sequence}}
`)
	client := clients(t)["HTTP1"]
	for _, tt := range []struct {
		path, id       string
		resumed, reset any
	}{
		{"/watch/x", "", "none", nil}, {"/watch/x", "1", "upstream", nil}, {"/watch/x", "a b", "reset", "invalid"},
		{"/plain", "1", "reset", "epoch"},
	} {
		newReader(do(t, client, eventSource(t.Context(), t, f.url+tt.path, "Last-Event-ID", tt.id))).all(t)
		got := log.await(t, 1)[0]
		assert.Equal(t, []any{tt.resumed, tt.reset}, []any{got["resumed"], got["reset"]}, "%s %q", tt.path, tt.id)
	}
}

// secret is in everything that a client and an upstream send. None of it may reach a log or a trace.
const secret = "S3CRET"

// secretFile is a configuration whose routes use secrets in each way that there is.
func secretFile(server string) string {
	return server + strings.Replace(routeFile("name: watch", "event: {id: sequence}",
		"request: {set: {after_sequence: \"${last_event_id:-0}\"}}",
		"metadata: {forward: [authorization], set: {x-key: \"${query.key2}\", x-cookie: \"${cookie.s:-none}\"}}",
	), `"ADDR"`, `"ADDR", metadata: {x-fixed: `+secret+`}`, 1)
}

// askWithSecrets sends a request with a secret in each place, and reads the answer.
func askWithSecrets(t *testing.T, client *http.Client, url, path string, header ...string) {
	t.Helper()
	query := strings.ReplaceAll("?text=X&key2=X&access_token=X&lastEventId=X&last_event_id=X", "X", secret)
	resp := do(t, client, eventSource(t.Context(), t, url+path+query, append([]string{
		"Authorization", "Bearer " + secret, "Cookie", "s=" + secret, "X-Other", secret, "User-Agent", secret, "Referer", secret,
		"Last-Event-ID", secret, "Baggage", "k=" + secret,
	}, header...)...))
	_ = newReader(resp).drain()
}

// tellSecrets is an upstream with a secret in each place.
func tellSecrets(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	_ = stream.SetHeader(metadata.Pairs("x-secret", secret))
	stream.SetTrailer(metadata.Pairs("x-secret", secret))
	if err := stream.Send(&streamv1.Event{Sequence: 1, Text: secret}); err != nil {
		return err
	}
	return status.Error(codes.FailedPrecondition, secret)
}

func TestNoSecretReachesTheAccessLog(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", tellSecrets)
	client := clients(t)["HTTP1"]
	f, log := accessed(t, s, secretFile(""))
	for _, path := range []string{"/watch/" + secret, "/" + secret, "/watch/x"} {
		askWithSecrets(t, client, f.url, path)
	}
	assert.NotContains(t, fmt.Sprint(log.await(t, 3)), secret)
	f, log = accessed(t, s, secretFile("server: {access_log: {values: true}}\n"))
	for path, want := range map[string]any{"/watch/x%0A": "text=" + secret, "/none/x": nil} { // text is no credential
		askWithSecrets(t, client, f.url, path)
		line := log.await(t, 1)[0]
		assert.Equal(t, []any{path, want}, []any{line["path"], line["query"]})
		delete(line, "query")
		assert.NotContains(t, fmt.Sprint(line), secret)
	}
}

func TestPathAndQueryAreInTheAccessLogOnlyWhereTheConfigurationSaysSo(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	client := clients(t)["HTTP1"]
	for values, want := range map[string][]any{"false": {nil, nil}, "true": {"/watch/a%20b", "unknown=1"}} {
		f, log := accessed(t, s, "server: {access_log: {values: "+values+"}}\n"+routeFile())
		newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/a%20b?unknown=1&last_event_id=7"))).all(t)
		got := log.await(t, 1)[0]
		assert.Equal(t, want, []any{got["path"], got["query"]}, values)
	}
}

func TestTheAccessLogCanBeOff(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f, log := accessed(t, s, "server: {access_log: off}\n"+routeFile())
	newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.NoError(t, f.bridge.Shutdown(t.Context()))
	assert.Empty(t, log.String())
}

func TestAFloodIsSampledInTheAccessLog(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f, log := accessed(t, s, "server: {access_log: {sample_over: 3/h}}\n"+routeFile())
	client := clients(t)["HTTP1"]
	for range 250 {
		_ = do(t, client, eventSource(t.Context(), t, f.url+"/none")).Body.Close()
	}
	newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.NoError(t, f.bridge.Shutdown(t.Context()))
	require.Equal(t, 1, len(linesWith(log.String(), `"msg":"stream"`)))
	refused := func() bool { return len(linesWith(log.String(), `"msg":"refused"`)) == 3+2 }
	require.Eventually(t, refused, patience, time.Millisecond)
	require.Len(t, linesWith(log.String(), `"left_out":99`), 2)
	require.NoError(t, f.bridge.Close())
	assert.Len(t, linesWith(log.String(), `"of":"other requests","left_out":47`), 1)
}
