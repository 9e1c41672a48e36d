package bridge_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// secured is the address of clients that speak TLS. A front serves them on the port of all others, so that a test can go to the
// same URL over every kind of connection.
const secured = "127.0.0.5"

// either is a listener that serves TLS to the clients with the address secured. The bridge can park all connections.
type either struct {
	net.Listener

	config *tls.Config
}

func newEither(t *testing.T, l net.Listener) *either {
	t.Helper()
	return &either{bridge.ParkingListener(l), &tls.Config{Certificates: testCertificate(t)}}
}

func (e *either) Accept() (net.Conn, error) {
	conn, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if host, _, _ := net.SplitHostPort(conn.RemoteAddr().String()); host == secured {
		return tls.Server(conn, e.config), nil
	}
	return conn, nil
}

// testCertificate returns the certificate of package httptest.
func testCertificate(t *testing.T) []tls.Certificate {
	t.Helper()
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.StartTLS()
	defer web.Close()
	require.NotEmpty(t, web.TLS.Certificates)
	return web.TLS.Certificates
}

// newSecuredClient returns a client over HTTP/1.1 with TLS, for URLs without it.
func newSecuredClient(t *testing.T) *http.Client {
	t.Helper()
	client := newClient(t, secured)
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), nil //nolint:gosec // the certificate is the test's own
	}
	return client
}
