package bridge_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
)

// tlsSite is a bridge over TLS, on a listener whose connections it can park.
type tlsSite struct {
	url    string
	config *tls.Config // of its clients
}

// serveTLS serves a bridge over TLS until the test ends, as the program does. change changes the server; it may be nil.
func serveTLS(t *testing.T, f *front, change func(*httptest.Server)) *tlsSite {
	t.Helper()
	web := httptest.NewUnstartedServer(f.bridge)
	web.Listener = bridge.ParkingListener(web.Listener)
	web.EnableHTTP2 = true
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	require.NoError(t, f.bridge.Park(web.Config))
	if change != nil {
		change(web)
	}
	web.StartTLS()
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	config := web.Client().Transport.(*http.Transport).TLSClientConfig
	return &tlsSite{url: web.URL, config: &tls.Config{RootCAs: config.RootCAs, ServerName: "example.com"}}
}

// startTLS starts a bridge, and serves it over TLS.
func startTLS(t *testing.T, s *server, file string) *tlsSite {
	t.Helper()
	return serveTLS(t, startFront(t, s, file), nil)
}

// tlsClients are the protocols that a client of a TLS site can agree on.
func tlsClients(t *testing.T, st *tlsSite) map[string]*http.Client {
	t.Helper()
	out := map[string]*http.Client{}
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		transport := &http.Transport{TLSClientConfig: st.config.Clone(), DisableCompression: true, Protocols: new(http.Protocols)}
		transport.Protocols.SetHTTP1(!http2)
		transport.Protocols.SetHTTP2(http2)
		t.Cleanup(transport.CloseIdleConnections)
		out[name] = &http.Client{Transport: transport}
	}
	return out
}

func TestAStreamOverTLSIsComplete(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, status.Error(codes.NotFound, "no more")))
	st := startTLS(t, s, routeFile("event: {id: sequence, name: kind}"))
	for name, client := range tlsClients(t, st) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, st.url+"/watch/x"))
			assert.Equal(t, name, resp.Proto)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			parked := name == "HTTP/1.1" && runtime.GOOS == "linux"
			assert.Equal(t, parked, resp.Close, "a connection that is parked serves nothing else")
			if name == "HTTP/2.0" {
				assert.Empty(t, resp.Header.Get("Connection"), "HTTP/2 forbids it")
			}
			got := newReader(resp).all(t)
			require.Len(t, got, 4)
			for i, e := range got[:3] {
				assert.Equal(t, int64(i+1), parseInt(t, e.id))
			}
			assert.Equal(t, "grpc-end", got[3].id)
		})
	}
	s.requireStreams(t, 0)
}

func TestLeavingOverTLSCancelsTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	for wait, file := range map[string]string{
		"a stream that is open":  routeFile("open_wait: 1ms", "heartbeat: 10ms"),
		"a stream that opens":    routeFile("open_wait: 1h"),
		"a stream without beats": routeFile("open_wait: 1ms", "heartbeat: 1h"),
	} {
		st := startTLS(t, s, file)
		for name, client := range tlsClients(t, st) {
			t.Run(wait+", "+name, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				left := make(chan struct{})
				go func() {
					defer close(left)
					if resp, err := client.Do(eventSource(ctx, t, st.url+"/watch/x")); err == nil {
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
				}()
				s.requireStreams(t, 1)
				leave()
				<-left
				s.requireStreams(t, 0)
			})
		}
	}
}

func TestABrokenTLSConnectionCancelsTheUpstream(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	st := startTLS(t, s, routeFile("open_wait: 1ms"))
	for name, client := range tlsClients(t, st) {
		t.Run(name, func(t *testing.T) {
			var below net.Conn
			client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (_ net.Conn, err error) {
				below, err = new(net.Dialer).DialContext(ctx, network, address)
				return below, err
			}
			resp := do(t, client, eventSource(t.Context(), t, st.url+"/watch/x"))
			s.requireStreams(t, 1)
			require.NoError(t, below.(*net.TCPConn).SetLinger(0)) // the bridge sees a reset, without the end of TLS
			require.NoError(t, below.Close())
			_, err := io.Copy(io.Discard, resp.Body)
			require.Error(t, err)
			s.requireStreams(t, 0)
		})
	}
}

func TestAClientThatStopsReadingOverTLSIsCutOff(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", new(sendCounter).count(1<<40))
	st := startTLS(t, s, routeFile("write_timeout: 100ms"))
	for name, client := range tlsClients(t, st) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, st.url+"/watch/x"))
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			s.requireStreams(t, 0) // the client does not read: buffers fill, and the write times out
			body, err := io.ReadAll(resp.Body)
			require.Error(t, err)
			assert.NotContains(t, string(body), "grpc-status")
		})
	}
}
