package bridge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// echo sends the request back as the text of one event.
func echo(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
	text, err := protojson.Marshal(r)
	if err != nil {
		return err
	}
	return stream.Send(&streamv1.Event{Text: string(text)})
}

// echoed returns the request in the first event of an echo.
func echoed(t *testing.T, e event) string {
	t.Helper()
	var data struct{ Text string }
	require.NoError(t, json.Unmarshal([]byte(e.data), &data))
	return data.Text
}

func TestRequestsBecomeMessages(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile("request: {set: {filter.venue: XNAS, after_sequence: \"${last_event_id}\"}}"))
	tests := map[string]struct {
		path, lastEventID, want string
	}{
		"path and set": {"/watch/a", "", `{"topic":"a","filter":{"venue":"XNAS"}}`},
		"query": {"/watch/a?tags=x&tags=y&level=LEVEL_HIGH&window=1.5s&pageSize=3", "",
			`{"topic":"a","tags":["x","y"],"level":"LEVEL_HIGH","window":"1.500s","pageSize":3,"filter":{"venue":"XNAS"}}`},
		"cursor":                {"/watch/a", "42", `{"topic":"a","afterSequence":"42","filter":{"venue":"XNAS"}}`},
		"cursor as a parameter": {"/watch/a?last_event_id=7", "", `{"topic":"a","afterSequence":"7","filter":{"venue":"XNAS"}}`},
		"cursor as an escaped parameter": {"/watch/a?last%5Fevent_id=%37", "",
			`{"topic":"a","afterSequence":"7","filter":{"venue":"XNAS"}}`},
		"the header wins": {"/watch/a?last_event_id=7", "42", `{"topic":"a","afterSequence":"42","filter":{"venue":"XNAS"}}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := eventSource(t.Context(), t, f.url+tt.path)
			if tt.lastEventID != "" {
				r.Header.Set("Last-Event-ID", tt.lastEventID)
			}
			got := newReader(do(t, clients(t)["HTTP1"], r)).all(t)
			require.Len(t, got, 2)
			assert.JSONEq(t, tt.want, echoed(t, got[0]))
		})
	}
}

// answerOf is the JSON of a status, in an event or in a body.
type answerOf struct {
	Code    int
	Status  string
	Message string
	Details []map[string]any
	Retry   bool
	Reason  string
}

// ask sends a request twice: as an EventSource and as another client. It returns the event grpc-status of the EventSource, and
// the response to the other client.
func ask(t *testing.T, c *http.Client, url string) (event, *http.Response, answerOf) {
	t.Helper()
	resp := do(t, c, eventSource(t.Context(), t, url))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	got := newReader(resp).all(t)
	require.Len(t, got, 1)
	assert.Equal(t, "grpc-status", got[0].name)

	plain, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	plain.Header.Set("Accept", "*/*")
	other := do(t, c, plain)
	body, err := io.ReadAll(other.Body)
	require.NoError(t, err)
	assert.Equal(t, "application/json", other.Header.Get("Content-Type"))
	assert.JSONEq(t, got[0].data, string(body), "both clients receive the same JSON")
	assert.Equal(t, resp.Header.Get("Grpc-Status"), other.Header.Get("Grpc-Status"))
	var answer answerOf
	require.NoError(t, json.Unmarshal(body, &answer))
	return got[0], other, answer
}

func TestSettingsGiveMessagesListsAndMaps(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`request:
      set:
        filter: {venue: XNAS, inner: {venue: "${header.x-user}", open: true}}
        filters: [{venue: "${query.q:-all}"}, {}]
        labels: {a.b: "7", user: "u-${header.x-user}"}
        tags: [a, 7]`))
	r := eventSource(t.Context(), t, f.url+"/watch/a", "X-User", "me")
	events := newReader(do(t, clients(t)["HTTP1"], r)).all(t)
	require.NotEmpty(t, events)
	assert.JSONEq(t, `{"topic":"a","tags":["a","7"],"filter":{"venue":"XNAS","inner":{"venue":"me","open":true}},"filters":[{"venue":"all"},{}],
		"labels":{"a.b":"7","user":"u-me"}}`, echoed(t, events[0]))

	_, resp, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/a")
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, answer.Message, "header.x-user")
}

// Some libraries for browsers add the parameter by themselves.
func TestACursorParameterIsNoMistakeWhereTheRouteHasNoCursor(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile("request: {unknown_query: reject}"))
	for _, query := range []string{"last_event_id=xyz", "lastEventId=xyz", "last_event_id=%zz", "lastEventId=%zz", "last_event_id=&lastEventId=1"} {
		events := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/a?"+query))).all(t)
		require.NotEmpty(t, events, query)
		assert.JSONEq(t, `{"topic":"a"}`, echoed(t, events[0]), query)
	}
}

func TestErrorsBeforeTheFirstEvent(t *testing.T) {
	stops, retries := false, true
	tests := []struct {
		code  codes.Code
		http  int
		retry bool
		shown bool // the upstream's message reaches the browser
	}{
		{codes.InvalidArgument, 400, stops, true},
		{codes.FailedPrecondition, 400, stops, true},
		{codes.OutOfRange, 400, stops, true},
		{codes.Unauthenticated, 401, stops, true},
		{codes.PermissionDenied, 403, stops, true},
		{codes.NotFound, 404, stops, true},
		{codes.AlreadyExists, 409, stops, true},
		{codes.Unimplemented, 501, stops, false},
		{codes.DataLoss, 500, stops, false},
		{codes.Unavailable, 503, retries, false},
		{codes.ResourceExhausted, 429, retries, true},
		{codes.Aborted, 409, retries, true},
		{codes.DeadlineExceeded, 504, retries, false},
		{codes.Canceled, 499, retries, true},
		{codes.Internal, 500, retries, false},
		{codes.Unknown, 500, retries, false},
	}
	for _, tt := range tests {
		t.Run(tt.code.String(), func(t *testing.T) {
			s := startServer(t, "127.0.0.1:0", count(0, status.Error(tt.code, "from within")))
			f := startFront(t, s, routeFile())
			told, resp, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/x")
			assert.Equal(t, tt.http, resp.StatusCode)
			assert.Equal(t, int(tt.code), answer.Code)
			assert.Equal(t, tt.retry, answer.Retry)
			assert.Equal(t, "upstream", answer.Reason)
			assert.Equal(t, tt.shown, answer.Message == "from within", "message %q", answer.Message)
			assert.Equal(t, tt.retry, resp.Header.Get("Retry-After") != "")
			if tt.retry {
				assert.Empty(t, told.id)
			} else {
				assert.Equal(t, "grpc-end", told.id)
			}
		})
	}
}

func TestDetailsOfAnErrorReachTheBrowser(t *testing.T) {
	st, err := status.New(codes.InvalidArgument, "no").WithDetails(&errdetails.ErrorInfo{Reason: "TOPIC", Domain: "test"})
	require.NoError(t, err)
	p := st.Proto()
	p.Details = append(p.Details, &anypb.Any{TypeUrl: "type.googleapis.com/no.such.Type", Value: []byte{1, 2}})
	s := startServer(t, "127.0.0.1:0", count(0, status.ErrorProto(p)))
	_, _, answer := ask(t, clients(t)["HTTP1"], startFront(t, s, routeFile()).url+"/watch/x")
	assert.Equal(t, []map[string]any{
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TOPIC", "domain": "test"},
		{"@type": "type.googleapis.com/no.such.Type", "value": "AQI="},
	}, answer.Details)
}

func TestExposeErrorsShowsServerFaults(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.Internal, "disk 3 is full")))
	_, _, answer := ask(t, clients(t)["HTTP1"], startFront(t, s, routeFile("expose_errors: true")).url+"/watch/x")
	assert.Equal(t, "disk 3 is full", answer.Message)
}

func TestOpenErrorsAsHTTPStatus(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.NotFound, "no such topic")))
	f := startFront(t, s, routeFile("open_errors: http"))
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))
	assert.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func TestOnEndReconnect(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, nil))
	f := startFront(t, s, routeFile("on_end: reconnect"))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
	require.Len(t, got, 1)
	assert.JSONEq(t, `{"code":0,"status":"OK","message":"","retry":true,"reason":"upstream"}`, got[0].data)
	assert.Empty(t, got[0].id)
}

func TestValuesThatDoNotFit(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile("request: {set: {level: LEVEL_LOW}, unknown_query: reject}"))
	tests := map[string]string{
		"?count=ten":        `query parameter "count": expected `,
		"?count=-1":         `query parameter "count": expected `,
		"?level=LEVEL_HIGH": `query parameter "level": `,
		"?topic=b":          `query parameter "topic": `,
		"?nonsense=1":       `query parameter "nonsense": `,
	}
	for query, want := range tests {
		t.Run(query, func(t *testing.T) {
			_, resp, answer := ask(t, clients(t)["HTTP1"], f.url+"/watch/x"+query)
			assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
			assert.Equal(t, "INVALID_ARGUMENT", answer.Status)
			assert.Equal(t, "request", answer.Reason)
			assert.False(t, answer.Retry)
			assert.True(t, strings.HasPrefix(answer.Message, want), "message %q", answer.Message)
		})
	}
	assert.Zero(t, s.opened.Load())
}

func TestRequestsThatGetAnHTTPStatusOnly(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	tests := map[string]struct {
		method, path, body string
		header             []string
		want               int
		allow              string
	}{
		"unknown path":                      {method: "GET", path: "/nowhere", want: 404},
		"malformed path":                    {method: "GET", path: "/watch/%FF", want: 400},
		"dots":                              {method: "GET", path: "/watch/..", want: 404},
		"wrong method":                      {method: "POST", path: "/watch/x", body: "{}", want: 405, allow: "GET, HEAD"},
		"delete":                            {method: "DELETE", path: "/watch/x", want: 405, allow: "GET, HEAD"},
		"a body":                            {method: "GET", path: "/watch/x", body: "x", want: 400},
		"a foreign origin":                  {method: "GET", path: "/watch/x", header: []string{"Origin", "https://evil.example"}, want: 403},
		"a cross-site fetch":                {method: "GET", path: "/watch/x", header: []string{"Sec-Fetch-Site", "cross-site"}, want: 403},
		"after the end":                     {method: "GET", path: "/watch/x", header: []string{"Last-Event-ID", "grpc-end"}, want: 204},
		"after the end, on an unknown path": {method: "GET", path: "/gone", header: []string{"Last-Event-ID", "grpc-end"}, want: 204},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, f.url+tt.path, strings.NewReader(tt.body))
			require.NoError(t, err)
			if tt.body == "" {
				r.Body = http.NoBody
			}
			r.Header.Set("Accept", "text/event-stream")
			for i := 0; i+1 < len(tt.header); i += 2 {
				r.Header.Set(tt.header[i], tt.header[i+1])
			}
			resp := do(t, clients(t)["HTTP1"], r)
			assert.Equal(t, tt.want, resp.StatusCode)
			assert.Equal(t, tt.allow, resp.Header.Get("Allow"))
		})
	}
	assert.Zero(t, s.opened.Load(), "a stream was opened")
}

func TestAPageOfItsOwnOriginIsServed(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, routeFile())
	for name, header := range map[string][]string{
		"by Origin":         {"Origin", f.url},
		"by Sec-Fetch-Site": {"Sec-Fetch-Site", "same-origin", "Origin", "https://public.example"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", header...))
			assert.Len(t, newReader(resp).all(t), 2)
		})
	}
}

func TestTheIDOfAnEndIsIgnoredInAQuery(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, routeFile())
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x?last_event_id=grpc-end"))
	assert.Equal(t, http.StatusOK, resp.StatusCode, "a link must not close the EventSource of a page")
}

func TestHEADOpensNoStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.url+"/watch/x", nil)
	require.NoError(t, err)
	resp := do(t, clients(t)["HTTP1"], r)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	assert.Zero(t, s.opened.Load())
}

func TestACursorThatDoesNotFitIsAReset(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if r.GetAfterSequence() > 100 {
			return status.Error(codes.OutOfRange, "that is long gone")
		}
		return echo(r, stream)
	})
	f := startFront(t, s, routeFile(`request: {set: {after_sequence: "${last_event_id}"}}`))
	for name, id := range map[string]string{
		"a cursor of another type":           "yesterday",
		"a text that cannot be an id":        "a b",
		"over-long":                          strings.Repeat("9", 500),
		"a cursor that the upstream refuses": "101",
	} {
		t.Run(name, func(t *testing.T) {
			resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", id))
			got := newReader(resp).all(t)
			require.Len(t, got, 3)
			assert.Equal(t, "grpc-reset", got[0].name)
			assert.JSONEq(t, `{"reason":"invalid","last_event_id":"`+id[:min(len(id), 128)]+`"}`, got[0].data)
			assert.JSONEq(t, `{"topic":"x"}`, echoed(t, got[1]))
		})
	}
}

func TestARouteWithIDsThatCannotResumeSendsAReset(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	for name, tt := range map[string]struct {
		file, id string
		want     []event
	}{
		"ids, no cursor":          {routeFile("event: {id: sequence}"), "3", []event{{"grpc-reset", `{"reason":"epoch","last_event_id":"3"}`, ""}}},
		"an id that no event has": {routeFile("event: {id: sequence}"), "~!!", []event{{"grpc-reset", `{"reason":"invalid","last_event_id":"~!!"}`, ""}}},
		"a route without ids":     {routeFile(), "3", nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFront(t, s, tt.file)
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", "Last-Event-ID", tt.id))).all(t)
			require.Len(t, got, len(tt.want)+2)
			for i, want := range tt.want {
				assert.Equal(t, want, got[i])
			}
		})
	}
}

func TestTheReconnectionTimeGrowsWhileOpeningsFail(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(0, status.Error(codes.Unavailable, "")))
	f := startFront(t, s, routeFile("event: {retry: 500ms}"))
	retryOf := func() time.Duration {
		r := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x")))
		r.all(t)
		_, ms, found := strings.Cut(r.text.String(), "retry: ")
		require.True(t, found)
		ms, _, _ = strings.Cut(ms, "\n")
		return time.Duration(parseInt(t, ms)) * time.Millisecond
	}
	first := retryOf()
	assert.LessOrEqual(t, first, 600*time.Millisecond)
	require.Eventually(t, func() bool { return retryOf() > 700*time.Millisecond }, patience, 100*time.Millisecond,
		"the longer the upstream is broken, the less often it is asked")
}
