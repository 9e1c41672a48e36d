package console

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// The route sees the headers that the page has for it, and nothing that is for the listener of the console.
func TestARouteGetsNothingOfTheListenerOfTheConsole(t *testing.T) {
	b := &fake{}
	c := newConsole(t, b, true)
	w := ask(t, c, http.MethodGet, Prefix+"stream/quotes/A%2FB?symbol=x&a=1", "Authorization", "Bearer admin", "Cookie", "a=b",
		"X-Grpcsse-Admin", "1", "Accept", "text/event-stream", "Last-Event-Id", "7", "Origin", "http://127.0.0.1:9091", "Referer", "x",
		"X-Forwarded-For", "8.8.8.8", "X-Console-X-Forwarded-For", "8.8.8.8", "X-Console-Forwarded", "for=8.8.8.8", "X-Console-Host", "x",
		"X-Console-Authorization", "Bearer user", "X-Console-X-Tenant", "blue", "Sec-Fetch-Site", "same-origin", "X-Console-Origin", "x")
	assert.Equal(t, http.StatusTeapot, w.Code)
	assert.Equal(t, "/quotes/A/B", b.seen.URL.Path)
	assert.Equal(t, "/quotes/A%2FB?symbol=x&a=1", b.seen.RequestURI)
	assert.Equal(t, "/quotes/A%2FB", b.seen.URL.EscapedPath())
	assert.Equal(t, http.Header{
		"Accept": {"text/event-stream"}, "Last-Event-Id": {"7"}, "Authorization": {"Bearer user"}, "X-Tenant": {"blue"},
	}, b.seen.Header)
}

func TestStreamsAreServedWhereTheRoutesAreNot(t *testing.T) {
	for _, test := range []struct {
		apart          bool
		method, target string
		code           int
	}{
		{true, http.MethodGet, "stream/quotes", http.StatusTeapot},
		{true, http.MethodPost, "stream/quotes", http.StatusTeapot},
		{true, http.MethodDelete, "stream/quotes", http.StatusMethodNotAllowed},
		{true, http.MethodGet, "stream/-/console/stream/x", http.StatusNotFound},
		{false, http.MethodGet, "stream/quotes", http.StatusNotFound},
	} {
		c := newConsole(t, &fake{}, test.apart)
		assert.Equal(t, test.code, ask(t, c, test.method, Prefix+test.target).Code, "%+v", test)
	}
}

// A route may be served for certain hosts only, and the console has another one.
func TestAStreamHasAHostOfTheRoutes(t *testing.T) {
	for _, test := range []struct {
		hosts []string
		host  string
	}{
		{nil, "example.com"}, {[]string{"*.example.org", "app.example.org"}, "app.example.org"}, {[]string{"10.0.0.0/8"}, "example.com"},
	} {
		b := &fake{}
		c := newConsole(t, b, true)
		cfg := config.New()
		cfg.Server.Hosts = test.hosts
		c.Config = func() *config.Config { return cfg }
		ask(t, c, http.MethodGet, Prefix+"stream/quotes")
		require.NotNil(t, b.seen)
		assert.Equal(t, test.host, b.seen.Host)
	}
}

// bounded is a ResponseWriter of a listener that bounds how long a request may take.
type bounded struct {
	http.ResponseWriter

	read, write time.Time
}

func (b *bounded) SetReadDeadline(at time.Time) error  { b.read = at; return nil }
func (b *bounded) SetWriteDeadline(at time.Time) error { b.write = at; return nil }

// A stream outlasts what the listener allows for a request.
func TestAStreamHasNoDeadlineOfTheListener(t *testing.T) {
	soon := time.Now().Add(time.Second)
	w := &bounded{ResponseWriter: httptest.NewRecorder(), read: soon, write: soon}
	c := newConsole(t, &fake{}, true)
	c.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, Prefix+"stream/quotes", nil))
	assert.True(t, w.read.IsZero())
	assert.True(t, w.write.IsZero())
}
