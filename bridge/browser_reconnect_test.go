package bridge_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/loopback"
)

// soon is the shortest reconnection time that the configuration allows. It keeps the tests short.
const soon = "500ms"

// sendAfter sends at most few events after the request's cursor, with a pause before each. Then it waits until the client
// leaves.
func sendAfter(few int64, pause time.Duration) watch {
	return func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for n := r.GetAfterSequence() + 1; n <= r.GetAfterSequence()+few; n++ {
			if err := stream.Send(&streamv1.Event{Sequence: n}); err != nil {
				return err
			}
			select {
			case <-time.After(pause):
			case <-stream.Context().Done():
			}
		}
		return untilCancelled(r, stream)
	}
}

// statusTold decodes a grpc-status event.
func statusTold(t *testing.T, e told) answerOf {
	t.Helper()
	var answer answerOf
	require.NoError(t, json.Unmarshal([]byte(e.Data), &answer))
	return answer
}

// requireSequence waits until the page has n events, and returns the calls that the page has recorded until then.
func (p *tab) requireSequence(t *testing.T, n int) []told {
	t.Helper()
	p.until(t, "told.filter((e) => e.type === 'message').length >= "+jsonOf(n))
	return p.all(t)
}

func jsonOf(v any) string {
	text, _ := json.Marshal(v) // numbers and strings have no errors
	return string(text)
}

func TestBrowserComesBackWhenTheUpstreamDied(t *testing.T) {
	t.Parallel()
	s := startServer(t, loopback.Own(), sendAfter(3, 0))
	st := startSite(t, s, routeFile("event: {id: sequence, retry: "+soon+"}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.requireSequence(t, 3)
	s.grpc.Stop()
	page.until(t, "told.some((e) => e.type === 'grpc-status')")
	startServer(t, s.addr, sendAfter(3, 0))
	all := page.requireSequence(t, 6)

	assert.Equal(t, []int64{1, 2, 3, 1, 2, 3}, sequences(t, all), "a route without a cursor begins anew")
	assert.Equal(t, []string{"open", "message", "message", "message", "grpc-status", "error"}, types(all)[:6])
	end := statusTold(t, all[4])
	assert.Equal(t, answerOf{Code: 14, Status: "UNAVAILABLE", Message: "the upstream is unavailable", Retry: true, Reason: "upstream"}, end)
	assert.Equal(t, "3", all[4].ID, "the status does not change the cursor")
	lost := all[5]
	assert.False(t, lost.Message)
	assert.Equal(t, 0, lost.State, "the browser is going to come back")
	for _, v := range st.seen()[1:] {
		assert.Equal(t, "3", v.lastEventID)
		assert.Equal(t, 200, v.status)
	}
}

func TestBrowserResumesWhenReopeningGaveUp(t *testing.T) {
	t.Parallel()
	s := startServer(t, loopback.Own(), sendAfter(3, 0))
	st := startSite(t, s, resumableSoon("reopen: {max_attempts: 1, backoff: {base: 1ms, max: 1ms}}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.requireSequence(t, 3)
	s.grpc.Stop()
	page.until(t, "told.some((e) => e.type === 'grpc-status')")
	startServer(t, s.addr, sendAfter(3, 0))
	all := page.requireSequence(t, 6)
	assert.Equal(t, upTo(6), sequences(t, all), "no event is lost or repeated")
	assert.Equal(t, "3", st.seen()[1].lastEventID)
}

func TestBrowserDoesNotNoticeAnUpstreamThatIsReopened(t *testing.T) {
	t.Parallel()
	s := startServer(t, loopback.Own(), sendAfter(3, 0))
	st := startSite(t, s, resumableSoon())
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.requireSequence(t, 3)
	s.grpc.Stop()
	startServer(t, s.addr, sendAfter(3, 0))
	all := page.requireSequence(t, 6)
	assert.Equal(t, upTo(6), sequences(t, all))
	assert.NotContains(t, types(all), "error")
	assert.NotContains(t, types(all), "grpc-status")
	assert.Len(t, st.seen(), 1)
}

// resumableSoon is a route that can resume, and to which a browser comes back soon.
func resumableSoon(extra ...string) string {
	return routeFile(append(extra, "event: {id: sequence, retry: "+soon+"}",
		`request: {set: {after_sequence: "${last_event_id}"}}`)...)
}

func TestBrowserResumesWhenItsConnectionBroke(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, *server, string) *site{"HTTP1": startSite, "TLS h2": startTLSSite} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", sendAfter(1000, 20*time.Millisecond))
			st := start(t, s, resumableSoon())
			page := openTab(t, st)
			page.watch(t, "/watch/x")
			before := len(sequences(t, page.requireSequence(t, 3)))
			st.cut(t)
			page.until(t, "told.some((e) => e.type === 'error')")
			all := page.requireSequence(t, before+20)
			assert.Equal(t, upTo(len(sequences(t, all))), sequences(t, all), "no event is lost or repeated")
			visits := st.seen()
			require.Len(t, visits, 2)
			if name == "TLS h2" {
				assert.Equal(t, []string{"HTTP/2.0", "HTTP/2.0"}, []string{visits[0].protocol, visits[1].protocol})
			}
			lost := first(t, all, "error", 0)
			assert.Equal(t, 0, lost.State)
			assert.Equal(t, lost.ID, "", "a lost connection brings no status")
			assert.NotEmpty(t, visits[1].lastEventID)
			s.requireStreams(t, 1)
		})
	}
}

func TestBrowserResumesAfterMaxAge(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", sendAfter(1000, 20*time.Millisecond))
	st := startSite(t, s, resumableSoon("max_age: 400ms"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.until(t, "told.filter((e) => e.type === 'open').length >= 3")
	all := page.all(t)
	got := sequences(t, all)
	assert.Equal(t, upTo(len(got)), got, "no event is lost or repeated")
	end := first(t, all, "grpc-status", 0)
	assert.Equal(t, "max_age", statusTold(t, end).Reason)
	assert.True(t, statusTold(t, end).Retry)
	assert.Equal(t, end.ID, st.seen()[1].lastEventID)
}

func TestBrowserMovesToAnotherProcess(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", sendAfter(1000, 20*time.Millisecond))
	old, next := startFront(t, s, resumableSoon()), startFront(t, s, resumableSoon())
	st := serveSite(t, old, startPlain)
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.requireSequence(t, 3)
	require.NoError(t, old.bridge.Shutdown(t.Context()))
	page.until(t, "told.filter((e) => e.type === 'grpc-status').length >= 2") // the browser was refused once
	st.serve(next)
	before := len(sequences(t, page.all(t)))
	all := page.requireSequence(t, before+10)
	assert.Equal(t, upTo(len(sequences(t, all))), sequences(t, all), "no event is lost or repeated")
	for _, e := range all {
		if e.Type == "grpc-status" {
			assert.Equal(t, "drain", statusTold(t, e).Reason)
		}
		assert.NotEqual(t, 2, e.State, "the browser never gives up")
	}
}

func TestBrowserWaitsForTheReconnectionTime(t *testing.T) {
	t.Parallel()
	const retry = 1500 * time.Millisecond
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.Unavailable, "")))
	st := startSite(t, s, routeFile("event: {retry: "+retry.String()+"}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	visits := st.requireVisits(t, 2)
	page.until(t, "told.filter((e) => e.type === 'grpc-status').length >= 2")
	apart := visits[1].at.Sub(visits[0].at)
	assert.GreaterOrEqual(t, apart, retry*8/10, "the jitter is at most a fifth")
	assert.Less(t, apart, patience)
	assert.Equal(t, 200, visits[1].status)
	assert.Empty(t, visits[1].lastEventID)
	all := page.all(t)
	assert.Equal(t, []string{"open", "grpc-status", "error", "open", "grpc-status"}, types(all)[:5])
	assert.Equal(t, "UNAVAILABLE", statusTold(t, all[1]).Status)
	assert.Equal(t, 0, all[2].State)
}
