package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// signer is a private key with an id.
type signer struct {
	id        string
	algorithm jose.SignatureAlgorithm
	key       crypto.Signer
}

// rsaKey is made once, since making one takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func ecSigner(t testing.TB, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return signer{id, jose.ES256, key}
}

// public returns the key as a key set has it.
func (s signer) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Algorithm: string(s.algorithm), Use: "sig"}
}

// sign returns a token with these claims.
func (s signer) sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	return s.signBytes(t, payload)
}

func (s signer) signBytes(t testing.TB, payload []byte) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if s.id != "" {
		options = options.WithHeader("kid", s.id)
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: s.algorithm, Key: s.key}, options)
	require.NoError(t, err)
	signed, err := made.Sign(payload)
	require.NoError(t, err)
	text, err := signed.CompactSerialize()
	require.NoError(t, err)
	return text
}

// provider is an OpenID Connect provider, which may misbehave.
type provider struct {
	*httptest.Server

	discoveries, fetches atomic.Int64

	mu     sync.Mutex
	keys   []jose.JSONWebKey
	issuer string                                                   // "" is the right one
	broken func(w http.ResponseWriter, r *http.Request) (done bool) // answers in place of the provider; may be nil
}

func newProvider(t testing.TB, signers ...signer) *provider {
	t.Helper()
	p := &provider{}
	p.serve(signers...)
	p.Server = httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(p.Close)
	return p
}

// serve replaces the keys.
func (p *provider) serve(signers ...signer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = nil
	for _, s := range signers {
		p.keys = append(p.keys, s.public())
	}
}

// misbehave lets a function answer in place of the provider. With nil, the provider behaves again.
func (p *provider) misbehave(broken func(w http.ResponseWriter, r *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	keys, broken, issuer := p.keys, p.broken, p.issuer
	p.mu.Unlock()
	if issuer == "" {
		issuer = p.URL
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.discoveries.Add(1)
	case "/keys":
		p.fetches.Add(1)
	}
	if broken != nil && broken(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, p.URL+"/keys")
	case "/keys":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	default:
		http.NotFound(w, r)
	}
}

// down answers everything with 503.
func down(w http.ResponseWriter, _ *http.Request) bool {
	http.Error(w, "secret of the provider", http.StatusServiceUnavailable)
	return true
}

// discovered returns an entry of `auth.jwt` for the provider.
func (p *provider) discovered() *config.JWT {
	j := config.NewJWT("corp")
	j.Issuer, j.Audience = p.URL, []string{"web"}
	return j
}

// claimsFor returns the claims of a good token.
func (p *provider) claimsFor(subject string) map[string]any {
	return goodClaims(p.URL, subject)
}

func goodClaims(issuer, subject string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": issuer, "aud": []string{"web"}, "sub": subject, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// newRoom returns a room whose first attempts to load keys have ended.
func newRoom(t testing.TB, cfg config.Auth) *Room {
	t.Helper()
	return newRoomWith(t, cfg, nil, slog.New(slog.DiscardHandler))
}

func newRoomWith(t testing.TB, cfg config.Auth, a Authorizer, log *slog.Logger) *Room {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r, problems := New(ctx, &cfg, a, log)
	require.Empty(t, problems)
	t.Cleanup(func() { cancel(); r.Wait() })
	soon, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	require.NoError(t, r.Ready(soon, nil))
	return r
}

// requestWith returns a request with a header, and a query.
func requestWith(query string, header ...string) *request.Request {
	r := httptest.NewRequest(http.MethodGet, "http://bridge/quotes?"+query, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return request.New(r)
}

func bearing(token string) *request.Request { return requestWith("", "Authorization", "Bearer "+token) }

// guarded is a route with `auth: {jwt: corp}`.
func guarded(required ...config.Requirement) *config.Route {
	r := config.NewRoute("/quotes")
	r.Auth = &config.RouteAuth{JWT: "corp", Require: required}
	return r
}
