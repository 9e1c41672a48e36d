package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// rsaOf returns a key with a modulus of so many bits. The key verifies nothing.
func rsaOf(bits uint) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

func ecOf(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return key
}

// keySetText returns the JSON of a key set.
func keySetText(t *testing.T, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	require.NoError(t, err)
	return text
}

// A key counts only where it verifies tokens, and only for the algorithms that fit it.
func TestWhichKeysVerifyTokens(t *testing.T) {
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p256 := ecOf(t, elliptic.P256())
	rsaAlgorithms := []config.Algorithm{config.RS256, config.RS384, config.RS512, config.PS256, config.PS384, config.PS512}
	for name, tt := range map[string]struct {
		key  jose.JSONWebKey
		want []config.Algorithm // nil where the key does not count
	}{
		"RSA, 2048 bits":       {jose.JSONWebKey{Key: rsaOf(2048)}, rsaAlgorithms},
		"RSA, 4096 bits":       {jose.JSONWebKey{Key: rsaOf(4096)}, rsaAlgorithms},
		"RSA, too small":       {jose.JSONWebKey{Key: rsaOf(2047)}, nil},
		"RSA, far too small":   {jose.JSONWebKey{Key: rsaOf(1024), Algorithm: "RS256", Use: "sig"}, nil},
		"RSA, too large":       {jose.JSONWebKey{Key: rsaOf(16385)}, nil},
		"RSA, one algorithm":   {jose.JSONWebKey{Key: rsaOf(2048), Algorithm: "PS384"}, []config.Algorithm{config.PS384}},
		"RSA, another kind":    {jose.JSONWebKey{Key: rsaOf(2048), Algorithm: "ES256"}, nil},
		"RSA, for encryption":  {jose.JSONWebKey{Key: rsaOf(2048), Algorithm: "RSA-OAEP"}, nil},
		"use sig":              {jose.JSONWebKey{Key: rsaOf(2048), Use: "sig"}, rsaAlgorithms},
		"use enc":              {jose.JSONWebKey{Key: rsaOf(2048), Use: "enc"}, nil},
		"use enc, RS256":       {jose.JSONWebKey{Key: rsaOf(2048), Use: "enc", Algorithm: "RS256"}, nil},
		"use enc, EC":          {jose.JSONWebKey{Key: p256.Public(), Use: "enc"}, nil},
		"another use":          {jose.JSONWebKey{Key: rsaOf(2048), Use: "SIG"}, nil},
		"P-256":                {jose.JSONWebKey{Key: p256.Public()}, []config.Algorithm{config.ES256}},
		"P-256, private":       {jose.JSONWebKey{Key: p256}, []config.Algorithm{config.ES256}},
		"P-256, another curve": {jose.JSONWebKey{Key: p256.Public(), Algorithm: "ES384"}, nil},
		"P-384":                {jose.JSONWebKey{Key: ecOf(t, elliptic.P384()).Public()}, []config.Algorithm{config.ES384}},
		"P-521":                {jose.JSONWebKey{Key: ecOf(t, elliptic.P521()).Public()}, []config.Algorithm{config.ES512}},
		"Ed25519":              {jose.JSONWebKey{Key: ed}, []config.Algorithm{config.EdDSA}},
		"symmetric":            {jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), Algorithm: "HS256"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tt.key.KeyID = "k"
			alone, err := parseKeys(keySetText(t, tt.key))
			if tt.want == nil {
				require.ErrorContains(t, err, "found none among 1 keys")
			} else {
				require.NoError(t, err)
				require.Len(t, alone, 1)
				assert.True(t, alone[0].IsPublic())
				assert.Equal(t, tt.want, algorithmsOf(alone[0]))
			}
			// A key that does not count spoils no other.
			both, err := parseKeys(keySetText(t, tt.key, jose.JSONWebKey{Key: ed, KeyID: "other"}))
			require.NoError(t, err)
			assert.Equal(t, tt.want != nil, both.hasID("k"))
			assert.True(t, both.hasID("other"))
		})
	}
}

// All keys of a set count, those that verify no tokens included.
func TestASetHasABoundedNumberOfKeys(t *testing.T) {
	good, symmetric := jose.JSONWebKey{Key: ecOf(t, elliptic.P256()).Public()}, jose.JSONWebKey{Key: []byte("secret")}
	for name, tt := range map[string]struct {
		good, others int
		want         string // "" where the set can be used
	}{
		"as many as may be":        {good: maxKeys},
		"one more":                 {good: maxKeys + 1, want: "expected at most 200 keys, found 201"},
		"one more, of no use":      {good: maxKeys, others: 1, want: "expected at most 200 keys, found 201"},
		"as many, with one of use": {good: 1, others: maxKeys - 1},
	} {
		t.Run(name, func(t *testing.T) {
			var set []jose.JSONWebKey
			for range tt.others {
				set = append(set, symmetric)
			}
			for range tt.good {
				set = append(set, good)
			}
			keys, err := parseKeys(keySetText(t, set...))
			if tt.want != "" {
				require.EqualError(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			assert.Len(t, keys, tt.good)
		})
	}
}
