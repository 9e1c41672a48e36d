package bridge_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestPreflightAllowsWhatTheRouteReads(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`cors: {origins: ["https://app.example.com"], headers: [x-listed]}`, "methods: [GET, POST]",
		`request: {set: {name: "${header.x-name:-d}", tags: ["${header.x-tag:-d}", a]}}`,
		`metadata: {forward: [authorization, x-tenant], set: {x-a: "pre-${header.x-meta:-d}"}}`))
	for _, tt := range []struct {
		method, headers string
		allowed         bool
	}{
		{"GET", "authorization,last-event-id,traceparent,tracestate,x-listed,x-meta,x-name,x-tag,x-tenant", true},
		{"POST", "authorization,content-type,last-event-id,traceparent,tracestate,x-listed,x-meta,x-name,x-tag,x-tenant", true},
		{"HEAD", "x-tenant", true},
		{"GET", "x-other", false},
		{"GET", "x-a", false}, // the name of metadata that is not a header
		{"GET", "x-tenant,x-zzz", false},
		{"GET", "cookie", false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, f.url+"/watch/x", nil)
		require.NoError(t, err)
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("Access-Control-Request-Method", tt.method)
		r.Header.Set("Access-Control-Request-Headers", tt.headers)
		resp := do(t, clients(t)["HTTP1"], r)
		assert.Equal(t, http.StatusNoContent, resp.StatusCode)
		assert.Equal(t, tt.allowed, resp.Header.Get("Access-Control-Allow-Origin") != "", "%s %s", tt.method, tt.headers)
		if tt.allowed {
			assert.Equal(t, tt.headers, resp.Header.Get("Access-Control-Allow-Headers"))
		}
	}
}

func TestAStreamThatIsOpenedAgainKeepsTheHeadersThatItNeeds(t *testing.T) {
	type call struct{ name, forwarded, traced, cookie string }
	calls := make(chan call, 3)
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md := incoming(stream.Context())
		first := func(name string) string { return strings.Join(md.Get(name), "|") }
		calls <- call{r.GetName(), first("x-tenant"), first("traceparent"), first("x-session")}
		if r.GetAfterSequence() == 2 {
			return nil
		}
		if err := stream.Send(&streamv1.Event{Sequence: r.GetAfterSequence() + 1}); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "")
	})
	const set = `request: {set: {after_sequence: "${last_event_id}", name: "${header.x-name}"}}`
	for name, extra := range map[string]string{"private": "", "shared": "share: {late_join: all}"} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, routeFile("event: {id: sequence}", set, "reopen: {backoff: {base: 1ms, max: 1ms}}", extra,
				`metadata: {forward: [x-tenant], set: {x-session: "${cookie.session}"}}`))
			r := eventSource(t.Context(), t, f.url+"/watch/x", "X-Name", "n", "X-Tenant", "acme", "Cookie", "session=s1",
				"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
			require.Len(t, newReader(do(t, clients(t)["HTTP1"], r)).all(t), 3)
			want := call{"n", "acme", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "s1"}
			if name == "shared" {
				want.traced = ""
			}
			for range 3 {
				assert.Equal(t, want, <-calls)
			}
		})
	}
}

// A mapping may have references in members, in lists of mappings, and in the entries of a map.
func TestReferencesInsideOfMappingsAreReadLikeOthers(t *testing.T) {
	const set = `request: {set: {after_sequence: "${last_event_id}", filter: {venue: "${header.x-venue:-d}", inner: {venue: "${header.x-inner:-d}"}}, ` +
		`filters: [{venue: XNAS}, {inner: {inner: {venue: "${header.x-deep:-d}"}}}], labels: {user: "${header.x-label:-d}", session: "${cookie.session:-d}"}}}`
	requests := make(chan *streamv1.WatchRequest, 10)
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		requests <- r
		if r.GetAfterSequence() == 2 {
			return nil
		}
		if err := stream.Send(&streamv1.Event{Sequence: r.GetAfterSequence() + 1}); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "")
	})
	for name, extra := range map[string]string{"private": "", "shared": "share: {late_join: all}"} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, routeFile("event: {id: sequence}", set, "reopen: {backoff: {base: 1ms, max: 1ms}}", extra,
				`cors: {origins: ["https://app.example.com"]}`))
			preflight, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, f.url+"/watch/x", nil)
			require.NoError(t, err)
			preflight.Header.Set("Origin", "https://app.example.com")
			preflight.Header.Set("Access-Control-Request-Method", "GET")
			preflight.Header.Set("Access-Control-Request-Headers", "x-deep,x-inner,x-label,x-venue")
			resp := do(t, clients(t)["HTTP1"], preflight)
			assert.Equal(t, "x-deep,x-inner,x-label,x-venue", resp.Header.Get("Access-Control-Allow-Headers"))

			r := eventSource(t.Context(), t, f.url+"/watch/x", "X-Venue", "1", "X-Inner", "2", "X-Deep", "3", "X-Label", "4", "Cookie", "session=5")
			require.Len(t, newReader(do(t, clients(t)["HTTP1"], r)).all(t), 3)
			for after := range int64(3) {
				got := <-requests
				assert.Equal(t, after, got.GetAfterSequence())
				assert.Equal(t, "1", got.GetFilter().GetVenue())
				assert.Equal(t, "2", got.GetFilter().GetInner().GetVenue())
				require.Len(t, got.GetFilters(), 2)
				assert.Equal(t, "3", got.GetFilters()[1].GetInner().GetInner().GetVenue())
				assert.Equal(t, map[string]string{"user": "4", "session": "5"}, got.GetLabels())
			}
		})
	}
}

func TestTheTraceContextIsSentOnce(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	got := make(chan []string, 1)
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md := incoming(stream.Context())
		got <- append(md.Get("traceparent"), md.Get("tracestate")...)
		return nil
	})
	for name, file := range map[string]string{
		"by itself": "", "forwarded too": "metadata: {forward: [traceparent, tracestate]}",
	} {
		f := startFront(t, s, routeFile(file))
		r := eventSource(t.Context(), t, f.url+"/watch/x", "Traceparent", parent, "Tracestate", "a=b")
		require.Len(t, newReader(do(t, clients(t)["HTTP1"], r)).all(t), 1)
		assert.Equal(t, []string{parent, "a=b"}, <-got, name)
	}
}
