package serve

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pathtmpl"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	"github.com/grpcsse/grpcsse/bridge/internal/stream"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// upstream is the code behind a route of a test. It sends events, or fails.
type upstream = func(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error]

// events is an upstream that sends n events and ends with err, or with OK where err is nil.
func events(n int, err error) upstream {
	return func(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
		return func(yield func(*streamv1.Event, error) bool) {
			for i := range n {
				if !yield(&streamv1.Event{Sequence: int64(i + 1)}, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
		}
	}
}

// silent is an upstream that sends nothing until its stream is closed.
func silent(ctx context.Context, _ *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
	return func(yield func(*streamv1.Event, error) bool) {
		<-ctx.Done()
		yield(nil, ctx.Err())
	}
}

// fakeRoutes has the same answer for every request.
type fakeRoutes struct {
	found      route.Match
	generation atomic.Uint64
	asked      func() // called by Generation if it is not nil

	methods, paths []string // of the requests
}

func (f *fakeRoutes) Match(method, path string) route.Match {
	f.methods, f.paths = append(f.methods, method), append(f.paths, path)
	return f.found
}

func (f *fakeRoutes) Generation() uint64 {
	if f.asked != nil {
		f.asked()
	}
	return f.generation.Load()
}

// leadTo makes every request find a route.
func (f *fakeRoutes) leadTo(rt *route.Route) {
	f.found = route.Match{Match: pathtmpl.Match[*route.Route]{Outcome: pathtmpl.Found, Value: rt}}
}

// counts is an observer that counts its calls.
type counts struct {
	mu      sync.Mutex
	opened  int
	ended   []ending.Code
	refused []ending.Code
	limits  []ending.Limit
	left    int
}

func (c *counts) StreamOpened(Opening) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
}

func (c *counts) StreamEnded(_ Opening, code ending.Code, _ pump.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, code)
}

func (c *counts) Refused(_ string, end *ending.Ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, end.Code)
	if end.Limit != ending.NoLimit {
		c.limits = append(c.limits, end.Limit)
	}
}

func (c *counts) Delivered(Opening, pump.Sample) {}

func (c *counts) ClientLeft(Opening) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left++
}

type deaf struct{}

func (deaf) Reopened(string, bool, ending.Code) {}

func (deaf) UpstreamEnded(string, bool, ending.Code) {}
func (deaf) Resumed(string, bool, ending.Resumed)    {}
func (deaf) Reset(string, bool, ending.Reset)        {}
func (deaf) Skipped(string)                          {}
func (deaf) Superseded(string, int)                  {}

func (deaf) IDLeftOut(string)           {}
func (deaf) TypeUnknown(string, string) {}
func (deaf) CatchUpStarted(string)      {}

func (deaf) CatchUpEnded(string, fanout.Outcome, time.Duration) {}

// rig is a handler, together with the fakes that it uses.
type rig struct {
	*Handler

	routes *fakeRoutes
	counts *counts
	text   *strings.Builder   // what was logged
	cancel context.CancelFunc // ends the context of all streams
}

func newRig(t *testing.T, server config.Server) *rig {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &rig{routes: &fakeRoutes{}, counts: &counts{}, text: &strings.Builder{}, cancel: cancel}
	log := slog.New(slog.NewTextHandler(r.text, nil))
	who, problems := auth.New(ctx, &config.Auth{}, nil, log)
	require.Empty(t, problems)
	r.Handler = New(server, r.routes, who, stream.New(ctx, fanout.Limits{}, nil, log, deaf{}), Reports{Log: log, Observer: r.counts})
	return r
}

// close ends everything, as a bridge does.
func (r *rig) close() {
	r.cancel()
	r.streams.CloseShared()
	r.StopAdmitting()
	r.streams.Wait()
	r.Handler.Close()
	r.streams.Close()
}

// ask serves a request, and returns the answer.
func (r *rig) ask(request *http.Request) *httptest.ResponseRecorder {
	w := &recorder{httptest.NewRecorder()}
	r.ServeHTTP(w, request)
	return w.ResponseRecorder
}

// recorder is a recorder that accepts deadlines: a stream needs write deadlines, and a body needs read deadlines.
type recorder struct{ *httptest.ResponseRecorder }

func (*recorder) SetWriteDeadline(time.Time) error { return nil }
func (*recorder) SetReadDeadline(time.Time) error  { return nil }

// routeTo returns a route to an upstream.
func routeTo(t *testing.T, to upstream, change func(*config.Route)) *route.Route {
	t.Helper()
	cfg := config.NewRoute("/watch")
	cfg.Methods = []string{http.MethodGet, http.MethodPost}
	if change != nil {
		change(cfg)
	}
	rt, problems := route.NewWithSource(cfg, nil, source.Func(to), source.NewRunner(slog.New(slog.DiscardHandler)))
	require.Empty(t, problems)
	return rt
}

// get is a request of a program, and eventSource is a request of a browser's EventSource.
func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/watch", nil) }

func eventSource() *http.Request {
	r := get()
	r.Header.Set("Accept", "text/event-stream")
	return r
}

func post() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/watch", strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// requireIdle checks that no stream is open and that no admitted caller is left.
func requireIdle(t *testing.T, r *rig) {
	t.Helper()
	r.drain.mu.Lock()
	defer r.drain.mu.Unlock()
	assert.Zero(t, r.drain.open)
}

// unopened is an upstream whose streams must not be opened.
func unopened(context.Context, *streamv1.WatchRequest) iter.Seq2[*streamv1.Event, error] {
	return func(func(*streamv1.Event, error) bool) { panic("a stream was opened") }
}
