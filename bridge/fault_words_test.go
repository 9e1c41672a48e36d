package bridge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
)

// The message and the details of a server's fault reach no client: not in an event, not in a body, and not in a trailer.
func TestAServersFaultReachesNoClient(t *testing.T) {
	for _, code := range []codes.Code{codes.Internal, codes.Unknown, codes.Unavailable, codes.DeadlineExceeded, codes.Unimplemented, codes.DataLoss} {
		st, err := status.New(code, "secret words").WithDetails(&errdetails.DebugInfo{Detail: "secret detail", StackEntries: []string{"secret stack"}})
		require.NoError(t, err)
		for events := range int64(2) {
			for kind, share := range map[string][]string{"private": nil, "shared": {"share: {late_join: all}"}} {
				t.Run(fmt.Sprint(code, "/", events, "/", kind), func(t *testing.T) {
					s := startServer(t, "127.0.0.1:0", count(events, st.Err()))
					f := startFront(t, s, routeFile(append(append(share, onceMore()...), "open_wait: 10s")...))
					for as, asked := range kindsOfClients() {
						if asked.method == http.MethodPost {
							continue // not on this route
						}
						resp := do(t, clients(t)["unparked"], asked.request(t.Context(), t, f.url+"/watch/x"))
						body, err := io.ReadAll(resp.Body)
						require.NoError(t, err)
						all := fmt.Sprint(string(body), resp.Header, resp.Trailer)
						assert.NotContains(t, all, "secret", as)
						assert.NotContains(t, all, "details", as)
						assert.NotContains(t, all, "DebugInfo", as)
						assert.Contains(t, strings.ReplaceAll(all, "%20", " "), "the upstream", as)
					}
				})
			}
		}
	}
}

// Whether a request is told to come back must not depend on which request came first.
func TestAPOSTAndAGETOfOneRouteGetDifferentEnds(t *testing.T) {
	for _, order := range [][]string{{http.MethodGet, http.MethodPost}, {http.MethodPost, http.MethodGet}} {
		s := startServer(t, "127.0.0.1:0", untilCancelled)
		f := startFront(t, s, routeFile("methods: [GET, POST]", "open_wait: 1ms"))
		ends := make(map[string]chan string)
		for _, method := range order {
			r := asked{method, "text/event-stream"}.request(t.Context(), t, f.url+"/watch/x")
			resp, got := do(t, clients(t)["HTTP1"], r), make(chan string, 1)
			ends[method] = got
			go func() {
				body, _ := io.ReadAll(resp.Body)
				got <- string(body)
			}()
		}
		s.requireStreams(t, 2)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		require.NoError(t, f.bridge.Close())
		require.NoError(t, f.bridge.Shutdown(ctx))
		get, post := receive(t, ends[http.MethodGet]), receive(t, ends[http.MethodPost])
		assert.Contains(t, get, "retry: ")
		assert.Contains(t, get, `"retry":true,"reason":"drain"`)
		assert.NotContains(t, post, "retry: ", "a POST may have had an effect")
		assert.Contains(t, post, `"retry":false,"reason":"drain"`)
		assert.True(t, strings.HasSuffix(post, endBlock), "%q", post)
	}
}

func TestAPOSTIsNotToldToComeBackByADrain(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	for name, c := range clients(t) {
		f := startFront(t, s, routeFile("methods: [GET, POST]", "open_wait: 1ms"))
		resp := do(t, c, asked{http.MethodPost, "text/event-stream"}.request(t.Context(), t, f.url+"/watch/x"))
		s.requireStreams(t, 1)
		require.NoError(t, f.bridge.Shutdown(t.Context()))
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.NotContains(t, string(body), "retry: ", name)
		assert.Contains(t, string(body), `"retry":false,"reason":"drain"`, name)
		s.requireStreams(t, 0)
	}
}

func TestATraceHeaderThatIsForwardedIsSentOnce(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	up := bridgetest.NewUpstream(t, scripted)
	_, url := bridgetest.NewBridge(t, up.YAML(upstreamFile("metadata: {forward: [traceparent]}")))
	bridgetest.Open(t, url+"/watch/x", "Traceparent", trace)
	assert.Equal(t, []string{trace}, up.NextCall("Watch").Metadata.Get("traceparent"))
}
