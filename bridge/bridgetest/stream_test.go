package bridgetest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tmaxmax/go-sse"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
)

// serve answers each request with a text as an event stream. A text ends with "HOLD" where the stream stays open, and with "BREAK"
// where the connection breaks.
func serve(t *testing.T, text string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		before, hold := strings.CutSuffix(text, "HOLD")
		before, broken := strings.CutSuffix(before, "BREAK")
		_, _ = io.WriteString(w, before)
		_ = http.NewResponseController(w).Flush()
		if hold {
			<-r.Context().Done()
		}
		if broken {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const (
	quote = "retry: 2000\nevent: quote\ndata: {\"symbol\":\"AAPL\",\"price\":1.50,\"tags\":[1,2],\"last\":{\"n\":null}}\nid: 7\n\n"
	later = "event: grpc-status\ndata: {\"status\":\"UNAVAILABLE\",\"retry\":true}\n\n"
	over  = "event: grpc-status\ndata: {\"status\":\"OK\"}\nid: grpc-end\n\n"
	end   = "event: grpc-end\ndata: {}\n\n"
)

func TestAStreamThatIsAsExpectedPasses(t *testing.T) {
	page := bridgetest.Open(t, serve(t, ":\n\nevent: grpc-cursor\ndata: {}\nid: 6\n\n"+quote+"data: plain text\n\n"+over+end))
	assert.Equal(t, http.StatusOK, page.Status())
	assert.Equal(t, "text/event-stream", page.Header().Get("Content-Type"))
	e := page.ExpectEvent("quote", `{"price": 1.5, "tags": [1, 2], "last": {"n": null}}`)
	assert.Equal(t, "7", e.ID)
	var decoded struct{ Symbol string }
	require.NoError(t, e.Decode(&decoded))
	assert.Equal(t, "AAPL", decoded.Symbol)
	page.ExpectEvent("", "plain text")
	assert.Equal(t, "7", page.LastEventID())
	page.ExpectEnd(`{"status":"OK"}`)
	assert.Equal(t, "grpc-end", page.LastEventID())

	again := bridgetest.Open(t, serve(t, quote+later))
	assert.Equal(t, bridgetest.Event{Name: "quote", Data: e.Data, ID: "7"}, again.Next())
	again.ExpectEnd(`{"retry":true}`)
}

func TestAPageComesBackWithItsHeaderAndItsLastID(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "data: %q\nid: %s1\n\n", r.Header, r.Header.Get("Last-Event-ID"))
	}))
	defer server.Close()
	page := bridgetest.Open(t, server.URL, "X-User", "ada", "Last-Event-ID", "5")
	assert.Equal(t, "5", page.LastEventID())
	first := page.Next()
	assert.Contains(t, first.Data, `"X-User":["ada"]`)
	assert.Contains(t, first.Data, `"Last-Event-Id":["5"]`)
	assert.Contains(t, first.Data, `"Accept":["text/event-stream"]`)
	second := page.Reconnect().Next()
	assert.Contains(t, second.Data, `"X-User":["ada"]`)
	assert.Contains(t, second.Data, `"Last-Event-Id":["51"]`)
}

// Each expectation fails, and says what came instead.
func TestAStreamThatIsNotAsExpectedFails(t *testing.T) {
	next := func(s *bridgetest.Stream) { s.Next() }
	event := func(name, data string) func(*bridgetest.Stream) {
		return func(s *bridgetest.Stream) { s.ExpectEvent(name, data) }
	}
	ends := func(status string) func(*bridgetest.Stream) {
		return func(s *bridgetest.Stream) { s.ExpectEnd(status) }
	}
	for name, tt := range map[string]struct {
		sent   string
		expect func(*bridgetest.Stream)
		want   string
	}{
		"next, but the end":              {":\n\n", next, "expected an event, but the stream ended"},
		"next, but a break":              {"BREAK", next, "expected an event, but the connection broke"},
		"next, but a break in a line":    {"data: 1", next, "but the connection broke"},
		"next, but a break in a comment": {": 1", next, "but the connection broke"},
		"next, but a break in a block":   {"data: 1\n", next, "but the connection broke"},
		"next, but an id without data":   {"id: 1\n\nHOLD", next, "nothing came within 50ms, and the stream is open"},
		"next, but silence":              {":\n\nHOLD", next, "nothing came within 50ms, and the stream is open; events before: none"},
		"next, but grpc-cursor":          {"event: grpc-cursor\ndata: {}\n\nHOLD", next, "events before: \n  event grpc-cursor: {}"},
		"next, but closed":               {quote, func(s *bridgetest.Stream) { s.Close(); s.Next() }, "over or closed before"},
		"next, but the end before":       {"", func(s *bridgetest.Stream) { s.ExpectEnd(`{}`) }, "but the stream ended"},
		"an event of another name":       {quote, event("trade", `{}`), "expected event trade: {}\nfound event quote, id 7:"},
		"a name where none is expected":  {quote, event("", `{}`), "expected event message: {}\nfound event quote, id 7:"},
		"another value":                  {quote, event("quote", `{"symbol":"MSFT"}`), `.symbol is "AAPL"`},
		"another number":                 {quote, event("quote", `{"price":1.51}`), `.price is 1.50`},
		"another kind of value":          {quote, event("quote", `{"price":"1.50"}`), `.price is 1.50`},
		"null for a value":               {quote, event("quote", `{"price":null}`), `.price is 1.50`},
		"an object for a value":          {quote, event("quote", `{"price":{}}`), `.price is 1.50`},
		"a value for an object":          {quote, event("quote", `{"last":1}`), `.last is {"n":null}`},
		"a member that is missing":       {quote, event("quote", `{"volume":1}`), `.volume is missing`},
		"a member that is missing deep":  {quote, event("quote", `{"last":{"m":1}}`), `.last.m is missing`},
		"a longer list":                  {quote, event("quote", `{"tags":[1]}`), `.tags has 2 elements`},
		"another element":                {quote, event("quote", `{"tags":[1,3]}`), `.tags[1] is 2`},
		"a list for an object":           {quote, event("quote", `[]`), `the data is {`},
		"a text for JSON":                {quote, event("quote", `AAPL`), `the texts differ`},
		"JSON for a text":                {"data: AAPL\n\n", event("", `{}`), `the data is no JSON`},
		"two values":                     {"data: {} {}\n\n", event("", `{}`), `the data is no JSON: more than one value`},
		"an event, but the end":          {quote, func(s *bridgetest.Stream) { s.Next(); s.ExpectEvent("quote", "{}") }, "expected event quote: {}, but the stream ended; events before: \n  event quote, id 7"},
		"a large integer":                {"data: {\"n\":9007199254740993}\n\n", event("", `{"n":9007199254740992}`), ".n is 9007199254740993"},

		"the end, but an event":             {quote, ends(`{}`), "expected event grpc-status: {}\nfound event quote, id 7:"},
		"the end, but an end without words": {"", ends(`{}`), "expected the end with event grpc-status: {}, but the stream ended"},
		"another status":                    {later, ends(`{"status":"OK"}`), `.status is "UNAVAILABLE"`},
		"a final end without grpc-end":      {over, ends(`{}`), "expected the event grpc-end behind a final grpc-status, but the stream ended"},
		"a final end with another event":    {over + quote, ends(`{}`), "expected the event grpc-end behind a final grpc-status, but found event quote"},
		"an end that is none":               {over + end + "HOLD", ends(`{}`), "expected the end of the connection behind grpc-status, but nothing came"},
		"an event behind the end":           {later + quote, ends(`{}`), "expected the end of the connection behind grpc-status, but found event quote"},
		"a grpc-end that is not due":        {later + end, ends(`{}`), "expected the end of the connection behind grpc-status, but found event grpc-end"},
		"a break behind the end":            {later + "BREAK", ends(`{}`), "behind grpc-status, but the connection broke"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, tt.sent)
			failure := failureOf(func(tb testing.TB) {
				page := bridgetest.Open(tb, url)
				if strings.HasSuffix(tt.sent, "HOLD") {
					page.Timeout = short
				}
				tt.expect(page)
			})
			assert.Contains(t, failure, tt.want)
			assert.Contains(t, failure, "bridgetest: "+url)
		})
	}
}

func TestAnAnswerWithoutAStreamFails(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	page := bridgetest.Open(t, gone.URL)
	assert.Equal(t, http.StatusNotFound, page.Status())
	failure := failureOf(func(tb testing.TB) { bridgetest.Open(tb, gone.URL).Next() })
	assert.Contains(t, failure, "expected an event, but it was answered with the status 404 Not Found: 404 page not found")
	gone.Close()
	refused := func(tb testing.TB) *bridgetest.Stream { return bridgetest.Open(tb, gone.URL) }
	assert.Contains(t, failureOf(func(tb testing.TB) { refused(tb).Next() }), "expected an event, but it was not answered: dial tcp")
	assert.Contains(t, failureOf(func(tb testing.TB) { refused(tb).Status() }), "no answer: dial tcp")
	assert.Contains(t, failureOf(func(tb testing.TB) { refused(tb).Header() }), "no answer: dial tcp")
	assert.Contains(t, failureOf(func(tb testing.TB) { bridgetest.Open(tb, ":") }), "missing protocol scheme")
	assert.Contains(t, failureOf(func(tb testing.TB) { bridgetest.Open(tb, gone.URL, "a") }), `names and values in turn, found ["a"]`)

	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	for want, wait := range map[string]func(*bridgetest.Stream){
		"expected an event, but there was no answer within 50ms": func(s *bridgetest.Stream) { s.Next() },
		silent.URL + ": no answer within 50ms":                   func(s *bridgetest.Stream) { s.Status() },
	} {
		failure := failureOf(func(tb testing.TB) {
			page := bridgetest.Open(tb, silent.URL)
			page.Timeout = short
			wait(page)
		})
		assert.Contains(t, failure, want)
	}
}

// An independent parser reads the same events.
func TestEventsAreThoseOfAnotherParser(t *testing.T) {
	for _, text := range []string{
		quote + over + end,
		"data: a\ndata: b\n\n: comment\n\ndata:c\n\ndata:  d\n\n",
		"data: a\r\nid: 1\r\n\r\ndata: b\r\n\r\n",
		"data: a\rid: 1\r\rdata: b\r\r",
		"data\n\ndata: x\nunknown: y\nretry: 1\n\n",
		"event: only a name\n\ndata: next\n\n",
		"data: {\"a\":\"b: c\"}\n\n",
	} {
		page := bridgetest.Open(t, serve(t, text))
		for e, err := range sse.Read(strings.NewReader(text), nil) {
			require.NoError(t, err)
			if e.Type != "" && e.Data == "" {
				continue // this parser also tells of an event without data
			}
			found := page.Next()
			assert.Equal(t, e.Type, found.Name, "%q", text)
			assert.Equal(t, e.Data, found.Data, "%q", text)
			assert.Equal(t, e.LastEventID, page.LastEventID(), "%q", text)
		}
	}
}
