package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/grpcsse/grpcsse/bridge/config"
)

const (
	// maxKeys bounds a set of keys. Providers have up to a dozen.
	maxKeys = 200
	// minRSABits is the smallest key of the RS and PS algorithms (RFC 7518, 3.3 and 3.5).
	minRSABits = 2048
)

// keySet are public keys that verify tokens. It does not change.
type keySet []jose.JSONWebKey

// parseKeys reads a JSON Web Key Set (RFC 7517). It leaves out keys that verify no tokens: those of types that are not known,
// keys for encryption, and keys that are too small. RSA keys of more than [jose.MaxRSAModulusBits] are left out too, since each
// token would cost a long calculation, and so are symmetric keys, since such a key also makes tokens. parseKeys returns an error
// where no key is left.
func parseKeys(data []byte) (keySet, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil || set.Keys == nil {
		return nil, errors.New(`expected a JSON Web Key Set, an object with a list "keys"`)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("expected at most %d keys, found %d", maxKeys, len(set.Keys))
	}
	var keys keySet
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil || !key.Valid() || key.Use != "" && key.Use != "sig" {
			continue
		}
		key = key.Public()
		if len(algorithmsOf(key)) > 0 {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("expected public keys that verify tokens, found none among %d keys", len(set.Keys))
	}
	return keys, nil
}

// algorithmsOf returns the algorithms for which a public key can serve. A key of the wrong kind, or with the wrong curve,
// serves none.
func algorithmsOf(key jose.JSONWebKey) []config.Algorithm {
	fits := algorithmsOfKind(key.Key)
	if key.Algorithm == "" {
		return fits
	}
	for _, a := range fits {
		if string(a) == key.Algorithm {
			return []config.Algorithm{a}
		}
	}
	return nil
}

func algorithmsOfKind(key any) []config.Algorithm {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return nil
		}
		return []config.Algorithm{config.RS256, config.RS384, config.RS512, config.PS256, config.PS384, config.PS512}
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return []config.Algorithm{config.ES256}
		case 384:
			return []config.Algorithm{config.ES384}
		case 521:
			return []config.Algorithm{config.ES512}
		}
	case ed25519.PublicKey:
		return []config.Algorithm{config.EdDSA}
	}
	return nil
}

// forToken returns the keys that may have signed a token: those with the id that the token names, or all where it names none.
func (s keySet) forToken(id string, algorithm config.Algorithm) (keys keySet) {
	for _, key := range s {
		if id != "" && key.KeyID != id {
			continue
		}
		for _, a := range algorithmsOf(key) {
			if a == algorithm {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// hasID reports whether a key has the id.
func (s keySet) hasID(id string) bool {
	for _, key := range s {
		if key.KeyID == id {
			return true
		}
	}
	return false
}
