package bridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// longerThanSoon is longer than the wait of a browser before it comes back, jitter included.
const longerThanSoon = 1200 * time.Millisecond

// requireClosed waits until the browser has come back once and has received 204. It checks that the browser stays away then.
func requireClosed(t *testing.T, st *site, page *tab) []told {
	t.Helper()
	visits := st.requireVisits(t, 2)
	assert.Equal(t, 200, visits[0].status)
	assert.Equal(t, "grpc-end", visits[1].lastEventID)
	assert.Equal(t, 204, visits[1].status)
	page.until(t, "source.readyState === EventSource.CLOSED")
	st.requireNoMoreVisits(t, 2, longerThanSoon)
	return page.all(t)
}

func TestBrowserStaysAwayFromAnEndedStream(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", count(3, nil))
	st := startSite(t, s, routeFile("event: {id: sequence, retry: "+soon+"}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	all := requireClosed(t, st, page)
	assert.Equal(t, []string{"open", "message", "message", "message", "grpc-status", "error", "error"}, types(all))
	assert.Equal(t, answerOf{Status: "OK", Reason: "upstream"}, statusTold(t, all[4]))
	assert.Equal(t, 2, all[6].State)
	assert.EqualValues(t, 1, s.opened.Load(), "no stream is opened for the request that gets 204")
}

func TestBrowserStaysAwayFromAnEndedStreamOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	own := startSite(t, s, routeFile())
	for name, tt := range map[string]struct {
		cors, options string
	}{
		"a trusted origin": {`cors: {origins: ["` + own.url + `"], credentials: true}`, "{withCredentials: true}"},
		"any origin":       {`cors: {origins: ["*"]}`, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			st := startSite(t, s, routeFile(tt.cors, "event: {retry: "+soon+"}"))
			page := openTab(t, own)
			complaints := page.complaints(t)
			page.do(t, "watch(%s, [], "+tt.options+")", st.url+"/watch/x")
			requireClosed(t, st, page)
			assert.Empty(t, complaints(), "the browser must accept the 204")
		})
	}
}

func TestBrowserReadsAPermanentErrorAndStops(t *testing.T) {
	t.Parallel()
	st, err := status.New(codes.NotFound, "no such topic: “x”").WithDetails(&errdetails.ErrorInfo{Reason: "TOPIC"})
	require.NoError(t, err)
	for name, w := range map[string]watch{
		"before the first event": count(0, st.Err()),
		"after events":           count(2, st.Err()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "127.0.0.1:0", w)
			st := startSite(t, s, routeFile("event: {id: sequence, retry: "+soon+"}"))
			page := openTab(t, st)
			page.watch(t, "/watch/x")
			all := requireClosed(t, st, page)
			assert.Equal(t, answerOf{
				Code: 5, Status: "NOT_FOUND", Message: "no such topic: “x”", Reason: "upstream",
				Details: []map[string]any{{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TOPIC"}},
			}, statusTold(t, first(t, all, "grpc-status", 0)))
			assert.EqualValues(t, 1, s.opened.Load())
		})
	}
}

func TestBrowserComesBackWhereOnEndSaysSo(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", count(2, nil))
	st := startSite(t, s, routeFile("on_end: reconnect", "event: {id: sequence, retry: "+soon+"}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.until(t, "told.filter((e) => e.type === 'open').length >= 3")
	for _, v := range st.seen()[1:] {
		assert.Equal(t, "2", v.lastEventID)
	}
}

func TestBrowserDoesNotShowAnHTTPStatus(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.Unavailable, "")))
	st := startSite(t, s, routeFile("open_errors: http", "event: {retry: "+soon+"}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.until(t, "source.readyState === EventSource.CLOSED")
	st.requireNoMoreVisits(t, 1, longerThanSoon)
	all := page.all(t)
	require.Equal(t, []string{"error"}, types(all))
	assert.False(t, all[0].Message)
	assert.Equal(t, 503, st.seen()[0].status)
}

func TestBrowserStopsAtAMessageThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", send(&streamv1.Event{Text: strings.Repeat("x", 2000)}))
	st := startSite(t, s, routeFile("max_event_bytes: 1KiB", "event: {id: sequence, retry: "+soon+"}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	end := statusTold(t, first(t, requireClosed(t, st, page), "grpc-status", 0))
	assert.Equal(t, "DATA_LOSS", end.Status)
	assert.False(t, end.Retry)
	assert.Equal(t, "message", end.Reason)
}

func TestBrowserCloseCancelsTheUpstream(t *testing.T) { // not parallel: the test measures time
	for name, start := range map[string]func(*testing.T, *server, string) *site{"HTTP1": startSite, "TLS h2": startTLSSite} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			st := start(t, s, routeFile("open_wait: 1ms"))
			page := openTab(t, st)
			page.watch(t, "/watch/x")
			page.until(t, "source.readyState === EventSource.OPEN")
			s.requireStreams(t, 1)
			left := time.Now()
			page.do(t, "source.close() === undefined")
			s.requireStreams(t, 0)
			took := time.Since(left)
			assert.Less(t, took, 5*time.Second) // it takes milliseconds, unless the machine is busy
			t.Logf("cancelled upstream %v after close()", took.Round(time.Millisecond))
		})
	}
}
