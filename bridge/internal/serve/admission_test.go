package serve

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/auth"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

// bouncer is a check of the program that lets no caller in. It counts its callers.
type bouncer struct{ asked int }

func (b *bouncer) Authorize(context.Context, auth.Caller) (*auth.Grant, *ending.Ending) {
	b.asked++
	return nil, ending.Refuse(ending.PermissionDenied, ending.ByAuth, "no")
}

// admitBy makes a room for callers the one of a rig.
func (r *rig) admitBy(t *testing.T, cfg config.Auth, check auth.Authorizer) {
	t.Helper()
	room, problems := auth.New(t.Context(), &cfg, check, slog.New(slog.DiscardHandler))
	require.Empty(t, problems)
	r.auth = room
}

// To check a caller costs more than to count it. So a client that opens too often is turned away before it is checked, and a
// caller that is refused has used up an open.
func TestOpensAreCountedBeforeTheCallerIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, check := newRig(t, config.Server{OpensPerClient: config.Rate{Count: 1, Per: time.Hour}}), &bouncer{}
		defer r.close()
		r.admitBy(t, config.Auth{}, check)
		r.routes.leadTo(routeTo(t, unopened, nil))
		statuses := map[int]int{}
		for range 30 {
			statuses[r.ask(get()).Code]++
		}
		assert.Equal(t, map[int]int{http.StatusForbidden: leastBurst, http.StatusTooManyRequests: 30 - leastBurst}, statuses)
		assert.Equal(t, leastBurst, check.asked, "those that are over the limit are not checked")
	})
}

// Two routes may have one name, and each has its own limits.
func TestRoutesOfOneNameAreCountedApart(t *testing.T) {
	for name, limits := range map[string]config.RouteLimits{
		"streams": {Streams: 1}, "streams_per_client": {StreamsPerClient: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.Server{})
			defer r.close()
			at := func(path string) *route.Route {
				return routeTo(t, unopened, func(c *config.Route) { c.Name, c.Path, c.Limits = "quotes", path, limits })
			}
			one, two := at("/one"), at("/two")
			var open []claims
			for _, rt := range []*route.Route{one, two} {
				taken, end := r.gate.enter(r.server.Load().limits, rt, callerAt("203.0.113.1:80", ""))
				require.Nil(t, end, rt.Config.Path)
				open = append(open, taken)
			}
			for _, rt := range []*route.Route{one, two} {
				_, end := r.gate.enter(r.server.Load().limits, rt, callerAt("203.0.113.1:80", ""))
				require.NotNil(t, end, "%s is full", rt.Config.Path)
			}
			for _, taken := range open {
				r.gate.leave(taken)
			}
			assert.Zero(t, r.gate.open.Keys())
		})
	}
}

// Until the route of a request is known, no query parameter is visible in which any issuer expects a token. Then only those of
// the route's issuer are hidden.
func TestTokensAreHiddenBeforeTheRouteIsKnown(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k"}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, keys, 0o600))
	issuer := func(name, parameter string) *config.JWT {
		j := config.NewJWT(name)
		j.JWKSFile, j.From = file, []config.TokenSource{{In: config.InQuery, Name: parameter}}
		return j
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := newRig(t, config.Server{})
	defer r.close()
	room, problems := auth.New(ctx, &config.Auth{JWT: []*config.JWT{issuer("one", "token"), issuer("two", "access_token")}}, nil, r.log)
	require.Empty(t, problems)
	defer func() { cancel(); room.Wait() }()
	r.auth = room
	request := get()
	request.URL.RawQuery = "a=b&token=s1&%61ccess_token=s2&c=d"
	req := r.read(r.server.Load(), request)
	assert.Equal(t, "a=b&c=d", req.HTTP.URL.RawQuery)
	assert.Equal(t, "a=b&token=s1&%61ccess_token=s2&c=d", req.Query(), "where the token is looked for")
	rt := routeTo(t, unopened, func(c *config.Route) { c.Auth = &config.RouteAuth{JWT: "two"} })
	_, end := r.authenticate(rt, req)
	require.NotNil(t, end)
	assert.Equal(t, "a=b&token=s1&c=d", req.HTTP.URL.RawQuery)
}
