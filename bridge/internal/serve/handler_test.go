package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// Each way in which a request can end is counted once. No stream and no admitted caller is left after it.
func TestEachEndOfARequestIsCountedOnce(t *testing.T) {
	down := events(0, status.Error(codes.Unavailable, "down"))
	wantsHeader := func(c *config.Route) {
		c.Request.Set = []config.Setting{{Field: "topic", Value: config.Template{{Ref: "header.x-topic"}}}}
	}
	for name, tt := range map[string]struct {
		request  *http.Request
		upstream upstream
		change   func(*config.Route)
		leaves   bool // the client leaves after a second
		drains   bool // the bridge drains after a second

		status  int
		body    string // a part of the body
		opened  int
		ended   []ending.Code
		refused []ending.Code
	}{
		"events and an end": {
			request: get(), upstream: events(2, nil),
			status: 200, body: `"sequence":"2"`, opened: 1, ended: []ending.Code{ending.OK},
		},
		"an end alone": {
			request: eventSource(), upstream: events(0, nil),
			status: 200, body: `"reason":"upstream"`, opened: 1, ended: []ending.Code{ending.OK},
		},
		"events and an error": {
			request: get(), upstream: events(1, status.Error(codes.NotFound, "")),
			status: 200, body: `"status":"NOT_FOUND"`, opened: 1, ended: []ending.Code{ending.NotFound},
		},
		"an error alone, for a program": {
			request: get(), upstream: down, status: 503, body: `"status":"UNAVAILABLE"`, refused: []ending.Code{ending.Unavailable},
		},
		"an error alone, for a browser": {
			request: eventSource(), upstream: down, status: 200, body: "event: grpc-status\n", refused: []ending.Code{ending.Unavailable},
		},
		"an error alone, for a browser of a route with HTTP errors": {
			request: eventSource(), upstream: down, change: func(c *config.Route) { c.OpenErrors = config.OpenErrorsHTTP },
			status: 503, body: `"status":"UNAVAILABLE"`, refused: []ending.Code{ending.Unavailable},
		},
		"a request that cannot be bound": {
			request: get(), upstream: silent, change: wantsHeader,
			status: 400, body: `"reason":"request"`, refused: []ending.Code{ending.InvalidArgument},
		},
		"a body that cannot be read": {
			request: httptest.NewRequest(http.MethodPost, "/watch", strings.NewReader("{")), upstream: silent,
			status: 415, body: `"reason":"request"`, refused: []ending.Code{ending.InvalidArgument},
		},
		"a client that leaves before the stream opens": {
			request: get(), upstream: silent, change: func(c *config.Route) { c.OpenWait = time.Hour }, leaves: true, status: 499,
		},
		"a client that leaves a silent stream": {
			request: get(), upstream: silent, leaves: true, status: 200, opened: 1, ended: []ending.Code{ending.Canceled},
		},
		"a drain before the stream opens": {
			request: get(), upstream: silent, change: func(c *config.Route) { c.OpenWait = time.Hour }, drains: true,
			status: 200, body: `"reason":"drain"`, opened: 1, ended: []ending.Code{ending.Unavailable},
		},
		"a drain": {
			request: eventSource(), upstream: silent, drains: true,
			status: 200, body: `"reason":"drain"`, opened: 1, ended: []ending.Code{ending.Unavailable},
		},
	} {
		for _, major := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, HTTP/%d", name, major), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, config.Server{Streams: 1, RequestBytes: 1 << 10})
					r.routes.leadTo(routeTo(t, tt.upstream, tt.change))
					ctx, leave := context.WithCancel(t.Context())
					defer leave()
					if tt.leaves {
						time.AfterFunc(time.Second, leave)
					}
					if tt.drains {
						time.AfterFunc(time.Second, func() { r.drain.begin(time.Now()) })
					}
					request := tt.request.WithContext(ctx)
					request.ProtoMajor = major
					answer := r.ask(request)
					assert.Equal(t, tt.status, answer.Code)
					assert.Contains(t, answer.Body.String(), tt.body)
					assert.Equal(t, tt.opened, r.counts.opened)
					assert.Equal(t, tt.ended, r.counts.ended)
					assert.Equal(t, tt.refused, r.counts.refused)
					requireIdle(t, r)
					r.close()
				})
			})
		}
	}
}

// A failure of the upstream is logged once: before and after the beginning of the stream, and for each kind of client.
func TestAFailureOfTheUpstreamIsLogged(t *testing.T) {
	down, gone := status.Error(codes.Unavailable, ""), status.Error(codes.NotFound, "")
	for name, tt := range map[string]struct {
		request  *http.Request
		upstream upstream
		want     int
	}{
		"before any event, for a program":  {get(), events(0, down), 1},
		"before any event, for a browser":  {eventSource(), events(0, down), 1},
		"after an event":                   {get(), events(1, down), 1},
		"an error that the request causes": {get(), events(1, gone), 0},
		"an end in good order":             {get(), events(1, nil), 0},
	} {
		r := newRig(t, config.Server{})
		r.routes.leadTo(routeTo(t, tt.upstream, nil))
		r.ask(tt.request)
		r.close()
		assert.Equal(t, tt.want, strings.Count(r.text.String(), "a stream ended with an error of the upstream"), name)
	}
}

func TestTheAnswersToRefusedRequests(t *testing.T) {
	waiting := func(t *testing.T) *route.Route {
		rt := routeTo(t, silent, nil)
		rt.Plan = nil
		return rt
	}
	for name, tt := range map[string]struct {
		found   func(t *testing.T, rt *route.Route) route.Match
		request *http.Request
		server  config.Server
		begin   func(r *rig)

		status  int
		says    string
		reason  ending.Reason
		header  map[string]string // "" for a header that must be missing
		retries bool
	}{
		"no route": {
			found:   func(*testing.T, *route.Route) route.Match { return route.Match{} },
			request: eventSource(), status: 404, says: `no route matches the path`, reason: ending.ByRequest,
		},
		"no route yet": {
			found:   func(t *testing.T, _ *route.Route) route.Match { return route.Match{Pending: waiting(t)} },
			request: get(), status: 503, says: "the schema of the route is not loaded yet", reason: ending.ByRoute,
			header: map[string]string{"Connection": "close"}, retries: true,
		},
		"another method": {
			found: func(*testing.T, *route.Route) route.Match {
				return route.Match{Match: pathtmpl.Match[*route.Route]{Outcome: pathtmpl.MethodNotAllowed, Allowed: []string{"GET", "POST"}}}
			},
			request: httptest.NewRequest(http.MethodPut, "/watch", nil), status: 405, says: "PUT", reason: ending.ByRequest,
			header: map[string]string{"Allow": "GET, HEAD, POST"},
		},
		"a path that is not UTF-8": {
			found: func(*testing.T, *route.Route) route.Match {
				return route.Match{Match: pathtmpl.Match[*route.Route]{Outcome: pathtmpl.Malformed}}
			},
			request: get(), status: 400, says: "percent-encoded", reason: ending.ByRequest,
		},
		"another host": {
			request: get(), server: config.Server{Hosts: []string{"other.test"}}, status: 421, says: "example.com", reason: ending.ByRequest,
		},
		"a GET with a body": {
			request: httptest.NewRequest(http.MethodGet, "/watch", strings.NewReader("x")), status: 400, says: "a GET request has no body",
			reason: ending.ByRequest,
		},
		"a page of another origin": {
			request: foreign(), status: 403, says: "does not serve pages of this origin", reason: ending.ByRequest,
		},
		"too many streams": {
			request: get(), server: config.Server{Streams: 1}, begin: func(r *rig) { r.drain.open = 1 },
			status: 429, says: "too many streams are open", reason: ending.ByLimit, retries: true, header: map[string]string{"Connection": "close"},
		},
		"a drain": {
			request: get(), begin: func(r *rig) { r.drain.begin(time.Now()) },
			status: 503, says: "shutting down", reason: ending.ByDrain, retries: true, header: map[string]string{"Connection": "close"},
		},
		"a drain, over HTTP/2": {
			request: overHTTP2(), begin: func(r *rig) { r.drain.begin(time.Now()) },
			status: 503, says: "shutting down", reason: ending.ByDrain, retries: true, header: map[string]string{"Connection": ""},
		},
		"a drain, for a request that may have had an effect": {
			request: post(), begin: func(r *rig) { r.drain.begin(time.Now()) }, status: 503, says: "shutting down", reason: ending.ByDrain,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.server)
			defer r.close()
			rt := routeTo(t, silent, func(c *config.Route) { c.Event.Retry = 10 * time.Second })
			r.routes.leadTo(rt)
			if tt.found != nil {
				r.routes.found = tt.found(t, rt)
			}
			if tt.begin != nil {
				tt.begin(r)
			}
			answer := r.ask(tt.request)
			assert.Equal(t, tt.status, answer.Code)
			assert.Contains(t, answer.Body.String(), tt.says)
			var said struct {
				Code   uint32
				Reason string
				Retry  bool
			}
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &said))
			assert.EqualValues(t, tt.reason, said.Reason)
			assert.Equal(t, tt.retries, said.Retry)
			h := answer.Header()
			assert.Equal(t, strconv.Itoa(int(said.Code)), h.Get("Grpc-Status"))
			assert.Equal(t, strconv.Itoa(answer.Body.Len()), h.Get("Content-Length"))
			assert.Equal(t, "application/json", h.Get("Content-Type"))
			assert.Equal(t, "no-store", h.Get("Cache-Control"))
			assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			assert.Equal(t, "Accept, Origin", h.Values("Vary")[len(h.Values("Vary"))-1])
			assert.Equal(t, tt.retries, h.Get("Retry-After") != "", "Retry-After")
			for name, value := range tt.header {
				assert.Equal(t, value, h.Get(name), name)
			}
			require.Len(t, r.counts.refused, 1)
			assert.EqualValues(t, said.Code, r.counts.refused[0])
		})
	}
}

func foreign() *http.Request {
	r := eventSource() // an EventSource gets the HTTP status too, because the address has no stream for it
	r.Header.Set("Origin", "https://other.test")
	return r
}

func overHTTP2() *http.Request {
	r := get()
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	return r
}

// The time is that of the route. It is rounded up, so that it is never 0.
func TestRetryAfterIsAboutTheTimeOfTheRoute(t *testing.T) {
	for own, want := range map[time.Duration][2]int{
		500 * time.Millisecond: {1, 1}, time.Second: {1, 2}, 10 * time.Second: {8, 12},
	} {
		r := newRig(t, config.Server{})
		r.routes.leadTo(routeTo(t, silent, func(c *config.Route) { c.Event.Retry = own }))
		r.drain.begin(time.Now())
		seen := map[int]bool{}
		for range 200 {
			seconds, err := strconv.Atoi(r.ask(get()).Header().Get("Retry-After"))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, seconds, want[0], "%v", own)
			assert.LessOrEqual(t, seconds, want[1], "%v", own)
			seen[seconds] = true
		}
		assert.Equal(t, want[0] != want[1], len(seen) > 1, "clients that were cut off at the same time come back at different times: %v", own)
		r.close()
	}
}

func TestAHEADIsAnsweredLikeAGETAndOpensNothing(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	r.routes.leadTo(routeTo(t, unopened, nil))
	answer := r.ask(httptest.NewRequest(http.MethodHead, "/watch", nil))
	assert.Equal(t, 200, answer.Code)
	assert.Equal(t, []string{http.MethodGet}, r.routes.methods)
	assert.Equal(t, "text/event-stream", answer.Header().Get("Content-Type"))
	assert.Empty(t, r.counts.refused)

	r.routes.found = route.Match{}
	answer = r.ask(httptest.NewRequest(http.MethodHead, "/a%20b", nil))
	assert.Equal(t, 404, answer.Code)
	assert.Zero(t, answer.Body.Len())
	assert.NotEqual(t, "0", answer.Header().Get("Content-Length"), "the length is that of the answer to a GET")
	assert.Equal(t, "/a%20b", r.routes.paths[1], "the route is found with the path as it was sent")
}

// A client that comes back after a final end gets its answer without a route. A page of any origin may see the answer.
func TestAClientThatComesBackAfterTheEndGetsItsAnswerWithoutARoute(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	back := eventSource()
	back.Header.Set("Last-Event-ID", "grpc-end")
	back.Header.Set("Origin", "https://other.test")
	answer := r.ask(back)
	assert.Equal(t, http.StatusNoContent, answer.Code)
	assert.Equal(t, "https://other.test", answer.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "true", answer.Header().Get("Access-Control-Allow-Credentials"))
	assert.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	assert.Equal(t, []string{"Origin"}, answer.Header().Values("Vary"))
	assert.Empty(t, r.routes.paths)
	back.Header.Del("Origin")
	assert.NotContains(t, r.ask(back).Header(), "Access-Control-Allow-Origin")
}

// A page cannot see why a preflight is refused, so every refusal has the same status.
func TestAPreflightFindsTheRouteOfTheMethodThatItAsksFor(t *testing.T) {
	for name, tt := range map[string]struct {
		origins []string
		found   bool
		status  int
	}{
		"a listed origin": {[]string{"https://other.test"}, true, http.StatusNoContent},
		"no origins":      {nil, true, http.StatusForbidden},
		"no route":        {nil, false, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.Server{})
			defer r.close()
			if tt.found {
				r.routes.leadTo(routeTo(t, silent, func(c *config.Route) {
					if tt.origins != nil {
						c.CORS = &config.CORS{Origins: tt.origins}
					}
				}))
			}
			preflight := httptest.NewRequest(http.MethodOptions, "/watch", nil)
			preflight.Header.Set("Origin", "https://other.test")
			preflight.Header.Set("Access-Control-Request-Method", http.MethodPost)
			answer := r.ask(preflight)
			assert.Equal(t, tt.status, answer.Code)
			assert.Equal(t, []string{http.MethodPost}, r.routes.methods)
			want := ""
			if tt.status == http.StatusNoContent {
				want = "https://other.test"
			}
			assert.Equal(t, want, answer.Header().Get("Access-Control-Allow-Origin"))
		})
	}
}

func TestTheHeaderOfAStream(t *testing.T) {
	lines := get()
	lines.Header.Set("Accept", "application/x-ndjson")
	zipped := eventSource()
	zipped.Header.Set("Accept-Encoding", "gzip, deflate, br")
	notAsked := get()
	notAsked.Header.Set("Accept-Encoding", "gzip, deflate, br")
	for name, tt := range map[string]struct {
		request  *http.Request
		upstream upstream
		want     map[string]string
		trailer  string // the value of Grpc-Status
	}{
		"a stream":                         {eventSource(), events(1, nil), map[string]string{"Content-Type": "text/event-stream", "Grpc-Status": "", "Content-Encoding": ""}, ""},
		"a stream without events":          {eventSource(), events(0, nil), map[string]string{"Grpc-Status": "0"}, ""},
		"an error for a browser":           {eventSource(), events(0, status.Error(codes.NotFound, "")), map[string]string{"Grpc-Status": "5"}, ""},
		"a compressed stream":              {zipped, events(1, nil), map[string]string{"Content-Encoding": "gzip"}, ""},
		"a stream without Accept-Encoding": {notAsked, events(1, nil), map[string]string{"Content-Encoding": ""}, ""},
		"lines":                            {lines, events(1, nil), map[string]string{"Content-Type": "application/x-ndjson", "Trailer": "Grpc-Status, Grpc-Message"}, "0"},
		"lines that end in errors":         {lines, events(1, status.Error(codes.NotFound, "a b")), map[string]string{"Trailer": "Grpc-Status, Grpc-Message"}, "5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.Server{})
			defer r.close()
			r.routes.leadTo(routeTo(t, tt.upstream, func(c *config.Route) { c.Compression = true }))
			answer := r.ask(tt.request)
			assert.Equal(t, "no-store, no-transform", answer.Header().Get("Cache-Control"))
			assert.Equal(t, "no", answer.Header().Get("X-Accel-Buffering"))
			assert.Equal(t, []string{"Accept, Accept-Encoding, Origin"}, answer.Header().Values("Vary"))
			for name, value := range tt.want {
				if got := answer.Result().Header.Get(name); tt.trailer == "" || name != "Grpc-Status" {
					assert.Equal(t, value, got, name)
				}
			}
			assert.Equal(t, tt.trailer, answer.Result().Trailer.Get("Grpc-Status"))
			if tt.trailer == "5" {
				assert.Equal(t, "a%20b", answer.Result().Trailer.Get("Grpc-Message"))
			}
		})
	}
}

// Without deadlines the bridge could not cut off a client. Without flushing it would send events late.
func TestAWriterWithoutDeadlinesOrFlushingIsRefused(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	r.routes.leadTo(routeTo(t, silent, nil))
	for name, tt := range map[string]struct {
		wrap func(*httptest.ResponseRecorder) http.ResponseWriter
		says string
	}{
		"no deadlines": {func(w *httptest.ResponseRecorder) http.ResponseWriter { return w }, "takes no write deadline"},
		"no flushing":  {func(w *httptest.ResponseRecorder) http.ResponseWriter { return bare{w} }, "has no method Flush"},
		"no flushing, inside of a wrapper": {
			func(w *httptest.ResponseRecorder) http.ResponseWriter { return wrapping{bare{w}} }, "serve.bare has no method Flush",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r.ServeHTTP(tt.wrap(w), get())
			assert.Equal(t, http.StatusInternalServerError, w.Code)
			body, err := io.ReadAll(w.Body)
			require.NoError(t, err)
			assert.Contains(t, string(body), tt.says)
			requireIdle(t, r)
		})
	}
	r.routes.leadTo(routeTo(t, events(1, nil), nil))
	w := &recorder{httptest.NewRecorder()}
	r.ServeHTTP(wrapping{w}, get())
	assert.Equal(t, http.StatusOK, w.Code, "a wrapper with Unwrap does not matter")
}

// bare is a writer with the three required methods only.
type bare struct{ w *httptest.ResponseRecorder }

func (b bare) Header() http.Header         { return b.w.Header() }
func (b bare) Write(p []byte) (int, error) { return b.w.Write(p) }
func (b bare) WriteHeader(status int)      { b.w.WriteHeader(status) }

type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Go makes a stack larger where it must, but hardly ever smaller. So net/http's goroutine for a stream over HTTP/2 does nothing but wait.
func TestOnHTTP2TheGoroutineOfNetHTTPOnlyWaits(t *testing.T) {
	r := newRig(t, config.Server{})
	defer r.close()
	r.routes.leadTo(routeTo(t, silent, nil))
	var wrote atomic.Pointer[string] // the stack of the last write
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.ServeHTTP(&stackWriter{w, &wrote}, request)
	}))
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	web.Start()
	defer web.Close()
	transport := &http.Transport{Protocols: web.Config.Protocols}
	defer transport.CloseIdleConnections()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+"/watch", nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "text/event-stream")
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, 2, response.ProtoMajor)
	_, err = response.Body.Read(make([]byte, 1))
	require.NoError(t, err)

	waits := []string{"pump.(*Running).Wait", "serve.(*writing).wait", "serve.(*Handler).ServeHTTP"}
	require.EventuallyWithT(t, func(t *assert.CollectT) { assert.Equal(t, waits, ownFunctions("serve.(*Handler).ServeHTTP(")) },
		10*time.Second, time.Millisecond)
	assert.NotContains(t, *wrote.Load(), "serve.(*Handler).ServeHTTP(", "it does not write either")
}

// stackWriter keeps the stack of its last write.
type stackWriter struct {
	http.ResponseWriter

	stack *atomic.Pointer[string]
}

func (w *stackWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *stackWriter) Write(p []byte) (int, error) {
	stack := string(debug.Stack())
	w.stack.Store(&stack)
	return w.ResponseWriter.Write(p)
}

// ownFunctions returns the functions of this module, without tests, on the stacks of the goroutines that are in a function.
func ownFunctions(in string) (own []string) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if !strings.Contains(stack, in) {
			continue
		}
		for line := range strings.Lines(stack) {
			if _, name, ok := strings.Cut(line, "bridge/internal/"); ok && !strings.HasPrefix(line, "\t") && !strings.Contains(name, ".Test") {
				own = append(own, name[:strings.LastIndexByte(name, '(')])
			}
		}
	}
	return own
}
