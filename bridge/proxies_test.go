package bridge_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a proxy says about the page counts only where the proxy is trusted.
func TestOnlyATrustedProxySaysWhatThePageAskedFor(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f := startFront(t, s, "server: {trusted_proxies: [127.0.0.1, 127.0.0.5, \"::1\"], hosts: [app.example]}\n"+routeFile("open_errors: http"))
	page := []string{"Origin", "https://app.example", "X-Forwarded-Host", "app.example", "X-Forwarded-Proto", "https"}
	for name, client := range clients(t) {
		status := func(header ...string) int {
			return do(t, client, eventSource(t.Context(), t, f.url+"/watch/x", header...)).StatusCode
		}
		if name == "unparked" { // from an address that is not in the list
			assert.Equal(t, http.StatusMisdirectedRequest, status(page...), name)
			continue
		}
		assert.Equal(t, http.StatusOK, status(page...), name)
		assert.Equal(t, http.StatusMisdirectedRequest, status(), "%s: the proxy's own host is not in the list", name)
		foreign := []string{"Origin", "https://other.example", "X-Forwarded-Host", "app.example"}
		assert.Equal(t, http.StatusForbidden, status(foreign...), name)
	}
}
