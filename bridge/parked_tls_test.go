package bridge_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// get is a request for a stream, as a test sends it by itself.
const get = "GET /watch/x HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"

// guest is a client of a [tlsSite] with a connection of its own. A test reads from it and writes to it what it likes.
type guest struct {
	*tls.Conn
	*reader

	tcp  *net.TCPConn
	resp *http.Response
}

// visit opens a connection, sends a request, and reads the header of the response. window is about how many unread bytes the
// client's kernel holds; 0 is the kernel's own choice.
func (s *tlsSite) visit(t *testing.T, window int, request string) *guest {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "https://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	g := &guest{tcp: conn.(*net.TCPConn)}
	if window > 0 {
		require.NoError(t, g.tcp.SetReadBuffer(window))
	}
	require.NoError(t, conn.SetDeadline(time.Now().Add(silence)))
	g.Conn = tls.Client(conn, s.config)
	_, err = io.WriteString(g, request)
	require.NoError(t, err)
	g.resp, err = http.ReadResponse(bufio.NewReader(g), nil)
	require.NoError(t, err)
	g.reader = newReader(g.resp)
	return g
}

// requireParked checks that the connection serves nothing else, which is how a client sees that it is parked.
func (g *guest) requireParked(t *testing.T) {
	t.Helper()
	require.Equal(t, http.StatusOK, g.resp.StatusCode)
	require.Equal(t, runtime.GOOS == "linux", g.resp.Close)
}

// requireEnd checks that the stream ends in good order, with that of the TLS connection behind it.
func (g *guest) requireEnd(t *testing.T) {
	t.Helper()
	assert.NotEmpty(t, g.all(t))
	_, err := g.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF, "close_notify is the last thing")
}

func TestEveryKindOfTLSIsParked(t *testing.T) {
	session := tls.NewLRUClientSessionCache(1)
	var resumed []bool
	for _, tt := range []struct {
		name   string
		client func(*tls.Config)
		server func(*httptest.Server)
		check  func(*testing.T, tls.ConnectionState)
	}{
		{name: "TLS 1.3"},
		{name: "TLS 1.2", client: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
			check: func(t *testing.T, s tls.ConnectionState) { assert.EqualValues(t, tls.VersionTLS12, s.Version) }},
		{name: "TLS 1.2, CBC", client: func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
		}},
		{name: "a session that is resumed", client: func(c *tls.Config) { c.ClientSessionCache = session },
			check: func(t *testing.T, s tls.ConnectionState) { resumed = append(resumed, s.DidResume) }},
		{name: "a client certificate", client: func(c *tls.Config) { c.Certificates = testCertificate(t) },
			server: func(web *httptest.Server) { web.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert} }},
		{name: "ALPN http/1.1", client: func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} },
			server: func(web *httptest.Server) { web.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}} },
			check:  func(t *testing.T, s tls.ConnectionState) { assert.Equal(t, "http/1.1", s.NegotiatedProtocol) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newTopic()
			s := startServer(t, "127.0.0.1:0", p.watch)
			st := serveTLS(t, startFront(t, s, sharedRoute("none")), tt.server)
			if tt.client != nil {
				tt.client(st.config)
			}
			var guests []*guest
			for range 2 { // the second one resumes a session where there is one
				g := st.visit(t, 0, get)
				g.requireParked(t)
				if tt.check != nil {
					tt.check(t, g.ConnectionState())
				}
				guests = append(guests, g)
			}
			p.send(t, 1, 2, 3)
			for _, g := range guests {
				requireIDs(t, g.reader, "1", "2", "3")
			}
			p.ends <- nil
			for _, g := range guests {
				g.requireEnd(t)
			}
		})
	}
	assert.Equal(t, []bool{false, true}, resumed)
}

func TestAClientWithoutTheCertificateThatIsAskedForGetsNoStream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	st := serveTLS(t, startFront(t, s, routeFile("open_wait: 1ms")), func(web *httptest.Server) {
		web.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := st.config.Clone()
		config.MaxVersion = version
		conn, err := tls.Dial("tcp", strings.TrimPrefix(st.url, "https://"), config)
		if err == nil { // a client of TLS 1.3 learns it when it reads
			_, _ = io.WriteString(conn, get)
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		assert.ErrorContains(t, err, "remote error: tls: ")
	}
	assert.Zero(t, s.opened.Load())
}

// What a client asks for in an unusual way is answered over TLS as it is without, and in order.
func TestUnusualRequestsOverTLS(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, nil))
	f := startFront(t, s, routeFile("methods: [GET, POST]", `body: "*"`))
	st := serveTLS(t, f, nil)
	const head = " /watch/x HTTP/1.1\r\nHost: x\r\n"
	const body = "Content-Type: application/json\r\nContent-Length: 2\r\n"
	for _, tt := range []struct {
		name, request, want string
		compressed          bool
	}{
		{name: "HTTP/1.0", request: "GET /watch/x HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"},
		{name: "HTTP/1.0 that keeps alive", request: "GET /watch/x HTTP/1.0\r\nConnection: keep-alive\r\nAccept: text/event-stream\r\n\r\n"},
		{name: "it closes", request: "GET" + head + "Connection: close\r\nAccept: text/event-stream\r\n\r\n"},
		{name: "gzip", request: "GET" + head + "Accept: text/event-stream\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n", compressed: true},
		{name: "NDJSON", request: "GET" + head + "Connection: close\r\nAccept: application/x-ndjson\r\n\r\n"},
		{name: "POST", request: "POST" + head + body + "Accept: text/event-stream\r\n\r\n{}"},
		{name: "POST that expects 100", request: "POST" + head + body + "Accept: text/event-stream\r\nExpect: 100-continue\r\n\r\n{}"},
		{name: "a second request behind the first", request: get + get},
		{name: "garbage behind the request", request: get + strings.Repeat("garbage\x00", 128)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opened := s.opened.Load()
			g := st.visit(t, 0, tt.request)
			if g.resp.StatusCode == http.StatusContinue {
				g.resp, _ = http.ReadResponse(bufio.NewReader(g), nil)
			}
			require.Equal(t, http.StatusOK, g.resp.StatusCode)
			text, err := io.ReadAll(g.resp.Body)
			require.NoError(t, err)
			if tt.compressed {
				assert.Equal(t, "gzip", g.resp.Header.Get("Content-Encoding"))
				assert.Equal(t, []byte{0x1f, 0x8b}, text[:2])
			} else {
				assert.Equal(t, 1, strings.Count(string(text), "event 3"), "%s", text)
			}
			assert.Equal(t, opened+1, s.opened.Load(), "one request is answered")
		})
	}
	s.requireStreams(t, 0)
}

// A body that no route reads, and that may never come, costs no stream. The answer does not wait for it.
func TestABodyThatIsNotReadOverTLS(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, nil))
	st := startTLS(t, s, routeFile("methods: [GET, POST]"))
	const head = "GET /watch/x HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
	for name, rest := range map[string]string{
		"none of it has come":     "Content-Length: 100\r\n\r\n",
		"the client expects 100":  "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
		"in chunks":               "Transfer-Encoding: chunked\r\n\r\n",
		"a part of it has come":   "Content-Length: 100\r\n\r\nhalf",
		"it is longer than it is": "Content-Length: 2\r\n\r\nGET / HTTP/1.1\r\n\r\n",
	} {
		g := st.visit(t, 0, head+rest)
		assert.Equal(t, http.StatusBadRequest, g.resp.StatusCode, name)
		text, err := io.ReadAll(g.resp.Body)
		require.NoError(t, err, name)
		assert.Contains(t, string(text), "a GET request has no body", name)
	}
	assert.Zero(t, s.opened.Load())
}
