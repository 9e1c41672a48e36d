package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// tokens signs tokens, and has the file with the key that verifies them.
type tokens struct {
	file   string
	signer jose.Signer
	given  atomic.Int64
}

func newTokens(t *testing.T) *tokens {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, set, 0o600))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	require.NoError(t, err)
	return &tokens{file: file, signer: signer}
}

// ServeHTTP gives a token that is valid for three seconds at most. The first one is of no use.
func (k *tokens) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	exp := time.Now().Add(3 * time.Second)
	if k.given.Add(1) == 1 {
		exp = time.Now().Add(-time.Minute)
	}
	signed, err := k.signer.Sign([]byte(`{"aud":"web","exp":` + strconv.FormatInt(exp.Unix(), 10) + `}`))
	if err == nil {
		var text string
		if text, err = signed.CompactSerialize(); err == nil {
			_, _ = io.WriteString(w, text)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// A page whose tokens are valid for some seconds gets a new one each time, and misses nothing. Where the bridge warns, the page does
// not even notice.
func renewTheToken(t *testing.T, b *scriptBrowser) {
	for name, tt := range map[string]struct {
		warn   time.Duration
		option string
		states []string
	}{
		"with a warning, in the header": {time.Second, "", []string{"live", "reconnecting auth", "live"}},
		"without a warning, in the query": {0, `, tokenParameter: "access_token"`, []string{
			"live", "reconnecting auth", "live", "reconnecting token_expired", "live",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTokens(t)
			s := startScriptSite(t)
			s.also["/token"] = k.ServeHTTP
			locked := lockedBridge(t, s.began, k.file, tt.warn)
			t.Cleanup(func() { require.NoError(t, locked.Close()) })
			s.breaks(locked.ServeHTTP)
			b.fresh(t, s)
			b.listen(t, "/tape", `{token: async () => (await fetch("/token")).text()`+tt.option+`}`)
			require.Eventually(t, func() bool { return k.given.Load() >= 3 }, patience, beat)
			b.more(t, 20)
			assert.Equal(t, tt.states, b.states(t)[:len(tt.states)])
			b.evaluate(t, "sub.close() === undefined")
		})
	}
}

// lockedBridge serves /tape to callers with a token.
func lockedBridge(t *testing.T, began time.Time, keys string, warn time.Duration) *bridge.Bridge {
	t.Helper()
	file := config.New()
	file.Auth.Warn = warn
	file.Auth.JWT = []*config.JWT{{
		Name: "corp", JWKSFile: keys, Audience: []string{"web"}, Algorithms: []config.Algorithm{"ES256"},
		From: []config.TokenSource{{In: config.InHeader}, {In: config.InQuery, Name: "access_token"}},
	}}
	route := scriptRoute("/tape")
	route.Auth = &config.RouteAuth{JWT: "corp"}
	b, err := bridge.New(t.Context(), file, bridge.WithRoute(route, scriptTape(began)))
	require.NoError(t, err)
	return b
}
