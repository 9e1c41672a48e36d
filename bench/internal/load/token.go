package load

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Cookie is the name of the cookie with a browser's token.
const Cookie = "session"

// Audience is the `aud` of the tokens.
const Audience = "web"

// Token says what tokens browsers have.
type Token struct {
	Key  jose.JSONWebKey `json:"key"`  // private, ES256
	Life time.Duration   `json:"life"` // from the opening of a connection to `exp`; whole seconds count
}

// NewToken returns tokens with a new key.
func NewToken(life time.Duration) (*Token, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Token{Key: jose.JSONWebKey{Key: key, KeyID: "crowd", Algorithm: string(jose.ES256), Use: "sig"}, Life: life}, nil
}

// KeySet returns the public keys of the tokens, as a JSON Web Key Set.
func (t *Token) KeySet() ([]byte, error) {
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{t.Key.Public()}})
}

// mint returns a fresh token, and when it expires.
func (t *Token) mint(now time.Time) (string, time.Time, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: t.Key}, nil)
	if err != nil {
		return "", time.Time{}, err
	}
	expires := now.Add(t.Life).Truncate(time.Second)
	text, err := jwt.Signed(signer).Claims(jwt.Claims{
		Subject: "reader", Audience: jwt.Audience{Audience}, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(expires),
	}).Serialize()
	return text, expires, err
}
