package auth

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// pipedProvider is an OpenID Connect provider in memory. It counts its requests.
type pipedProvider struct {
	requests atomic.Int64

	mu   sync.Mutex
	keys []jose.JSONWebKey
	bad  http.HandlerFunc // answers in place of the provider; may be nil
	only string           // the path for which it does so, "" for all
}

const pipedURL = "http://id.example"

func (p *pipedProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
	p.mu.Lock()
	keys, bad, only := p.keys, p.bad, p.only
	p.mu.Unlock()
	switch {
	case bad != nil && (only == "" || only == r.URL.Path):
		bad(w, r)
	case r.URL.Path == "/keys":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	default:
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, pipedURL, pipedURL+"/keys")
	}
}

func (p *pipedProvider) set(bad http.HandlerFunc, only string, keys ...signer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad, p.only, p.keys = bad, only, nil
	for _, k := range keys {
		p.keys = append(p.keys, k.public())
	}
}

// start returns a room whose provider it is.
func (p *pipedProvider) start(t *testing.T, log *slog.Logger) (r *Room, stop func()) {
	t.Helper()
	way, closeServer := servePipes(t, p, func() *http.Transport { return newTransport(4) })
	r = roomWithWarning(t.Context(), 0)
	r.log, r.transport = log, way
	j := config.NewJWT("corp")
	j.Issuer, j.Audience = pipedURL, []string{"web"}
	built, fresh, problems := r.build(&config.Auth{JWT: []*config.JWT{j}}, &rules{})
	require.Empty(t, problems)
	r.start(fresh)
	r.rules.Store(built)
	return r, func() {
		fresh[0].stop()
		r.Wait()
		closeServer()
	}
}

// Whatever a provider does, tokens with a known key are accepted at once, other opens take a few seconds at most, live streams
// go on, and the provider gets few requests. Once the provider is well, so is everything.
func TestASlowProviderHurtsNoOneWhoseKeyIsKnown(t *testing.T) {
	known, fresh, madeUp := ecSigner(t, "k1"), ecSigner(t, "k2"), ecSigner(t, "made-up")
	cases := map[string]http.HandlerFunc{}
	for name, behave := range bad() {
		cases[name] = behave
	}
	for name, behave := range badBodies() {
		cases["/keys: "+name] = behave
	}
	cases["/keys: silent"] = cases["silent"]
	for name, behave := range cases {
		only := ""
		if strings.HasPrefix(name, "/keys") {
			only = "/keys"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipedProvider{}
				p.set(nil, "", known)
				var log lockedText
				r, stop := p.start(t, slog.New(slog.NewTextHandler(&log, nil)))
				defer stop()
				require.NoError(t, r.Ready(t.Context(), nil))
				live := &tape{began: time.Now()}
				caller, end := r.Authenticate(t.Context(), guarded(), bearing(known.sign(t, goodClaims(pipedURL, "a"))))
				require.Nil(t, end)
				vigil := r.Watch(caller, live)
				defer vigil.Stop()

				time.Sleep(time.Minute)
				p.set(behave, only, known, fresh)
				p.requests.Store(0)
				knownToken, unknownToken := known.sign(t, goodClaims(pipedURL, "a")), madeUp.sign(t, goodClaims(pipedURL, "a"))
				var opens sync.WaitGroup
				const lasts = 2 * time.Minute
				for began := time.Now(); time.Since(began) < lasts; time.Sleep(4 * time.Second) {
					at := time.Now()
					_, end := r.Authenticate(t.Context(), guarded(), bearing(knownToken))
					require.Nil(t, end)
					require.Zero(t, time.Since(at), "the provider is not asked")
					opens.Go(func() {
						_, end := r.Authenticate(t.Context(), guarded(), bearing(unknownToken))
						assert.Equal(t, ending.Unavailable, end.Code)
						assert.True(t, end.Retry)
						assert.LessOrEqual(t, time.Since(at), providerPace().patience)
					})
				}
				opens.Wait()
				// One load in ten seconds, of two documents, each with a few redirects.
				assert.LessOrEqual(t, p.requests.Load(), int64(lasts/(10*time.Second))*2*(1+maxRedirects))
				assert.Nil(t, live.end, "live streams go on")
				assert.NotContains(t, log.String(), "secret of the provider")
				assert.Contains(t, log.String(), "cannot be loaded")

				p.set(nil, "", fresh)
				time.Sleep(time.Minute)
				_, end = r.Authenticate(t.Context(), guarded(), bearing(fresh.sign(t, goodClaims(pipedURL, "a"))))
				assert.Nil(t, end)
				_, end = r.Authenticate(t.Context(), guarded(), bearing(knownToken))
				assert.NotNil(t, end, "the provider has withdrawn the key")
				assert.Nil(t, live.end)
			})
		})
	}
}

// Where the provider is slow from the beginning, opens are turned away at once, and the room is ready after a bounded time.
func TestAProviderThatIsSlowFromTheBeginning(t *testing.T) {
	key := ecSigner(t, "k1")
	for name, behave := range bad() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipedProvider{}
				p.set(behave, "", key)
				r, stop := p.start(t, slog.New(slog.DiscardHandler))
				defer stop()
				at := time.Now()
				_, end := r.Authenticate(t.Context(), guarded(), bearing(key.sign(t, goodClaims(pipedURL, "a"))))
				require.NotNil(t, end)
				assert.Equal(t, ending.Unavailable, end.Code)
				assert.Zero(t, time.Since(at))
				require.NoError(t, r.Ready(t.Context(), nil))
				assert.LessOrEqual(t, time.Since(at), 2*fetchTimeout)
				require.Len(t, r.Problems(), 1)
				assert.NotContains(t, r.Problems()[0].Error(), "secret")
				assert.Less(t, len(r.Problems()[0].Message), 500)
				p.set(nil, "", key)
				time.Sleep(time.Minute)
				_, end = r.Authenticate(t.Context(), guarded(), bearing(key.sign(t, goodClaims(pipedURL, "a"))))
				assert.Nil(t, end)
			})
		})
	}
}
