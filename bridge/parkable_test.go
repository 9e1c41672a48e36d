package bridge_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// counted is a listener that counts what becomes of its connections.
type counted struct {
	net.Listener

	accepted, closed, handedOver, ended atomic.Int64
}

func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.accepted.Add(1)
	return &countedConn{Conn: conn, of: c}, nil
}

// countedConn is a connection of a [counted] listener.
type countedConn struct {
	net.Conn

	of   *counted
	over atomic.Bool
}

var _ bridge.Parkable = (*countedConn)(nil)

func (c *countedConn) NetConn() net.Conn { return c.Conn }

func (c *countedConn) Close() error {
	if !c.over.Swap(true) {
		c.of.closed.Add(1)
	}
	return c.Conn.Close()
}

func (c *countedConn) HandOver() (*net.TCPConn, func()) {
	c.of.handedOver.Add(1)
	return c.Conn.(*net.TCPConn), func() { c.of.ended.Add(1) }
}

// serveCounted serves a bridge on a listener that wraps its connections.
func serveCounted(t *testing.T, f *front, secure bool) (*counted, string) {
	t.Helper()
	web := httptest.NewUnstartedServer(f.bridge)
	listener := &counted{Listener: web.Listener}
	web.Listener = bridge.ParkingListener(listener)
	web.EnableHTTP2 = secure
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetHTTP2(secure)
	web.Config.Protocols.SetUnencryptedHTTP2(!secure)
	require.NoError(t, f.bridge.Park(web.Config))
	if secure {
		web.StartTLS()
	} else {
		web.Start()
	}
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	return listener, web.URL
}

// A listener that counts its connections is told of the end of each, on every kind of connection and in every kind of end. A
// connection that cannot be parked costs a goroutine and its buffers, so the wrapper must not prevent it.
func TestTheConnectionsOfAListenerThatWrapsThemAreParkedAndTheirEndsTold(t *testing.T) {
	clients := clients(t)
	insecure := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate is the test's own
	clients["TLS"] = &http.Client{Transport: &http.Transport{TLSClientConfig: insecure, ForceAttemptHTTP2: true}}
	// A configuration of its own: the transport that speaks HTTP/2 adds that to the protocols of the one that it was given.
	clients["TLS1"] = &http.Client{Transport: &http.Transport{TLSClientConfig: insecure.Clone()}}
	delete(clients, "unparked")
	ends := map[string]func(t *testing.T, f *front, resp *http.Response){
		"the client leaves": func(_ *testing.T, _ *front, resp *http.Response) { _ = resp.Body.Close() },
		"a drain":           func(t *testing.T, f *front, _ *http.Response) { require.NoError(t, f.bridge.Shutdown(t.Context())) },
		"the bridge closes": func(t *testing.T, f *front, _ *http.Response) { require.NoError(t, f.bridge.Close()) },
	}
	for kind, client := range clients {
		for how, end := range ends {
			t.Run(kind+", "+how, func(t *testing.T) {
				s := startServer(t, "127.0.0.1:0", untilCancelled)
				f := startFront(t, s, routeFile("open_wait: 1ms"))
				listener, url := serveCounted(t, f, strings.HasPrefix(kind, "TLS"))
				resp := do(t, client, eventSource(t.Context(), t, url+"/watch/x"))
				parked := strings.HasSuffix(kind, "1") && runtime.GOOS == "linux"
				assert.Equal(t, parked, resp.Close, "a connection that is parked serves nothing else")
				end(t, f, resp)
				_, _ = io.Copy(io.Discard, resp.Body)
				over := func() bool {
					client.CloseIdleConnections() // that of HTTP/2 is idle soon after its last stream
					return listener.closed.Load()+listener.ended.Load() == 1
				}
				require.Eventually(t, over, patience, time.Millisecond, "the listener is told that the connection has ended")
				if parked {
					assert.EqualValues(t, 1, listener.handedOver.Load())
					assert.EqualValues(t, 1, listener.ended.Load())
					assert.Zero(t, listener.closed.Load(), "the bridge closes what it was given, and calls ended instead")
				} else {
					assert.Zero(t, listener.handedOver.Load())
				}
				assert.EqualValues(t, 1, listener.accepted.Load())
			})
		}
	}
}

// A program that has no room for a connection has its requests turned away as the bridge's own limits do.
func TestTheRequestsOfAConnectionWithoutRoomAreTurnedAway(t *testing.T) {
	f := startFront(t, startServer(t, "127.0.0.1:0", untilCancelled), routeFile("methods: [GET, POST]"))
	url := serveThrough(t, f.bridge, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.bridge.ServeHTTP(w, r.WithContext(bridge.TurnAway(r.Context())))
	}))
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, url+"/watch/x"))
			assert.Equal(t, http.StatusOK, resp.StatusCode, "another status would close an EventSource for good")
			text := bodyOf(t, resp)
			assert.Contains(t, text, `"status":"RESOURCE_EXHAUSTED","message":"too many connections are open"`)
			assert.Contains(t, text, `"retry":true,"reason":"limit"`)
			resp = do(t, client, emptyPost(t, url+"/watch/x"))
			assert.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
			assert.Contains(t, bodyOf(t, resp), `"retry":false,"reason":"limit"`)
			resp = do(t, client, eventSource(t.Context(), t, url+"/watch/x", "Last-Event-ID", "grpc-end"))
			assert.Equal(t, http.StatusNoContent, resp.StatusCode, "a client whose stream is over learns that all the same")
		})
	}
}
