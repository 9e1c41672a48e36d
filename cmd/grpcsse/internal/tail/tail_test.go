package tail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/tail"
)

// connection is what a server sends for one request. It holds the connection open after the last text, unless it ends with
// "EOF".
type connection struct {
	status int // 200 where it is 0
	texts  []string
}

// rig is a server with one answer for each request in a row, and a call of tail.Run.
type rig struct {
	mu      sync.Mutex
	cursors []string // guarded by mu; of the requests

	out, words bytes.Buffer
	err        error
}

func run(t *testing.T, ctx context.Context, o tail.Options, asJSON bool, answers ...connection) *rig {
	t.Helper()
	r := &rig{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		n := len(r.cursors)
		r.cursors = append(r.cursors, request.Header.Get("Last-Event-ID"))
		r.mu.Unlock()
		answer := answers[min(n, len(answers)-1)]
		w.Header().Set("Content-Type", "text/event-stream")
		if answer.status != 0 {
			w.WriteHeader(answer.status)
			return
		}
		for _, text := range answer.texts {
			if text == "EOF" {
				return
			}
			_, _ = io.WriteString(w, text)
		}
		_ = http.NewResponseController(w).Flush()
		<-request.Context().Done()
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	client, err := sseclient.New(sseclient.Options{})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	o.Client, o.URL, o.Screen = client, at, tail.NewScreen(&r.out, &r.words, asJSON)
	within, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r.err = tail.Run(within, o)
	require.NoError(t, within.Err(), "it ended in time: %s", r.words.String())
	return r
}

// shown returns the lines of the output without the time.
func (r *rig) shown() (lines []string) {
	for line := range strings.Lines(r.out.String()) {
		if _, rest, found := strings.Cut(line, " "); found {
			lines = append(lines, strings.TrimSuffix(rest, "\n"))
		}
	}
	return lines
}

func status(code int, name string, retry bool) string {
	return fmt.Sprintf("event: grpc-status\ndata: {\"code\":%d,\"status\":%q,\"message\":\"why\",\"retry\":%t}\n\n", code, name, retry)
}

func TestEventsArePrintedAndTheCursorIsKept(t *testing.T) {
	r := run(t, t.Context(), tail.Options{Cursor: "0", Count: 3}, false,
		connection{texts: []string{"retry: 1\nid: 1\ndata: a\n\n", "EOF"}},
		connection{texts: []string{"event: grpc-cursor\nid: 2\ndata: {}\n\nevent: b\ndata: c\ndata: d\n\n" + status(14, "UNAVAILABLE", true), "EOF"}},
		connection{texts: []string{"data: e\n\ndata: too many\n\n"}},
	)
	require.NoError(t, r.err)
	assert.Equal(t, []string{
		"message id=1 a", "grpc-cursor id=2 {}", "b c", "   d",
		`grpc-status {"code":14,"status":"UNAVAILABLE","message":"why","retry":true}`, "message e",
	}, r.shown())
	assert.Equal(t, []string{"0", "1", "2"}, r.cursors)
	for _, words := range []string{
		"grpcsse: connected\n", "grpcsse: the stream ended; reconnecting in ", " with Last-Event-ID 1\n", "grpcsse: connected again\n",
		"grpcsse: the stream ended: UNAVAILABLE: why; reconnecting in", "grpcsse: 5 events in",
	} {
		assert.Contains(t, r.words.String(), words)
	}
}

func TestHowAStreamEnds(t *testing.T) {
	const data = "data: a\n\n"
	for name, tt := range map[string]struct {
		options tail.Options
		answers []connection
		code    int // 0 is a good end, 1 any other error
		want    string
	}{
		"OK":            {answers: []connection{{texts: []string{data, status(0, "OK", false)}}}, want: "the stream ended: OK"},
		"NOT_FOUND":     {answers: []connection{{texts: []string{data, status(5, "NOT_FOUND", false)}}}, code: 69, want: "the stream ended: NOT_FOUND: why"},
		"204":           {answers: []connection{{texts: []string{"retry: 1\n\n", data, "EOF"}}, {status: 204}}, want: "(204)"},
		"a status":      {answers: []connection{{status: 503}}, code: 1, want: "the server answered 503"},
		"a later one":   {answers: []connection{{texts: []string{"retry: 1\n\n", data, "EOF"}}, {status: 502}}, code: 1, want: "the server answered 502"},
		"once":          {options: tail.Options{Once: true}, answers: []connection{{texts: []string{data, "EOF"}}}, want: "the stream ended\n"},
		"once, failing": {options: tail.Options{Once: true}, answers: []connection{{texts: []string{status(14, "UNAVAILABLE", true), "EOF"}}}, code: 78, want: "UNAVAILABLE"},
		"time":          {options: tail.Options{For: 300 * time.Millisecond}, answers: []connection{{texts: []string{data}}}, want: "1 event in"},
		"count and time": {options: tail.Options{Count: 2, For: 300 * time.Millisecond}, answers: []connection{{texts: []string{data}}}, code: 1,
			want: "expected 2 events within 300ms, found 1"},
		"time while it is gone": {options: tail.Options{For: 300 * time.Millisecond},
			answers: []connection{{texts: []string{status(14, "UNAVAILABLE", true), "EOF"}}}, code: 78, want: "UNAVAILABLE"},
		"an endless id": {answers: []connection{{texts: []string{"id: ", strings.Repeat("x", sseclient.MaxFieldBytes)}}}, code: 1,
			want: "a field id is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, t.Context(), tt.options, false, tt.answers...)
			if tt.code == 0 {
				require.NoError(t, r.err)
				assert.Contains(t, r.words.String(), tt.want)
				return
			}
			require.ErrorContains(t, r.err, tt.want)
			var coded interface{ ExitCode() int }
			if errors.As(r.err, &coded) {
				assert.Equal(t, tt.code, coded.ExitCode())
			} else {
				assert.Equal(t, 1, tt.code)
			}
		})
	}
}

// A server that cannot be reached at first is an error. One that goes away is waited for.
func TestAnInterruptIsAGoodEnd(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	words := writerFunc(func(text string) {
		if strings.Contains(text, "reconnecting") {
			interrupt()
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: a\n\n")
	}))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	client, err := sseclient.New(sseclient.Options{})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	require.NoError(t, tail.Run(ctx, tail.Options{Client: client, URL: at, Screen: tail.NewScreen(io.Discard, words, false)}))
	assert.Error(t, ctx.Err())

	server.Close()
	err = tail.Run(t.Context(), tail.Options{Client: client, URL: at, Screen: tail.NewScreen(io.Discard, io.Discard, false)})
	assert.ErrorContains(t, err, "connection refused")
}

type writerFunc func(text string)

func (f writerFunc) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// hostile is an event whose every part a terminal would act on.
const hostile = "event: \x1b[2Jname\nid: 7\u202e\ndata: {\"a\":\"\x1b]0;x\x07\"}\ndata: 12:00:00.000 message faked\x9b\n\n"

func TestWhatAServerSendsIsPrintable(t *testing.T) {
	r := run(t, t.Context(), tail.Options{Count: 1}, false, connection{texts: []string{hostile}})
	require.NoError(t, r.err)
	_, shown, _ := strings.Cut(r.out.String(), " ")
	assert.Equal(t, `\x1b[2Jname id=7\u202e {"a":"\x1b]0;x\x07"}`+"\n"+"    12:00:00.000 message faked\ufffd\n", shown)
	assert.Contains(t, r.words.String(), "1 event in")

	r = run(t, t.Context(), tail.Options{Once: true}, false,
		connection{texts: []string{"event: grpc-status\ndata: {\"code\":2,\"status\":\"\u009b\",\"message\":\"\\u001b[31m\",\"retry\":false}\n\n"}})
	assert.EqualError(t, r.err, `the stream ended: \x9b: \x1b[31m`)
}

func TestJSONHasOneObjectALine(t *testing.T) {
	r := run(t, t.Context(), tail.Options{Count: 2}, true, connection{texts: []string{hostile, "data: <b>\n\n"}})
	require.NoError(t, r.err)
	assert.NotContains(t, r.out.String(), "\x1b")
	assert.NotContains(t, r.out.String(), "\u202e")
	decoder := json.NewDecoder(&r.out)
	var first, second map[string]string
	require.NoError(t, decoder.Decode(&first))
	require.NoError(t, decoder.Decode(&second))
	for _, object := range []map[string]string{first, second} {
		at, err := time.Parse(time.RFC3339Nano, object["time"])
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), at, time.Minute)
		delete(object, "time")
	}
	assert.Equal(t, map[string]string{
		"event": "\x1b[2Jname", "id": "7\u202e", "data": "{\"a\":\"\x1b]0;x\x07\"}\n12:00:00.000 message faked\ufffd",
	}, first)
	assert.Equal(t, map[string]string{"event": "message", "data": "<b>"}, second)
}
