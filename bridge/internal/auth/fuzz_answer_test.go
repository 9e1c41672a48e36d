package auth

import (
	"bufio"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// answering answers each request with the bytes of a response.
type answering string

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.ReadResponse(bufio.NewReader(strings.NewReader(string(a))), r)
}

// FuzzAnswer states that only a status of 200 to 299 lets a caller in, and that only a header which is listed and stands once
// becomes a claim. An error repeats no header of the answer.
func FuzzAnswer(f *testing.F) {
	f.Add("200 OK", "X-User: alice\r\nX-Other: secret")
	f.Add("204 No Content", "x-user: alice\r\nX-USER: bob")
	f.Add("200 OK", "X-User:  alice\t\r\nX-Tenant: \x00\x7f")
	f.Add("401 Unauthorized", "X-User: alice")
	f.Add("403 Forbidden", "X-User: alice")
	f.Add("302 Found", "Location: http://127.0.0.1:1/elsewhere\r\nX-User: mallory")
	f.Add("500 Oops", "X-User: alice")
	f.Add("-200", "X-User: alice")
	f.Add("2000 OK", "X-User : alice")
	f.Fuzz(func(t *testing.T, status, headers string) {
		raw := answering("HTTP/1.1 " + status + "\r\n" + headers + "\r\n\r\n")
		cfg := &config.Ask{
			Name: "door", URL: "http://door.example/", Forward: []string{"cookie"}, Claims: []string{"x-user", "x-tenant"},
		}
		e := newEndpoint(t.Context(), &sync.WaitGroup{}, cfg, slog.New(slog.DiscardHandler))
		e.client.Transport = raw
		said, err := e.ask(t.Context(), http.Header{"Cookie": {"session=1"}}, e.turns)
		if err != nil {
			require.Nil(t, said)
			if strings.Contains(headers, "mallory") {
				assert.NotContains(t, err.Error(), "mallory")
			}
			return
		}
		sent, err := raw.RoundTrip(nil)
		require.NoError(t, err)
		defer func() { _ = sent.Body.Close() }()
		require.Equal(t, sent.StatusCode, said.status)
		if said.status == http.StatusUnauthorized || said.status == http.StatusForbidden {
			require.Empty(t, said.claims)
			return
		}
		require.True(t, said.status >= 200 && said.status <= 299, said.status)
		for _, name := range cfg.Claims {
			if values := sent.Header.Values(name); len(values) == 1 {
				require.Equal(t, values[0], said.claims[name])
				continue
			}
			require.NotContains(t, said.claims, name)
		}
		for name := range said.claims {
			require.Contains(t, cfg.Claims, name)
		}
	})
}
