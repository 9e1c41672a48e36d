package bridge_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unflushable hides all methods of a ResponseWriter except those of the interface itself, as middleware often does.
type unflushable struct{ http.ResponseWriter }

// undated is a ResponseWriter that can flush, and has no deadlines.
type undated struct {
	http.ResponseWriter
	http.Flusher
}

// wrapped has all abilities of the writer that it wraps.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestMiddlewareWithoutFlushingOrDeadlinesIsReported(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f, text := logged(t, s, routeFile())
	wrap := func(middleware func(http.ResponseWriter) http.ResponseWriter) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.bridge.ServeHTTP(middleware(w), r) })
	}
	for name, tt := range map[string]struct {
		handler http.Handler
		want    int
		message string
	}{
		"http.TimeoutHandler": {http.TimeoutHandler(f.bridge, time.Hour, ""), 500, "*http.timeoutWriter has no method Flush"},
		"hidden Flush": {wrap(func(w http.ResponseWriter) http.ResponseWriter { return unflushable{w} }), 500,
			"bridge_test.unflushable has no method Flush"},
		"hidden below a wrapper": {wrap(func(w http.ResponseWriter) http.ResponseWriter { return wrapped{unflushable{w}} }), 500,
			"bridge_test.unflushable has no method Flush"},
		"hidden deadlines": {wrap(func(w http.ResponseWriter) http.ResponseWriter { return undated{w, w.(http.Flusher)} }), 500,
			"bridge_test.undated takes no write deadline"},
		"a wrapper that unwraps": {wrap(func(w http.ResponseWriter) http.ResponseWriter { return wrapped{wrapped{w}} }), 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(tt.handler)
			defer web.Close()
			before := s.opened.Load()
			for range 3 {
				for _, r := range []*http.Request{eventSource(t.Context(), t, web.URL+"/watch/x"), plain(t, web.URL+"/watch/x")} {
					resp := do(t, clients(t)["HTTP1"], r)
					body := bodyOf(t, resp)
					assert.Equal(t, tt.want, resp.StatusCode)
					assert.Contains(t, body, tt.message)
				}
			}
			if tt.want == 500 {
				assert.Equal(t, before, s.opened.Load(), "no stream is opened")
				assert.Len(t, linesWith(linesOf(text, "level=WARN"), tt.message), 1, "the warning is logged once")
			}
			resp := do(t, clients(t)["HTTP1"], plain(t, web.URL+"/nowhere"))
			assert.Equal(t, http.StatusNotFound, resp.StatusCode, "an answer that is no stream needs no flushing")
		})
	}
}

// noHijack fails a test if the bridge takes its connection over.
type noHijack struct {
	http.ResponseWriter
	t *testing.T
}

func (w noHijack) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w noHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.t.Error("a ResponseWriter that something wraps was parked")
	return nil, nil, http.ErrNotSupported
}

func TestAWrappedResponseWriterIsNotParked(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	returned := make(chan struct{}, 1)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.bridge.ServeHTTP(noHijack{w, t}, r)
		returned <- struct{}{}
	}))
	require.NoError(t, f.bridge.Park(web.Config))
	web.Start()
	t.Cleanup(web.Close)
	resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, web.URL+"/watch/x"))
	assert.Empty(t, resp.Header.Get("Connection"), "net/http keeps the connection")
	assert.False(t, resp.Close)
	assert.Len(t, newReader(resp).all(t), 2)
	<-returned
}
