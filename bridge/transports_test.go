package bridge_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// overEveryTransport runs a test over every kind of connection that the program serves: HTTP/1.1 that the bridge parks where
// the system supports that, HTTP/1.1 that it does not park, HTTP/1.1 and HTTP/2 over TLS, and h2c. start starts a bridge for
// each kind. The URL is that of the listener for the kind.
func overEveryTransport(t *testing.T, start func(*testing.T) *front, test func(t *testing.T, f *front, client *http.Client, url string)) {
	t.Helper()
	for name := range clients(t) {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			test(t, f, clients(t)[name], f.url)
		})
	}
	for _, name := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run("TLS, "+name, func(t *testing.T) {
			f := start(t)
			web := httptest.NewUnstartedServer(f.bridge)
			require.NoError(t, f.bridge.Park(web.Config))
			web.EnableHTTP2 = true
			web.StartTLS()
			t.Cleanup(func() {
				web.CloseClientConnections()
				web.Close()
			})
			test(t, f, tlsClients(t, &site{url: web.URL, client: web.Client()})[name], web.URL)
		})
	}
}
