package bridge_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/grpcsse/grpcsse/bridge"
)

// revocable is an authorizer that lets each client in, and refuses the client "bob" on a recheck after revoke.
type revocable struct {
	revoked atomic.Bool
	asked   atomic.Int64 // the rechecks of alice, which let her go on, after bob was revoked
}

func (a *revocable) Authorize(_ context.Context, c bridge.Caller) (*bridge.Grant, error) {
	user := c.Request.Header.Get("X-User")
	return &bridge.Grant{Subject: user, RecheckEvery: time.Second, Recheck: func(context.Context) error {
		switch {
		case !a.revoked.Load():
			return nil
		case user == "bob":
			return status.Error(codes.PermissionDenied, "bob was revoked")
		}
		a.asked.Add(1)
		return nil
	}}, nil
}

// A stream ends once its client is refused, with a status after which a browser comes back. The streams of others go on, also those
// that share the stream of the upstream.
func TestARecheckThatRefusesEndsTheStream(t *testing.T) {
	for name, share := range map[string]string{"private": "", "shared": "share: {late_join: all, linger: 0s}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for rechecks, which come once a second
			testRevocation(t, share)
		})
	}
}

func testRevocation(t *testing.T, share string) {
	t.Helper()
	s := startServer(t, "127.0.0.1:0", oneAndWait)
	a := &revocable{}
	cfg := parse(t, s, routeFile(share))
	b, err := bridge.New(t.Context(), cfg, bridge.WithAuthorizer(a))
	require.NoError(t, err)
	require.NoError(t, b.Ready(t.Context()))
	f := &front{bridge: b, url: serveHTTP(t, b)}
	alices, bobs := map[string]chan string{}, map[string]chan string{} // what each has received in the end
	for _, kind := range transports(t) {
		url, client := kind.dial(t, f)
		for _, accept := range []string{"text/event-stream", "application/x-ndjson"} {
			for user, ends := range map[string]map[string]chan string{"alice": alices, "bob": bobs} {
				r := eventSource(t.Context(), t, url+"/watch/x", "X-User", user)
				r.Header.Set("Accept", accept)
				resp := do(t, client, r)
				require.Equal(t, http.StatusOK, resp.StatusCode)
				end := make(chan string, 1)
				ends[kind.name+" "+accept] = end
				go func() {
					body, _ := io.ReadAll(resp.Body) // the end of the bridge may cut it
					end <- string(body) + "status " + resp.Trailer.Get("Grpc-Status") + " " + resp.Trailer.Get("Grpc-Message")
				}()
			}
		}
	}
	f.requireOpen(t, len(alices)+len(bobs))
	a.revoked.Store(true)
	for name, end := range bobs {
		text := receive(t, end)
		if strings.HasSuffix(name, "x-ndjson") {
			assert.Contains(t, text, "status 7 bob%20was%20revoked", name)
			continue
		}
		assert.Contains(t, text, `"status":"PERMISSION_DENIED","message":"bob was revoked"`, name)
		assert.Contains(t, text, `"retry":true,"reason":"revoked"`, name)
		assert.NotContains(t, text, "grpc-end", "%s: a browser comes back, and is asked for its credentials anew", name)
	}
	f.requireOpen(t, len(alices))
	before := a.asked.Load()
	require.Eventually(t, func() bool { return a.asked.Load() > before }, patience, 10*time.Millisecond)
	for name, end := range alices {
		assert.Empty(t, end, "%s: the stream of another client has ended", name)
	}
	if share != "" {
		s.requireStreams(t, 1)
	}
	require.NoError(t, f.bridge.Close())
	for name, end := range alices {
		assert.NotContains(t, receive(t, end), "revoked", name)
	}
}
