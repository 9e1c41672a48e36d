package bridge_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// transport is a kind of connection that the program serves. dial serves a bridge over it until the test ends, and returns the URL
// and a client.
type transport struct {
	name string
	dial func(t *testing.T, f *front) (url string, client *http.Client)
}

// transports are all kinds of connections: HTTP/1.1 that the bridge parks where the system supports that, HTTP/1.1 that it does
// not park, HTTP/1.1 and HTTP/2 over TLS, and h2c.
func transports(t *testing.T) (all []transport) {
	t.Helper()
	for name := range clients(t) {
		all = append(all, transport{name, func(t *testing.T, f *front) (string, *http.Client) {
			t.Helper()
			return f.url, clients(t)[name]
		}})
	}
	for _, name := range []string{"HTTP/1.1", "HTTP/2.0"} {
		all = append(all, transport{"TLS, " + name, func(t *testing.T, f *front) (string, *http.Client) {
			t.Helper()
			web := httptest.NewUnstartedServer(f.bridge)
			require.NoError(t, f.bridge.Park(web.Config))
			web.EnableHTTP2 = true
			web.StartTLS()
			t.Cleanup(func() {
				web.CloseClientConnections()
				web.Close()
			})
			return web.URL, tlsClients(t, &site{url: web.URL, client: web.Client()})[name]
		}})
	}
	return all
}

// overEveryTransport runs a test over every kind of connection that the program serves. start starts a bridge for each kind. The
// URL is that of the listener for the kind.
func overEveryTransport(t *testing.T, start func(*testing.T) *front, test func(t *testing.T, f *front, client *http.Client, url string)) {
	t.Helper()
	for _, kind := range transports(t) {
		t.Run(kind.name, func(t *testing.T) {
			f := start(t)
			url, client := kind.dial(t, f)
			test(t, f, client, url)
		})
	}
}
