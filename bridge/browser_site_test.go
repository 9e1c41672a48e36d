package bridge_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// pagePath is the path of a site's page. The bridge answers for all other paths.
const pagePath = "/page.html"

// site is a bridge that has the same origin as a page. It records the requests to the bridge.
type site struct {
	url     string
	client  *http.Client // trusts the certificate of the site
	handler atomic.Pointer[http.Handler]

	mu     sync.Mutex
	visits []visit
}

// visit is one request to the bridge.
type visit struct {
	at          time.Time
	path        string
	lastEventID string
	protocol    string
	status      int // 0 until the request is answered
	connection  net.Conn
	parked      bool // the stream goes on, and the handler has returned; only [startParkedTLSSite] notes it
}

// connectionOf is the key of a request's connection in its context.
type connectionOf struct{}

// startSite serves the routes of a configuration file beside a page.
func startSite(t *testing.T, s *server, file string) *site {
	t.Helper()
	return serveSite(t, startFront(t, s, file), (*httptest.Server).Start)
}

// startTLSSite does the same as startSite, over TLS with HTTP/2.
func startTLSSite(t *testing.T, s *server, file string) *site {
	t.Helper()
	return serveSite(t, startFront(t, s, file), func(web *httptest.Server) {
		web.EnableHTTP2 = true
		web.StartTLS()
	})
}

// startParkedSite does the same as startSite, without a handler between the server and the bridge. So the bridge parks the
// connections, and the site records no requests.
func startParkedSite(t *testing.T, s *server, file string) *site {
	t.Helper()
	f := startFront(t, s, file)
	web := httptest.NewUnstartedServer(withPage(f.bridge))
	require.NoError(t, f.bridge.Park(web.Config))
	web.Start()
	t.Cleanup(web.Close)
	return &site{url: web.URL, client: web.Client()}
}

// startParkedTLSSite does the same as startParkedSite, over TLS. A browser agrees on HTTP/2 wherever it is offered it, so the server
// offers HTTP/1.1 alone. The site records requests, because it does so without a writer of its own.
func startParkedTLSSite(t *testing.T, s *server, file string) (*site, *front) {
	t.Helper()
	f := startFront(t, s, file)
	st := &site{}
	web := httptest.NewUnstartedServer(withPage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.bridge.ServeHTTP(w, r)
		parked := r.Context().Err() == nil && streamsOf(f) > 0
		st.mu.Lock()
		defer st.mu.Unlock()
		st.visits = append(st.visits, visit{
			at: time.Now(), path: r.URL.Path, lastEventID: r.Header.Get("Last-Event-ID"), protocol: r.Proto, parked: parked, status: http.StatusOK,
		})
	})))
	web.Listener = bridge.ParkingListener(web.Listener)
	web.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // a browser opens connections that it does not use
	require.NoError(t, f.bridge.Park(web.Config))
	web.StartTLS()
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	st.url, st.client = web.URL, web.Client()
	return st, f
}

// withPage serves the page on its path, and h on all other paths.
func withPage(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pagePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, pageHTML)
	})
	mux.Handle("/", h)
	return mux
}

func serveSite(t *testing.T, f *front, start func(*httptest.Server)) *site {
	t.Helper()
	st := &site{}
	st.serve(f)
	web := httptest.NewUnstartedServer(withPage(st))
	web.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connectionOf{}, c)
	}
	start(web)
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	st.url, st.client = web.URL, web.Client()
	return st
}

// serve makes another bridge answer from now on, as if another process had replaced the first one.
func (s *site) serve(f *front) {
	var h http.Handler = f.bridge
	s.handler.Store(&h)
}

// ServeHTTP passes a request to the bridge.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	connection, _ := r.Context().Value(connectionOf{}).(net.Conn)
	s.mu.Lock()
	n := len(s.visits)
	s.visits = append(s.visits, visit{
		at: time.Now(), path: r.URL.Path, lastEventID: r.Header.Get("Last-Event-ID"), protocol: r.Proto, connection: connection,
	})
	s.mu.Unlock()
	(*s.handler.Load()).ServeHTTP(&statusNoter{ResponseWriter: w, note: func(status int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.visits[n].status = status
	}}, r)
}

// seen returns the requests until now.
func (s *site) seen() []visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.visits)
}

// requireVisits waits until n requests were answered, and returns them.
func (s *site) requireVisits(t *testing.T, n int) []visit {
	t.Helper()
	require.Eventually(t, func() bool {
		all := s.seen()
		return len(all) >= n && all[n-1].status != 0
	}, 2*patience, 5*time.Millisecond, "requests at the bridge: expected %d, found %d", n, len(s.seen()))
	return s.seen()
}

// requireNoMoreVisits checks that no request comes after n requests, for some time.
func (s *site) requireNoMoreVisits(t *testing.T, n int, during time.Duration) {
	t.Helper()
	require.Never(t, func() bool { return len(s.seen()) > n }, during, during/50, "requests at the bridge: expected %d", n)
	require.Len(t, s.seen(), n)
}

// cut breaks the connection of the newest request, without the end of a TLS connection.
func (s *site) cut(t *testing.T) {
	t.Helper()
	all := s.seen()
	require.NotEmpty(t, all)
	c := all[len(all)-1].connection
	if over, ok := c.(interface{ NetConn() net.Conn }); ok { // closing a TLS connection would tell the client
		c = over.NetConn()
	}
	require.NoError(t, c.(*net.TCPConn).SetLinger(0))
	require.NoError(t, c.Close())
}

// statusNoter records the status of a response.
type statusNoter struct {
	http.ResponseWriter
	note func(status int)
}

func (w *statusNoter) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets an [http.ResponseController] find the writer that can flush.
func (w *statusNoter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
