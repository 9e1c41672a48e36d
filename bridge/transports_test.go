package bridge_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/grpcsse/grpcsse/bridge"
)

// overEveryTransport runs a test over every kind of connection that the program serves: HTTP/1.1 that the bridge parks where the
// system can, HTTP/1.1 that it does not park, HTTP/1.1 and HTTP/2 over TLS, and h2c. The URL is that of the kind's listener.
func overEveryTransport(t *testing.T, f *front, test func(t *testing.T, client *http.Client, url string)) {
	t.Helper()
	secure := httptest.NewUnstartedServer(f.bridge)
	secure.Config.ConnContext = bridge.ConnContext
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(func() {
		secure.CloseClientConnections()
		secure.Close()
	})
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) { test(t, client, f.url) })
	}
	for name, client := range tlsClients(t, &site{url: secure.URL, client: secure.Client()}) {
		t.Run("TLS "+name, func(t *testing.T) { test(t, client, secure.URL) })
	}
}
