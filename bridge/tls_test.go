package bridge_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tlsClients are the protocols that a client of a TLS site can agree on.
func tlsClients(t *testing.T, st *site) map[string]*http.Client {
	t.Helper()
	out := map[string]*http.Client{}
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		transport := st.client.Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.NextProtos = nil // the Protocols below set it
		transport.DisableCompression = true
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(!http2)
		transport.Protocols.SetHTTP2(http2)
		t.Cleanup(transport.CloseIdleConnections)
		out[name] = &http.Client{Transport: transport}
	}
	return out
}

func TestAStreamOverTLSIsComplete(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(3, status.Error(codes.NotFound, "no more")))
	st := startTLSSite(t, s, routeFile("event: {id: sequence, name: kind}"))
	for name, client := range tlsClients(t, st) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, st.url+"/watch/x"))
			assert.Equal(t, name, resp.Proto)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
			assert.Empty(t, resp.Header.Get("Connection"), "HTTP/2 forbids it")
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
		st := startTLSSite(t, s, file)
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
	st := startTLSSite(t, s, routeFile("open_wait: 1ms"))
	for name, client := range tlsClients(t, st) {
		t.Run(name, func(t *testing.T) {
			resp := do(t, client, eventSource(t.Context(), t, st.url+"/watch/x"))
			s.requireStreams(t, 1)
			st.cut(t)
			_, err := io.Copy(io.Discard, resp.Body)
			require.Error(t, err)
			s.requireStreams(t, 0)
		})
	}
}

func TestAClientThatStopsReadingOverTLSIsCutOff(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", new(sendCounter).count(1<<40))
	st := startTLSSite(t, s, routeFile("write_timeout: 100ms"))
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
