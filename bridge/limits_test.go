package bridge_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// limitCase is a file with one limit, at two streams, so that the limit turns a third stream away.
type limitCase struct {
	file  string
	token string // what each client sends as its token; "" for none
}

func limitCases(t *testing.T) map[bridge.Limit]limitCase {
	t.Helper()
	route := func(extra string) string {
		return "  - {path: \"/watch/{topic}\", rpc: test.stream.v1.StreamService/Watch, open_wait: 10s" + extra + "}\n"
	}
	i := newIssuer(t)
	const upstream = "upstreams: {test: {target: \"ADDR\"}}\nroutes:\n"
	return map[bridge.Limit]limitCase{
		bridge.LimitStreams:          {file: "server: {limits: {streams: 2}}\n" + upstream + route("")},
		bridge.LimitStreamsPerClient: {file: "server: {limits: {streams_per_client: 2}}\n" + upstream + route("")},
		bridge.LimitStreamsPerSubject: {
			file:  "server: {limits: {streams_per_subject: 2}}\n" + upstream + route(", auth: {jwt: corp}") + i.auth(""),
			token: i.token(t, time.Hour, map[string]any{"sub": "alice"}),
		},
		bridge.LimitRouteStreams:          {file: upstream + route(", limits: {streams: 2}")},
		bridge.LimitRouteStreamsPerClient: {file: upstream + route(", limits: {streams_per_client: 2}")},
		bridge.LimitSharedStreams: {
			file: "server: {limits: {shared_streams: 2}}\n" + upstream + route(", share: {late_join: all, linger: 0s}"),
		},
		bridge.LimitUpstreamStreams: {file: "upstreams: {test: {target: \"ADDR\", limits: {streams: 2}}}\nroutes:\n" + route("")},
	}
}

// sendToken makes a client send a token with each request.
func (c limitCase) sendToken(client *http.Client) *http.Client {
	if c.token == "" {
		return client
	}
	return &http.Client{Transport: tokenSender{client.Transport, c.token}}
}

// tokenSender adds a token to each request.
type tokenSender struct {
	http.RoundTripper

	token string
}

func (s tokenSender) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+s.token)
	return s.RoundTripper.RoundTrip(r)
}

// Each limit turns the third client away, over each kind of connection, and each client that leaves makes room for another one.
func TestEachLimitTurnsClientsAwayAndMakesRoomAgain(t *testing.T) {
	for limit, c := range limitCases(t) {
		for name, client := range clients(t) {
			t.Run(string(limit)+" "+name, func(t *testing.T) {
				s := startServer(t, "127.0.0.1:0", oneAndWait)
				l := &ledger{}
				f := startObserved(t, s, l, c.file)
				requireLimit(t, s, c.sendToken(client), f.url)
				require.NoError(t, f.bridge.Shutdown(t.Context()))
				l.mu.Lock()
				defer l.mu.Unlock()
				refused, opened := 0, 0
				for _, line := range l.lines {
					if strings.HasPrefix(line, "limit ") {
						refused++
						assert.Equal(t, "limit /watch/{topic} "+string(limit), line)
					}
					if strings.HasPrefix(line, "opened ") {
						opened++
					}
				}
				assert.GreaterOrEqual(t, refused, 2, "the observer is told of each client that was turned away")
				assert.Equal(t, 3, opened, "and not of a stream that it did not get")
			})
		}
	}
}

func TestLimitsHoldOverTLS(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", oneAndWait)
	for limit, c := range limitCases(t) {
		st := startTLS(t, s, c.file)
		for name, client := range tlsClients(t, st) {
			t.Run(string(limit)+" "+name, func(t *testing.T) { requireLimit(t, s, c.sendToken(client), st.url) })
			s.requireStreams(t, 0)
		}
	}
}

// requireLimit opens two streams, checks how a third one is turned away, and opens it when one of the two has left.
func requireLimit(t *testing.T, s *server, client *http.Client, url string) {
	t.Helper()
	var leave []context.CancelFunc
	open := func(topic string) *http.Response {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		leave = append(leave, cancel)
		return do(t, client, eventSource(ctx, t, url+"/watch/"+topic))
	}
	open("a")
	open("b")
	s.requireStreams(t, 2)

	_, resp, told := ask(t, client, url+"/watch/c")
	assert.Equal(t, "RESOURCE_EXHAUSTED", told.Status)
	assert.Equal(t, "limit", told.Reason)
	assert.True(t, told.Retry)
	assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode, "for a client that is no EventSource")
	assert.NotEmpty(t, resp.Header.Get("Retry-After"))
	assert.Equal(t, resp.ProtoMajor == 1, resp.Close, "HTTP/1.1 closes the connection behind the answer")
	s.requireStreams(t, 2)

	leave[0]()
	s.requireStreams(t, 1)
	leave = append(leave, openWhenThereIsRoom(t, client, url+"/watch/c"))
	s.requireStreams(t, 2)
	for _, l := range leave {
		l()
	}
}

// openWhenThereIsRoom opens a stream after another one has ended. The server notices that earlier than the bridge has counted.
func openWhenThereIsRoom(t *testing.T, client *http.Client, url string) (leave context.CancelFunc) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		resp := do(t, client, eventSource(ctx, t, url))
		if resp.Header.Get("Grpc-Status") != "" {
			cancel()
			return false
		}
		t.Cleanup(cancel)
		leave = cancel
		return true
	}, patience, 10*time.Millisecond)
	return leave
}

// One client with seven connections of 250 streams each takes what it may have, and others are served at once.
func TestOneClientCannotStarveOthers(t *testing.T) {
	if raceEnabled {
		t.Skip("1,750 streams under the race detector take too long")
	}
	const connections, streams = 7, 250
	for name, file := range map[string]string{
		"an upstream": `
server: {trusted_proxies: ["127.0.0.0/8"], limits: {streams_per_client: 100}}
upstreams: {test: {target: "ADDR", max_connections: 4, limits: {waiting: 10}}}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch}
`,
		"all shared keys": `
server: {trusted_proxies: ["127.0.0.0/8"], limits: {streams_per_client: 100, shared_streams: 150}}
upstreams: {test: {target: "ADDR", max_connections: 4}}
routes:
  - {path: "/watch/{topic}", rpc: test.stream.v1.StreamService/Watch, share: {late_join: all}}
`,
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", oneAndWait, grpc.MaxConcurrentStreams(100))
			f := startFront(t, s, file)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			greedy(ctx, t, f.url, connections, streams)
			s.requireStreams(t, 100)

			client := clients(t)["h2c"]
			began := time.Now()
			for i := range 20 {
				r := eventSource(t.Context(), t, fmt.Sprintf("%s/watch/%d", f.url, i), "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i%9))
				requireEvent(t, newReader(do(t, client, r)), "")
			}
			assert.Less(t, time.Since(began), patience, "others are served at once")
		})
	}
}

// oneAndWait sends one event, and returns when the client leaves.
func oneAndWait(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return stream.Context().Err()
}

// greedy opens streams on connections of its own, and returns when each has an answer.
func greedy(ctx context.Context, t *testing.T, url string, connections, streams int) {
	t.Helper()
	var all sync.WaitGroup
	for c := range connections {
		client := clients(t)["h2c"]
		for i := range streams {
			all.Go(func() {
				r := eventSource(ctx, t, fmt.Sprintf("%s/watch/greedy-%d-%d", url, c, i), "X-Forwarded-For", "198.51.100.1")
				resp, err := client.Do(r)
				if err == nil {
					context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
				}
			})
		}
	}
	all.Wait()
}

func TestALimitThatAReloadChangesAppliesToNewStreams(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	file := func(most string) string {
		return strings.ReplaceAll("server: {limits: {streams_per_client: "+most+"}}\n"+routeFile("open_wait: 1ms"), "ADDR", s.addr)
	}
	f := startFront(t, s, file("2"))
	client := clients(t)["HTTP1"]
	for range 2 {
		do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
	}
	s.requireStreams(t, 2)
	for _, most := range []string{"1", "2"} {
		cfg, err := config.Parse("grpcsse.yaml", []byte(file(most)))
		require.NoError(t, err)
		require.NoError(t, f.bridge.Reload(t.Context(), cfg))
		_, resp, _ := ask(t, client, f.url+"/watch/x")
		assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		s.requireStreams(t, 2)
	}
	cfg, err := config.Parse("grpcsse.yaml", []byte(file("3")))
	require.NoError(t, err)
	require.NoError(t, f.bridge.Reload(t.Context(), cfg))
	do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))
	s.requireStreams(t, 3)
	assert.EqualValues(t, 3, s.opened.Load(), "no stream was closed and opened again")
}
