package bridge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// textOf returns the whole body of the answer to a browser's request.
func textOf(t *testing.T, url string, header ...string) string {
	t.Helper()
	body, err := io.ReadAll(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, url, header...)).Body)
	require.NoError(t, err)
	return string(body)
}

// retryLine is the line that differs from connection to connection.
var retryLine = regexp.MustCompile(`(?m)^retry: (\d+)\n`)

// retriesOf returns the reconnection times in a stream, in milliseconds.
func retriesOf(t *testing.T, text string) []int64 {
	t.Helper()
	var out []int64
	for _, found := range retryLine.FindAllStringSubmatch(text, -1) {
		out = append(out, parseInt(t, found[1]))
	}
	return out
}

func TestOneEventIsOneBlock(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for _, e := range []*streamv1.Event{{Sequence: 4711, Kind: "quote", Text: "a\nb"}, {Sequence: 4712}} {
			if err := stream.Send(e); err != nil {
				return err
			}
		}
		return nil
	})
	f := startFront(t, s, routeFile("event: {id: sequence, name: kind}", "open_wait: 10s"))
	text := textOf(t, f.url+"/watch/x")
	text = retryLine.ReplaceAllString(strings.TrimPrefix(text, ":\n"), "")
	assert.Equal(t, `event: quote
data: {"sequence":"4711","kind":"quote","text":"a\nb","payload":""}
id: 4711

data: {"sequence":"4712","kind":"","text":"","payload":""}
id: 4712

event: grpc-status
data: {"code":0,"status":"OK","message":"","retry":false,"reason":"upstream"}
id: grpc-end

event: grpc-end
data: {}

`, text)
}

func TestRetryIsJitteredPerConnection(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	for name, tt := range map[string]struct {
		retry    time.Duration
		min, max int64
	}{
		"of the route":        {time.Minute, 48_000, 72_000},
		"never under half 1s": {500 * time.Millisecond, 500, 600},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, routeFile("event: {retry: "+tt.retry.String()+"}"))
			seen := map[int64]bool{}
			for range 30 {
				got := retriesOf(t, textOf(t, f.url+"/watch/x"))
				require.Len(t, got, 1)
				assert.GreaterOrEqual(t, got[0], tt.min)
				assert.LessOrEqual(t, got[0], tt.max)
				seen[got[0]] = true
			}
			assert.Greater(t, len(seen), 5, "clients that were cut off at the same time come back at different times")
		})
	}
}

func TestAnIDThatIsTooLongIsLeftOut(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for _, id := range []string{strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("\n", 100), ""} {
			if err := stream.Send(&streamv1.Event{Text: id}); err != nil {
				return err
			}
		}
		return nil
	})
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, startFront(t, s, routeFile("event: {id: text}")).url+"/watch/x"))).all(t)
	require.Len(t, got, 5, "the events come without the id")
	for i, want := range []int{128, 0, 0, 0} {
		assert.Len(t, got[i].id, want)
	}
}

func TestAnErrorLooksTheSameBeforeAndAfterOpenWait(t *testing.T) {
	late := make(chan struct{})
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, _ grpc.ServerStreamingServer[streamv1.Event]) error {
		if r.GetTopic() == "late" {
			<-late
		}
		return status.Error(codes.PermissionDenied, "not yours")
	})
	early := startFront(t, s, routeFile("open_wait: 10s"))
	onTime := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, early.url+"/watch/early"))).all(t)

	f := startFront(t, s, routeFile("open_wait: 1ms"))
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/late")) // the response header has arrived
	close(late)
	assert.Equal(t, onTime, newReader(resp).all(t))
	assert.Equal(t, http.StatusOK, resp.StatusCode)
}

func TestTheEndIsAnsweredBeforeAnythingElse(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	closed := startFront(t, s, routeFile())
	require.NoError(t, closed.bridge.Close())
	draining := startFront(t, s, routeFile())
	require.NoError(t, draining.bridge.Shutdown(t.Context()))
	down := startFront(t, &server{addr: "127.0.0.1:1"}, routeFile())
	other := startFront(t, s, routeFile())
	for name, tt := range map[string]struct {
		url    string
		header []string
	}{
		"by a replica without the stream": {other.url + "/watch/x", nil},
		"while draining":                  {draining.url + "/watch/x", nil},
		"by a bridge that is closed":      {closed.url + "/watch/x", nil},
		"on a route out of order":         {down.url + "/watch/x", nil},
		"with a value of another type":    {other.url + "/watch/x?count=ten", nil},
		"on a path without a route":       {other.url + "/nowhere", nil},
		"to a page of another origin":     {other.url + "/watch/x", []string{"Origin", "https://app.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			header := append(tt.header, "Last-Event-ID", "grpc-end")
			resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, tt.url, header...))
			assert.Equal(t, http.StatusNoContent, resp.StatusCode)
			assert.Equal(t, resp.Request.Header.Get("Origin"), resp.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, "Origin", resp.Header.Get("Vary"))
		})
	}
	assert.Zero(t, s.opened.Load())
}

func TestARefusedCursorIsTriedOnceMoreWithoutIt(t *testing.T) {
	for _, tt := range []struct {
		code codes.Code
		want []string
	}{
		{codes.InvalidArgument, []string{"grpc-reset", "", "grpc-status"}},
		{codes.FailedPrecondition, []string{"grpc-reset", "", "grpc-status"}},
		{codes.OutOfRange, []string{"grpc-reset", "", "grpc-status"}},
		{codes.NotFound, []string{"grpc-status"}},
		{codes.PermissionDenied, []string{"grpc-status"}},
	} {
		t.Run(tt.code.String(), func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
				if r.GetAfterSequence() > 0 {
					return status.Error(tt.code, "no such cursor")
				}
				return count(1, nil)(r, stream)
			})
			var names []string
			f := startFront(t, s, resumable())
			for _, e := range newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "7"))).all(t) {
				names = append(names, e.name)
			}
			assert.Equal(t, tt.want, names)
		})
	}
}

func TestARequestThatIsRefusedWithAndWithoutItsCursorStops(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.InvalidArgument, "it was not the cursor")))
	f := startFront(t, s, resumable())
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", "7"))).all(t)
	require.Len(t, got, 2)
	assert.Equal(t, "grpc-reset", got[0].name)
	assert.Contains(t, got[1].data, "it was not the cursor")
	assert.Equal(t, "grpc-end", got[1].id)
	assert.EqualValues(t, 2, s.opened.Load())
}

func TestAPOSTIsNeverToldToComeBack(t *testing.T) {
	unavailable := status.Error(codes.Unavailable, "")
	for name, tt := range map[string]struct {
		watch  watch
		status int
		file   string
	}{
		"an error before the first event": {count(0, unavailable), 503, "open_wait: 10s"},
		"an error after events":           {count(1, unavailable), 200, "open_wait: 10s"},
		"an end":                          {count(1, nil), 200, "on_end: reconnect"},
		"an age":                          {oneAndWait, 200, "max_age: 2s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", tt.watch)
			f := startFront(t, s, resumable("methods: [GET, POST]", tt.file))
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/watch/x", http.NoBody)
			require.NoError(t, err)
			r.Header.Set("Accept", "text/event-stream")
			resp := do(t, clients(t)["HTTP1"], r)
			assert.Equal(t, tt.status, resp.StatusCode)
			assert.Empty(t, resp.Header.Get("Retry-After"))
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.Contains(t, string(body), `"retry":false`)
			assert.NotContains(t, string(body), "retry: ")
			assert.EqualValues(t, 1, s.opened.Load(), "the bridge does not open the stream again, either")
		})
	}
}

func TestAValueThatJSONCannotCarryEndsTheStreamForGood(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", send(&streamv1.Event{Sequence: 1},
		&streamv1.Event{Sequence: 2, Time: &timestamppb.Timestamp{Seconds: 1 << 60}}))
	f := startFront(t, s, resumable())
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 2)
	assert.JSONEq(t, `{"code":15,"status":"DATA_LOSS","message":"a message of the upstream cannot be read",
		"retry":false,"reason":"message"}`, got[1].data)
	assert.Equal(t, "grpc-end", got[1].id)
	s.requireStreams(t, 0)
	assert.EqualValues(t, 1, s.opened.Load())
}

func TestAStalePageIsTold(t *testing.T) {
	t.Parallel() // the test waits until a gap is long enough to be told
	var gone atomic.Bool
	var since atomic.Pointer[time.Time] // from before the gap
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if gone.Load() {
			return status.Error(codes.Unavailable, "restarting")
		}
		if err := stream.Send(&streamv1.Event{Sequence: r.GetAfterSequence() + 1}); err != nil {
			return err
		}
		if r.GetAfterSequence() > 0 {
			return status.Error(codes.NotFound, "the end")
		}
		gone.Store(true)
		now := time.Now()
		since.Store(&now)
		return status.Error(codes.Unavailable, "restarting")
	})
	f := startFront(t, s, resumable("reopen: {backoff: {base: 10ms, max: 50ms}}"))
	r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x")))
	for i, want := range []event{
		{"", `{"sequence":"1","kind":"","text":"","payload":""}`, "1"},
		{"grpc-stale", `{"code":14,"status":"UNAVAILABLE"}`, ""},
		{"grpc-live", `{}`, ""},
		{"", `{"sequence":"2","kind":"","text":"","payload":""}`, "2"},
	} {
		got, err := r.next()
		require.NoError(t, err)
		assert.Equal(t, want, got)
		if i == 1 {
			assert.Greater(t, time.Since(*since.Load()), 4*time.Second, "a short gap is not told")
			gone.Store(false)
		}
	}
}

func TestEndsInGoodOrderBringTheBrowserBackWithItsCursor(t *testing.T) {
	t.Parallel() // it waits for an age that a busy machine does not reach before the first event
	s := startServer(t, "127.0.0.1:0", send(&streamv1.Event{Sequence: 7}))
	for name, tt := range map[string]struct {
		file string
		end  func(*testing.T, *front)
	}{
		"max_age": {"max_age: 2s", func(*testing.T, *front) {}},
		"drain":   {"max_age: off", func(t *testing.T, f *front) { require.NoError(t, f.bridge.Shutdown(t.Context())) }},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, resumable(tt.file))
			r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x")))
			first, err := r.next()
			require.NoError(t, err)
			assert.Equal(t, "7", first.id)
			tt.end(t, f)
			rest := r.all(t)
			require.Len(t, rest, 1)
			assert.Empty(t, rest[0].id, "the cursor is kept")
			var end answerOf
			require.NoError(t, json.Unmarshal([]byte(rest[0].data), &end))
			assert.Equal(t, []any{name, true}, []any{end.Reason, end.Retry})
			retries := retriesOf(t, r.text.String())
			require.Len(t, retries, 2, "one reconnection time at the beginning, and one at the end")
			for _, ms := range retries {
				assert.InDelta(t, 2000, ms, 400, "2 s, plus or minus a fifth")
			}
		})
	}
}

func TestADrainIsSpreadOverItsTime(t *testing.T) {
	const (
		streams = 20
		during  = 4 * time.Second // a tenth of this time is for writing the last frames
	)
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, routeFile("open_wait: 1ms"))
	client := clients(t)["h2c"]
	ended := make(chan time.Time, streams)
	for range streams {
		r := newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x")))
		go func() {
			_, _ = r.next() // the event grpc-status
			ended <- time.Now()
		}()
	}
	s.requireStreams(t, streams)
	began := time.Now()
	f.drain(t, during)
	var first, last time.Duration
	for i := range streams {
		at := receive(t, ended).Sub(began)
		if i == 0 {
			first = at
		}
		last = at
	}
	assert.Greater(t, last-first, during/4, "the streams end at different moments")
}
