package admin

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page is a console with one file.
type page struct{ asked int }

func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.asked++
	w.WriteHeader(http.StatusTeapot)
}
func (*page) Static(path string) bool { return path == ConsolePrefix }

// A browser cannot send a token with a navigation. So the files of the page need none, and all that the page asks for does.
func TestOnlyTheFilesOfTheConsoleNeedNoToken(t *testing.T) {
	for _, test := range []struct {
		method, path string
		changes      []request
		status       int
	}{
		{http.MethodGet, ConsolePrefix, nil, http.StatusTeapot},
		{http.MethodGet, ConsolePrefix + "api/overview", nil, http.StatusUnauthorized},
		{http.MethodGet, ConsolePrefix + "stream/quotes", nil, http.StatusUnauthorized},
		{http.MethodGet, ConsolePrefix + "api/overview", []request{bearer(secret)}, http.StatusTeapot},
		{http.MethodPost, ConsolePrefix, nil, http.StatusUnauthorized},
		{http.MethodPost, ConsolePrefix + "stream/quotes", []request{bearer(secret)}, http.StatusForbidden},
		{http.MethodPost, ConsolePrefix + "stream/quotes", []request{bearer(secret), with(Header, "1")}, http.StatusTeapot},
		{http.MethodGet, ConsolePrefix, []request{host("evil.example")}, http.StatusMisdirectedRequest},
		{http.MethodGet, ConsolePrefix, []request{with("Origin", "http://evil.example")}, http.StatusForbidden},
		{http.MethodGet, ConsolePrefix, []request{with("Sec-Fetch-Site", "cross-site")}, http.StatusForbidden},
		{http.MethodGet, "/routes", nil, http.StatusUnauthorized},
	} {
		r := newRig(t, local, secret)
		settings := r.Settings
		settings.Console = &page{}
		h, err := New(settings)
		require.NoError(t, err)
		r.Handler = h
		assert.Equal(t, test.status, r.ask(test.method, test.path, test.changes...).Code, "%+v", test)
	}
}

func TestTheConsoleBesideTheRoutes(t *testing.T) {
	for _, test := range []struct {
		name         string
		method, path string
		taken        bool
		changes      []request
		status       int
		console      int // how often it was asked
	}{
		{"the page", http.MethodGet, ConsolePrefix, false, nil, http.StatusTeapot, 1},
		{"home", http.MethodGet, "/", false, nil, http.StatusFound, 0},
		{"a route at home", http.MethodGet, "/", true, nil, http.StatusOK, 0},
		{"not a read", http.MethodPost, "/", false, nil, http.StatusOK, 0},
		{"a route", http.MethodGet, "/quotes", false, []request{host("evil.example")}, http.StatusOK, 0},
		{"rebinding", http.MethodGet, ConsolePrefix, false, []request{host("evil.example:8080")}, http.StatusMisdirectedRequest, 0},
		{"rebinding at home", http.MethodGet, "/", false, []request{host("evil.example")}, http.StatusMisdirectedRequest, 0},
		{"an address of the network", http.MethodGet, ConsolePrefix, false, []request{host("192.168.1.5:8080")}, http.StatusMisdirectedRequest, 0},
		{"another origin", http.MethodGet, ConsolePrefix + "api/routes", false, []request{with("Origin", "http://localhost:5173")}, http.StatusForbidden, 0},
		{"another site", http.MethodGet, ConsolePrefix + "api/routes", false, []request{with("Sec-Fetch-Site", "cross-site")}, http.StatusForbidden, 0},
		{"no header", http.MethodPost, ConsolePrefix + "x", false, nil, http.StatusForbidden, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			shown := &page{}
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
			h := Local(shown, next, func(string) bool { return test.taken }, slog.New(slog.DiscardHandler))
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, nil)
			r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:50000"
			for _, change := range test.changes {
				change(r)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, test.status, w.Code)
			assert.Equal(t, test.console, shown.asked)
			if test.status == http.StatusFound {
				assert.Equal(t, ConsolePrefix, w.Header().Get("Location"))
			}
		})
	}
}
