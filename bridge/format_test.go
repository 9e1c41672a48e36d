package bridge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// getLines asks for application/x-ndjson, and returns the response with its lines.
func getLines(t *testing.T, c *http.Client, url string) (*http.Response, []string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "application/x-ndjson, */*;q=0.1")
	resp := do(t, c, r)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, strings.SplitAfter(string(body), "\n")
}

func TestNDJSONHasOneMessageOnEachLine(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, status.Error(codes.NotFound, "no more: 100 %")))
	f := startFront(t, s, routeFile("event: {id: sequence, name: kind}", "heartbeat: 1ms"))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			resp, lines := getLines(t, client, f.url+"/watch/x")
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
			require.Len(t, lines, 4)
			assert.JSONEq(t, `{"sequence":"1","kind":"","text":"event 1","payload":""}`, lines[0])
			assert.Empty(t, lines[3], "no bytes follow the last line")
			assert.Equal(t, "5", resp.Trailer.Get("Grpc-Status"))
			assert.Equal(t, "no%20more:%20100%20%25", resp.Trailer.Get("Grpc-Message"))
		})
	}
}

func TestNDJSONHasTheHTTPStatusOfAnError(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.NotFound, "no such topic")))
	resp, _ := getLines(t, clients(t)["HTTP1"], startFront(t, s, routeFile()).url+"/watch/x")
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
}

func TestAStreamThatEndsWithoutEvents(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, nil))
	f := startFront(t, s, routeFile())
	resp, lines := getLines(t, clients(t)["HTTP1"], f.url+"/watch/x")
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, []string{""}, lines)
	assert.Equal(t, "0", resp.Header.Get("Grpc-Status"))

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/watch/x", nil)
	require.NoError(t, err)
	got := newReader(do(t, clients(t)["HTTP1"], r)).all(t)
	require.Len(t, got, 1, "a client that is no EventSource gets the same events")
	assert.Equal(t, "grpc-status", got[0].name)
}

func TestAClientThatIsNoEventSourceGetsPlainText(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, nil))
	overEveryTransport(t, func(t *testing.T) *front { return startFront(t, s, routeFile()) },
		func(t *testing.T, _ *front, client *http.Client, url string) {
			for name, tt := range map[string]struct{ accept, offered, want string }{
				"curl --compressed":                  {"*/*", "deflate, gzip, br, zstd", ""},
				"ndjson":                             {"application/x-ndjson", "gzip, deflate, br, zstd", ""},
				"a browser":                          {"text/event-stream", "gzip, deflate, br, zstd", "gzip"},
				"Go":                                 {"text/event-stream", "gzip", ""},
				"an EventSource with zstd":           {"text/event-stream", "zstd", "zstd"},
				"an EventSource without an encoding": {"text/event-stream", "", ""},
			} {
				resp := do(t, client, eventSource(t.Context(), t, url+"/watch/x", "Accept", tt.accept, "Accept-Encoding", tt.offered))
				assert.Equal(t, tt.want, resp.Header.Get("Content-Encoding"), name)
				body, err := io.ReadAll(resp.Body)
				assert.NoError(t, err, name)
				if tt.want == "" {
					assert.Contains(t, string(body), "event 3", name)
				}
			}
		})
}

// The client has the defaults of Go, so it offers and decodes gzip by itself.
func TestGosOwnClientReadsToACleanEnd(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, nil))
	f := startFront(t, s, routeFile())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	resp := do(t, &http.Client{Transport: transport}, eventSource(t.Context(), t, f.url+"/watch/x"))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "event 3")
	assert.Contains(t, string(body), "grpc-end")
}
