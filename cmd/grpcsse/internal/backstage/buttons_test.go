package backstage

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestButtons(t *testing.T) {
	s, _ := startShow(t, t.Context())
	b, l := startBridge(t)
	handler := s.Buttons(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	ask := func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+path, http.NoBody)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	press := func(method, path string, header ...string) int { return ask(method, path, header...).Code }
	post := func(path string) int { return press(http.MethodPost, "/backstage/"+path) }

	assert.Equal(t, http.StatusConflict, post("crowd/double"), "there is no crowd")
	for _, number := range []string{"", "x", "0", "-1", "2001", "1e3"} {
		assert.Equal(t, http.StatusBadRequest, post("crowd/start?browsers="+number), number)
	}
	assert.Equal(t, http.StatusNoContent, post("crowd/start?browsers=3"))
	assert.Equal(t, http.StatusNoContent, post("crowd/double"))
	assert.Equal(t, http.StatusNoContent, post("crowd/stop"))
	assert.Equal(t, http.StatusNoContent, post("crowd/stop"), "as wanted already")
	assert.Equal(t, http.StatusConflict, post("crowd/stall?browsers=3"))
	assert.JSONEq(t, `{"running":true}`, ask(http.MethodGet, "/backstage/upstream").Body.String())
	assert.Equal(t, http.StatusNoContent, post("upstream/kill"))
	assert.JSONEq(t, `{"running":false}`, ask(http.MethodGet, "/backstage/upstream").Body.String())
	assert.Equal(t, http.StatusConflict, post("upstream/kill"))
	assert.Equal(t, http.StatusNoContent, post("upstream/restart"))

	assert.Equal(t, http.StatusNoContent, post("bridge/restart"))
	assert.Equal(t, http.StatusNoContent, post("bridge/kill"))
	assert.Equal(t, []string{"drain 1", "close 1", "park 2", "close 2", "park 3"}, l.notes())
	l.refuse = errors.New("the schema is gone")
	refused := ask(http.MethodPost, "/backstage/bridge/restart")
	assert.Equal(t, http.StatusConflict, refused.Code)
	assert.Equal(t, "the schema is gone\n", refused.Body.String())
	assert.Equal(t, http.StatusNoContent, post("upstream/kill"), "the buttons work while there is no bridge")
	assert.Equal(t, http.StatusNoContent, post("upstream/restart"))

	for _, path := range []string{"upstream/kill", "bridge/kill", "bridge/restart"} {
		assert.Equal(t, http.StatusMethodNotAllowed, press(http.MethodGet, "/backstage/"+path), "an <img> must not press %s", path)
	}
	assert.Equal(t, http.StatusMethodNotAllowed, post("upstream"))
	assert.Equal(t, http.StatusNotFound, post("downstream"))
	assert.Equal(t, http.StatusTeapot, press(http.MethodPost, "/quotes"), "all else is not ours")

	const kill = "/backstage/upstream/kill"
	assert.Equal(t, http.StatusForbidden, press(http.MethodPost, kill, "Sec-Fetch-Site", "cross-site"))
	assert.Equal(t, http.StatusForbidden, press(http.MethodPost, kill, "Sec-Fetch-Site", "same-site"))
	assert.Equal(t, http.StatusForbidden, press(http.MethodPost, kill, "Origin", "https://evil.example"))
	assert.True(t, s.upstream.Running(), "a page of another origin has no say")
	assert.Equal(t, http.StatusNoContent, press(http.MethodPost, kill, "Sec-Fetch-Site", "same-origin"))
	assert.False(t, s.upstream.Running())
}

// A page whose name resolves to a loopback address is of the same origin as the demo, and presses no button all the same.
func TestButtonsAreNotForNamesFromElsewhere(t *testing.T) {
	s, _ := startShow(t, t.Context())
	b, _ := startBridge(t)
	handler := s.Buttons(b, http.NotFoundHandler())
	ask := func(method, local, host string) int {
		r := httptest.NewRequestWithContext(t.Context(), method, "/backstage/upstream", http.NoBody)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(local)}))
		r.Host = host
		r.Header.Set("Origin", "http://"+host)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for _, host := range []string{
		"localhost", "localhost:8080", "LOCALHOST.:8080", "demo.localhost", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "[::1]",
		"[::ffff:127.0.0.1]:80",
	} {
		assert.Equal(t, http.StatusOK, ask(http.MethodGet, "127.0.0.1", host), host)
	}
	for _, host := range []string{
		"", "evil.example", "evil.example:8080", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "10.0.0.1:8080",
		"localhost:8080:8080", "0.0.0.0",
	} {
		for _, local := range []string{"127.0.0.1", "::1"} {
			assert.Equal(t, http.StatusMisdirectedRequest, ask(http.MethodGet, local, host), host)
		}
		assert.Equal(t, http.StatusOK, ask(http.MethodGet, "10.0.0.1", host), "%s: another machine may come by any name", host)
	}
}
