package bridge_test

import (
	"net/http"
	"testing"
)

// transport is a kind of connection that the program serves. dial serves a bridge over it until the test ends, and returns the URL
// and a client.
type transport struct {
	name string
	dial func(t *testing.T, f *front) (url string, client *http.Client)
}

// transports are all kinds of connections: HTTP/1.1 that the bridge parks where the system supports that, without TLS and with it,
// HTTP/1.1 that it does not park, h2c, and HTTP/2 over TLS.
func transports(t *testing.T) (all []transport) {
	t.Helper()
	for name := range clients(t) {
		if name == "TLS1" {
			continue // the kind of the same name below is served as the program serves it
		}
		all = append(all, transport{name, func(t *testing.T, f *front) (string, *http.Client) {
			t.Helper()
			return f.url, clients(t)[name]
		}})
	}
	for _, name := range []string{"HTTP/1.1", "HTTP/2.0"} {
		all = append(all, transport{"TLS, " + name, func(t *testing.T, f *front) (string, *http.Client) {
			t.Helper()
			st := serveTLS(t, f, nil)
			return st.url, tlsClients(t, st)[name]
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
