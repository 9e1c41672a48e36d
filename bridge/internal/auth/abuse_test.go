package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// forged is a token whose header and claims are free, signed with an HMAC of the secret.
func forged(header, payload string, secret []byte) string {
	text := encoded(header) + "." + encoded(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func asText(t *testing.T, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	require.NoError(t, err)
	return string(text)
}

// with returns claims of which some are replaced. A nil value removes a claim.
func with(claims map[string]any, changes map[string]any) map[string]any {
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func TestForgedTokensAreRefused(t *testing.T) {
	good := signer{"rsa", jose.RS256, rsaKey()}
	other := ecSigner(t, "rsa") // an id that exists, with another key
	p := newProvider(t, good, ecSigner(t, "ec"))
	r := newRoom(t, config.Auth{JWT: []*config.JWT{p.discovered()}})
	public, err := x509.MarshalPKIXPublicKey(rsaKey().Public())
	require.NoError(t, err)
	inPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	claims := asText(t, p.claimsFor("eve"))
	valid := good.sign(t, p.claimsFor("alice"))
	parts := strings.Split(valid, ".")
	now := time.Now()
	// twice returns a token in which all claims are good, and a claim is there twice at the end.
	twice := func(name, first, second string) string {
		others := asText(t, with(p.claimsFor("a"), map[string]any{name: nil}))
		return good.signBytes(t, fmt.Appendf(nil, `%s,%q:%s,%q:%s}`, strings.TrimSuffix(others, "}"), name, first, name, second))
	}
	for name, token := range map[string]string{
		"alg none":                        encoded(`{"alg":"none"}`) + "." + encoded(claims) + ".",
		"alg none, with a kid":            encoded(`{"alg":"none","kid":"rsa"}`) + "." + encoded(claims) + ".",
		"alg nOnE":                        encoded(`{"alg":"nOnE","kid":"rsa"}`) + "." + encoded(claims) + ".",
		"no alg":                          encoded(`{"kid":"rsa"}`) + "." + encoded(claims) + ".",
		"HS256 with the public key, PEM":  forged(`{"alg":"HS256","kid":"rsa"}`, claims, inPEM),
		"HS256 with the public key, DER":  forged(`{"alg":"HS256","kid":"rsa"}`, claims, public),
		"HS256 with the modulus":          forged(`{"alg":"HS256","kid":"rsa"}`, claims, rsaKey().N.Bytes()),
		"RS256 with an HMAC":              forged(`{"alg":"RS256","kid":"rsa"}`, claims, inPEM),
		"another key under a known id":    other.sign(t, p.claimsFor("eve")),
		"another algorithm of the key":    signer{"rsa", jose.PS256, rsaKey()}.sign(t, p.claimsFor("eve")),
		"an algorithm that is not listed": signer{"rsa", jose.RS512, rsaKey()}.sign(t, p.claimsFor("eve")),
		"other claims under a signature":  parts[0] + "." + encoded(claims) + "." + parts[2],
		"a signature that is cut":         valid[:len(valid)-4],
		"no signature":                    parts[0] + "." + parts[1] + ".",
		"two parts":                       parts[0] + "." + parts[1],
		"four parts":                      valid + ".x",
		"five parts, as encrypted":        valid + ".x.y",
		"JSON serialization":              `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"not base64":                      "a!.b!.c!",
		"blanks inside":                   strings.Replace(valid, ".", ". ", 1),
		"a critical header":               forged(`{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}`, claims, inPEM),
		"a key in the header":             forged(`{"alg":"RS256","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"}}`, claims, inPEM),
		"a URL of keys in the header":     forged(`{"alg":"RS256","jku":"http://127.0.0.1:1/keys"}`, claims, inPEM),
		"empty":                           "",
		"a dot":                           ".",
		"two dots":                        "..",
		"expired":                         good.sign(t, with(p.claimsFor("a"), map[string]any{"exp": now.Add(-31 * time.Second).Unix()})),
		"not valid yet":                   good.sign(t, with(p.claimsFor("a"), map[string]any{"nbf": now.Add(40 * time.Second).Unix()})),
		"issued later":                    good.sign(t, with(p.claimsFor("a"), map[string]any{"iat": now.Add(40 * time.Second).Unix()})),
		"never expires":                   good.sign(t, with(p.claimsFor("a"), map[string]any{"exp": nil})),
		"exp as text":                     good.sign(t, with(p.claimsFor("a"), map[string]any{"exp": "9999999999"})),
		"exp null":                        good.signBytes(t, []byte(`{"iss":"`+p.URL+`","aud":"web","exp":null}`)),
		"exp twice": good.signBytes(t,
			fmt.Appendf(nil, `{"iss":%q,"aud":"web","exp":1,"exp":%d}`, p.URL, now.Add(time.Hour).Unix())),
		"sub twice":           twice("sub", `"alice"`, `"root"`),
		"aud twice":           twice("aud", `"admin"`, `"web"`),
		"iss twice":           twice("iss", `"https://evil.example"`, `"`+p.URL+`"`),
		"a role twice":        twice("role", `"user"`, `"admin"`),
		"exp out of range":    good.signBytes(t, fmt.Appendf(nil, `{"iss":%q,"aud":"web","exp":1e300}`, p.URL)),
		"another issuer":      good.sign(t, with(p.claimsFor("a"), map[string]any{"iss": "https://evil.example"})),
		"the issuer and more": good.sign(t, with(p.claimsFor("a"), map[string]any{"iss": p.URL + "/"})),
		"no issuer":           good.sign(t, with(p.claimsFor("a"), map[string]any{"iss": nil})),
		"another audience":    good.sign(t, with(p.claimsFor("a"), map[string]any{"aud": "admin"})),
		"no audience":         good.sign(t, with(p.claimsFor("a"), map[string]any{"aud": nil})),
		"claims are a list":   good.signBytes(t, []byte(`[]`)),
		"claims are null":     good.signBytes(t, []byte(`null`)),
		"claims are no JSON":  good.signBytes(t, []byte(`{"exp":`)),
		"too long":            good.sign(t, with(p.claimsFor("a"), map[string]any{"x": strings.Repeat("x", maxToken)})),
	} {
		t.Run(name, func(t *testing.T) {
			id, end := r.Authenticate(t.Context(), guarded(), bearing(token))
			require.NotNil(t, end)
			assert.Nil(t, id)
			assert.Equal(t, ending.Unauthenticated, end.Code, end.Message)
			assert.Equal(t, ending.ByAuth, end.Reason)
			assert.False(t, end.Retry, "the same token would be refused again")
			assert.Equal(t, http.StatusUnauthorized, end.HTTPStatus)
			for _, part := range strings.Split(token, ".") {
				if len(part) > 8 {
					assert.NotContains(t, string(end.JSON()), part, "an error repeats nothing of a token")
				}
			}
		})
	}
	id, end := r.Authenticate(t.Context(), guarded(), bearing(valid))
	require.Nil(t, end)
	assert.Equal(t, "jwt.corp:alice", id.Subject)
}

func TestAnAlgorithmMustBeListed(t *testing.T) {
	rs, ec := signer{"rsa", jose.RS256, rsaKey()}, ecSigner(t, "ec")
	p := newProvider(t, rs, ec)
	j := p.discovered()
	j.Algorithms = []config.Algorithm{config.ES256}
	r := newRoom(t, config.Auth{JWT: []*config.JWT{j}})
	_, end := r.Authenticate(t.Context(), guarded(), bearing(rs.sign(t, p.claimsFor("a"))))
	require.NotNil(t, end)
	assert.Equal(t, ending.Unauthenticated, end.Code)
	_, end = r.Authenticate(t.Context(), guarded(), bearing(ec.sign(t, p.claimsFor("a"))))
	assert.Nil(t, end)
}

// A made-up id of a key causes no request to the provider but one for its keys, and a flood of them only one in ten seconds.
func TestMadeUpKeyIDsDoNotFloodTheProvider(t *testing.T) {
	good := ecSigner(t, "k1")
	p := newProvider(t, good)
	var paths []string
	r := newRoom(t, config.Auth{JWT: []*config.JWT{p.discovered()}})
	p.misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		paths = append(paths, r.URL.Path) // no two requests at once, since the ring has one goroutine
		return false
	})
	backdate(r)
	before := p.fetches.Load()
	for i := range 200 {
		eve := good
		eve.id = []string{
			"../../etc/passwd", "http://evil.example/keys", "k1\x00", "", "K1", strings.Repeat("k", 4096), "'; DROP TABLE keys",
		}[i%7]
		if eve.id == "" {
			eve = ecSigner(t, fmt.Sprint("made-up-", i))
		}
		_, end := r.Authenticate(t.Context(), guarded(), bearing(eve.sign(t, p.claimsFor("eve"))))
		require.NotNil(t, end, eve.id)
		assert.NotContains(t, end.Message, "passwd")
		if i == 0 {
			assert.Equal(t, ending.Unauthenticated, end.Code, "the keys were looked at again")
			assert.False(t, end.Retry)
		} else {
			assert.Equal(t, ending.Unavailable, end.Code, "whether there is such a key is not known")
			assert.True(t, end.Retry)
		}
	}
	assert.EqualValues(t, 1, p.fetches.Load()-before)
	assert.Equal(t, []string{"/keys"}, paths)
	_, end := r.Authenticate(t.Context(), guarded(), bearing(good.sign(t, p.claimsFor("alice"))))
	assert.Nil(t, end, "meanwhile others are let in")
}

// backdate makes the newest load of keys long ago.
func backdate(r *Room) {
	for _, i := range r.rules.Load().issuers {
		i.ring.mu.Lock()
		i.ring.began = time.Now().Add(-time.Hour)
		i.ring.mu.Unlock()
	}
}
