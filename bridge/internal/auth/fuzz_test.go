package auth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// FuzzToken states that no text is a valid token that the issuer has not signed, and that a refusal repeats nothing of the text.
func FuzzToken(f *testing.F) {
	good := ecSigner(f, "k1")
	i := &issuer{cfg: config.NewJWT("corp"), algorithms: []jose.SignatureAlgorithm{jose.ES256}, ring: &keyring{}}
	keys := keySet{good.public()}
	i.ring.keys.Store(&keys)
	now := time.Now()
	i.ring.began = now.Add(time.Hour) // no key is looked for again
	valid := good.sign(f, goodClaims("any", "alice"))
	_, end := i.verify(f.Context(), valid, now)
	require.Nil(f, end)
	for _, seed := range []string{"", ".", "..", "a.b.c", encoded(`{"alg":"none"}`) + "." + encoded("{}") + "."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		v, end := i.verify(t.Context(), token, now)
		require.Nil(t, v)
		require.NotNil(t, end)
		assert.Contains(t, []ending.Code{ending.Unauthenticated, ending.Unavailable}, end.Code)
		if len(token) > 40 {
			assert.NotContains(t, end.Message, token)
		}
	})
}

// FuzzPlaces states that a token comes from a place that is listed, and that a place with a refusal has no token.
func FuzzPlaces(f *testing.F) {
	f.Add("Bearer a.b.c", "session=x; session=y", "access_token=z")
	f.Add("bearer\t", "session=\"x\"", "%61ccess_token=%zz")
	f.Fuzz(func(t *testing.T, authorization, cookies, query string) {
		h := http.Header{"Authorization": {authorization}, "Cookie": {cookies}}
		text, in, refusal := findToken(h, query, everyPlace())
		require.False(t, text != "" && refusal != "")
		require.Equal(t, text == "" && refusal == "", in == "")
		switch {
		case text == "":
		case in == config.InHeader:
			require.Contains(t, authorization, text)
		case in == config.InCookie:
			require.Contains(t, cookies, text)
		default:
			decoded, err := url.QueryUnescape(query)
			require.True(t, err != nil || strings.Contains(decoded, text))
		}
	})
}

// FuzzKeys states that a key set has only public keys that verify tokens.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQ","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeys(data)
		require.Equal(t, err != nil, len(keys) == 0)
		require.LessOrEqual(t, len(keys), maxKeys)
		for _, k := range keys {
			require.True(t, k.IsPublic())
			require.NotEmpty(t, algorithmsOf(k))
		}
	})
}

// FuzzDiscovery states that keys are fetched only over https, or over the scheme of the issuer.
func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://id.example","jwks_uri":"https://id.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://id.example","jwks_uri":"http://id.example/keys"}`))
	f.Add([]byte(`{"issuer":"https://id.example","jwks_uri":"https://u:p@id.example/keys"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseDiscovery(data, "https://id.example")
		if err != nil {
			require.Empty(t, keys)
			return
		}
		u, err := url.Parse(keys)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.NotEmpty(t, u.Hostname())
		require.Nil(t, u.User)
		require.LessOrEqual(t, len(keys), maxAddress)
	})
}
