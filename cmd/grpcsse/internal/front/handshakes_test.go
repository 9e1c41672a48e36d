package front

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// dial opens a TCP connection to a front.
func (r *rig) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func TestAClientThatMakesNoHandshakeHoldsNobodyUp(t *testing.T) {
	r := start(t, secured(t))
	began := time.Now()
	silent := r.dial(t)
	for range 20 {
		r.dial(t)
	}
	for _, p := range []protocol{http1, http2} {
		r.hold(t, r.client(t, p, ""))
	}
	assert.Less(t, time.Since(began), time.Second, "others are served at once")
	_, err := silent.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF, "the header of a request may take 2 s, and so may the handshake")
	assert.GreaterOrEqual(t, time.Since(began), 1900*time.Millisecond)
}

func TestWhatIsNoHandshakeIsAnswered(t *testing.T) {
	r := start(t, secured(t))
	t.Run("plain HTTP", func(t *testing.T) {
		conn := r.dial(t)
		_, err := io.WriteString(conn, "GET /watch HTTP/1.1\r\nHost: bridge\r\n\r\n")
		require.NoError(t, err)
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		assert.Contains(t, string(answer), "400 Bad Request")
	})
	t.Run("an old version", func(t *testing.T) {
		conn := tls.Client(r.dial(t), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // see below
		assert.ErrorContains(t, conn.HandshakeContext(t.Context()), "protocol version")
	})
	t.Run("noise", func(t *testing.T) {
		conn := r.dial(t)
		_, err := io.WriteString(conn, strings.Repeat("\xff", 100))
		require.NoError(t, err)
		_, err = io.ReadAll(conn)
		assert.False(t, isTimeout(err), "the connection is closed")
	})
	r.hold(t, r.client(t, http2, ""))
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// A client that is in its handshake when the listener stops is served, before Accept says that the listener has stopped. A listener that
// systemd has passed does not stop but is closed.
func TestAHandshakeThatHasBegunIsFinishedAtTheEnd(t *testing.T) {
	t.Run("stopped", func(t *testing.T) {
		testTheLastHandshake(t, func(tcp net.Listener) net.Listener { return tcp }, errStopped)
	})
	t.Run("closed", func(t *testing.T) {
		testTheLastHandshake(t, func(tcp net.Listener) net.Listener { return struct{ net.Listener }{tcp} }, net.ErrClosed)
	})
}

func testTheLastHandshake(t *testing.T, wrap func(net.Listener) net.Listener, last error) {
	t.Helper()
	dir := t.TempDir()
	files := &config.ServerTLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	writePair(t, files, "bridge.example")
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	require.NoError(t, err)
	tcp, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	inner := newListener(wrap(tcp), &Settings{Room: Room{Connections: 10, Lobby: 2}}, slog.New(slog.DiscardHandler))
	watched := &watchedListener{Listener: inner, failed: make(chan struct{})}
	shakes := newHandshakes(watched, &server{Server: &http.Server{
		ReadHeaderTimeout: patience, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}, //nolint:gosec // the version is the default
	}})
	defer func() { _ = shakes.Close() }()
	shaken := make(chan struct{})
	go func() {
		defer close(shaken)
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", tcp.Addr().String())
		if !assert.NoError(t, err) {
			return
		}
		slow := &slowConn{Conn: conn, wait: func() {
			inner.stop()
			<-watched.failed
		}}
		secure := tls.Client(slow, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the test's own
		assert.NoError(t, secure.HandshakeContext(t.Context()))
	}()
	conn, err := shakes.Accept()
	require.NoError(t, err)
	assert.True(t, conn.(*tls.Conn).ConnectionState().HandshakeComplete)
	_, err = shakes.Accept()
	assert.ErrorIs(t, err, last)
	<-shaken // the test's context must not end before
}

// watchedListener closes failed when Accept returns an error.
type watchedListener struct {
	net.Listener

	once   sync.Once
	failed chan struct{}
}

func (l *watchedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		l.once.Do(func() { close(l.failed) })
	}
	return conn, err
}

// slowConn waits before its second write.
type slowConn struct {
	net.Conn

	writes int
	wait   func()
}

func (c *slowConn) Write(p []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		c.wait()
	}
	return c.Conn.Write(p)
}

// TestAPanicInAHandshakeCostsOneConnection is about what [net/http.Server] does for handshakes of its own.
func TestAPanicInAHandshakeCostsOneConnection(t *testing.T) {
	said := new(logged)
	inner, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	shakes := newHandshakes(inner, &server{Server: &http.Server{
		ReadHeaderTimeout: patience, ErrorLog: log.New(said, "", 0),
		TLSConfig: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { panic("certificate") }}, //nolint:gosec // a server
	}})
	failed := make(chan error, 1)
	go func() {
		_, err := shakes.Accept()
		failed <- err
	}()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	assert.Error(t, tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context())) //nolint:gosec // the test's own
	assert.Contains(t, said.String(), "http: panic serving "+conn.LocalAddr().String()+": certificate")
	require.NoError(t, shakes.Close())
	assert.ErrorIs(t, <-failed, net.ErrClosed)
}

// What is under way when the listener is closed ends, also what waits for being accepted.
func TestClosingEndsHandshakes(t *testing.T) {
	inner, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	shakes := newHandshakes(inner, &server{Server: &http.Server{ReadHeaderTimeout: time.Hour, TLSConfig: new(tls.Config)}}) //nolint:gosec // no certificate
	shakes.begin.Do(func() { go shakes.run() })
	silent, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	old, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
	require.NoError(t, err)
	defer func() { _ = old.Close() }()
	client := tls.Client(old, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // it is refused
	require.Error(t, client.HandshakeContext(t.Context()), "this handshake is over, and waits for Accept")

	require.NoError(t, shakes.Close())
	for _, conn := range []net.Conn{silent, old} {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		_, err = conn.Read(make([]byte, 1))
		assert.False(t, err == nil || isTimeout(err), "%v", err)
	}
}
