package serve

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// drawHeader draws what handlers in front of the bridge may have set.
func drawHeader(t *rapid.T) http.Header {
	names := rapid.SampledFrom([]string{
		"Access-Control-Allow-Origin", "Set-Cookie", "Vary", "X-Request-Id", "Date", "Server", "x-lower", "no name", "Trailer:X", "Connection",
	})
	values := rapid.OneOf(rapid.SampledFrom([]string{"", "a", " spaces ", "two\nlines", "two\r\nlines: b", "ü"}), rapid.StringN(0, 20, -1))
	return http.Header(rapid.MapOfN(names, rapid.SliceOfN(values, 0, 3), 0, 6).Draw(t, "header"))
}

// headByNetHTTP returns what a server of net/http sends for a header, up to the end of the header.
func headByNetHTTP(t *rapid.T, web *httptest.Server, next chan<- http.Header, header http.Header) string {
	next <- header
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	var head strings.Builder
	for r := bufio.NewReader(conn); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		head.WriteString(line)
	}
	return head.String()
}

// withoutTime returns a head with another text in place of the time that net/http and headOf add.
func withoutTime(t *rapid.T, head string) string {
	lines := strings.SplitAfter(head, "\r\n")
	for i, line := range lines {
		if date, found := strings.CutPrefix(line, "Date: "); found {
			if _, err := http.ParseTime(strings.TrimSpace(date)); err == nil {
				lines[i] = "Date: now\r\n"
			}
		}
	}
	return strings.Join(lines, "")
}

// The head of a parked stream is what net/http would have sent.
func TestTheHeadIsThatOfNetHTTP(t *testing.T) {
	next := make(chan http.Header, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		assert.True(t, ofNetHTTP(w))
		maps.Copy(w.Header(), <-next)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
	}))
	defer web.Close()
	rapid.Check(t, func(t *rapid.T) {
		header := drawHeader(t)
		ends := rapid.SampledFrom([]*ending.Ending{nil, ending.ShuttingDown()}).Draw(t, "end")
		encoding := rapid.SampledFrom([]frame.Encoding{frame.Identity, frame.Gzip}).Draw(t, "encoding")
		setStreamHeader(header, request.EventStream, frame.Form{Chunked: true, Encoding: encoding}, ends)
		before := header.Clone()
		got := string(headOf(header, time.Now()))
		assert.Equal(t, before, header, "the header stays as it is")
		assert.Equal(t, withoutTime(t, headByNetHTTP(t, web, next, header)), withoutTime(t, got))
	})
}

// The header that is made once a second for many streams is the one that each of them would have.
func TestTheUsualHeadIsThatOfAStreamWithoutOtherFields(t *testing.T) {
	var all heads
	now := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, encoding := range []frame.Encoding{frame.Identity, frame.Gzip, frame.Zstd} {
			form := frame.Form{Chunked: true, Encoding: encoding}
			for _, after := range []time.Duration{0, 0, 999 * time.Millisecond, time.Second, 0} {
				header := http.Header{}
				setStreamHeader(header, request.EventStream, form, nil)
				assert.Equal(t, string(headOf(header, now.Add(after))), string(all.of(w, form, nil, now.Add(after))))
			}
			assert.Same(t, &all.of(w, form, nil, now)[0], &all.of(w, form, nil, now)[0], "it is made once")
			assert.Nil(t, all.of(w, frame.Form{Encoding: encoding}, nil, now), "net/http writes it")
			assert.Nil(t, all.of(w, form, ending.ShuttingDown(), now), "the ending is in the header")
			assert.Nil(t, all.of(&watchful{ResponseWriter: w}, form, nil, now), "middleware must see it")
		}
		w.Header().Set("X-Mine", "yes")
		assert.Nil(t, all.of(w, frame.Form{Chunked: true}, nil, now), "a handler in front has set a field")
	}))
	defer web.Close()
	resp, err := web.Client().Get(web.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

// A length that a handler has set is not that of the stream.
func TestTheHeadHasNoLength(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	got := string(headOf(http.Header{"Content-Length": {"5"}, "Transfer-Encoding": {"identity"}, "X": {"y"}}, now))
	assert.Equal(t, "HTTP/1.1 200 OK\r\nX: y\r\nDate: Fri, 02 Jan 2026 02:04:05 GMT\r\nTransfer-Encoding: chunked\r\n\r\n", got)
}

// watchful is middleware that waits for WriteHeader, and hides that it wraps a writer.
type watchful struct {
	http.ResponseWriter
	http.Hijacker
	status int
}

func (w *watchful) WriteHeader(status int) {
	w.status = status
	w.Header().Set("X-Status", http.StatusText(status))
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchful) Flush() { w.ResponseWriter.(http.Flusher).Flush() }
func (w *watchful) SetWriteDeadline(at time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(at)
}

// Middleware sees the header of a parked stream, and what it adds reaches the client.
func TestMiddlewareSeesTheHeaderOfAParkedStream(t *testing.T) {
	r := newRig(t, config.Server{})
	require.NoError(t, r.StartLoops())
	if r.loops.Load() == nil {
		t.Skip("no connection is parked on this system")
	}
	over := ending.ShuttingDown()
	for name, wraps := range map[string]bool{"net/http": false, "middleware": true} {
		t.Run(name, func(t *testing.T) {
			seen := new(watchful)
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if wraps {
					seen.ResponseWriter, seen.Hijacker = w, w.(http.Hijacker)
					w = seen
				}
				assert.Equal(t, !wraps, ofNetHTTP(w))
				w.Header().Set("X-Mine", "yes")
				assert.Nil(t, r.drain.enter(0))
				r.drain.admitted.Done()
				q := pump.NewQueue(0)
				q.End(pump.NewEnd(over, 0))
				v := &visit{handler: r.Handler, rt: routeTo(t, silent, nil), sub: &ended{q: q}, control: pump.Control{Began: time.Now()}}
				form := frame.Form{Chunked: true}
				setStreamHeader(w.Header(), request.EventStream, form, nil)
				v.park(w, nil, r.settingsFor(v.rt, form, request.EventStream, false))
			}))
			defer web.Close()
			resp, err := web.Client().Get(web.URL)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Contains(t, string(body), `"reason":"drain"`)
			assert.Equal(t, []string{"chunked"}, resp.TransferEncoding)
			assert.True(t, resp.Close)
			assert.Equal(t, "text/event-stream", resp.Header.Get(textproto.CanonicalMIMEHeaderKey("content-type")))
			assert.Equal(t, "yes", resp.Header.Get("X-Mine"))
			if wraps {
				assert.Equal(t, http.StatusOK, seen.status)
				assert.Equal(t, "OK", resp.Header.Get("X-Status"))
			}
		})
	}
	r.close()
	requireIdle(t, r)
}

// ended is a place on a stream that is over.
type ended struct {
	place

	q *pump.Queue
}

func (e *ended) Cursor() pump.Cursor { return e.q }
