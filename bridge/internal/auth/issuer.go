package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// issuer verifies the tokens of one entry of `auth.jwt`. Its methods may be called concurrently.
type issuer struct {
	cfg        *config.JWT
	algorithms []jose.SignatureAlgorithm
	ring       *keyring
}

// newIssuer returns an issuer whose keys are not loaded yet, unless they are in a file: a file without keys is a problem.
func newIssuer(cfg *config.JWT, client *http.Client, log *slog.Logger) (*issuer, *config.Problem) {
	i := &issuer{cfg: cfg}
	for _, a := range cfg.Algorithms {
		i.algorithms = append(i.algorithms, jose.SignatureAlgorithm(a))
	}
	name := "jwt." + cfg.Name
	switch {
	case cfg.JWKSFile != "":
		i.ring = newKeyring(name, filePace(), log, func(context.Context, bool) (keySet, error) { return loadFile(cfg.JWKSFile) })
		keys, err := loadFile(cfg.JWKSFile)
		if err != nil {
			return nil, fileProblem(cfg, err)
		}
		i.ring.keys.Store(&keys)
	case cfg.JWKSURL != "":
		i.ring = newKeyring(name, providerPace(), log, func(ctx context.Context, _ bool) (keySet, error) {
			return loadURL(ctx, client, cfg.JWKSURL, shownHost(cfg.JWKSURL))
		})
	default:
		i.ring = newKeyring(name, providerPace(), log, loadDiscovered(client, cfg.Issuer))
	}
	return i, nil
}

// fileProblem returns the problem of a file with keys.
func fileProblem(cfg *config.JWT, err error) *config.Problem {
	return cfg.Problem("jwks_file", "the keys cannot be read: "+err.Error(), "")
}

func loadFile(path string) (keySet, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseKeys(data)
}

// loadURL loads keys. Errors hold of their address only what is shown.
func loadURL(ctx context.Context, client *http.Client, from, shown string) (keySet, error) {
	data, err := fetch(ctx, client, from, shown)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", shown, err)
	}
	return keys, nil
}

// loadDiscovered returns a function that loads the keys of an OpenID Connect provider. For an unknown key alone, it does not
// ask the provider again where the keys are.
func loadDiscovered(client *http.Client, issuer string) func(context.Context, bool) (keySet, error) {
	from := ""
	return func(ctx context.Context, unknown bool) (keySet, error) {
		if from == "" || !unknown {
			found, err := discover(ctx, client, issuer)
			if err != nil {
				return nil, err
			}
			from = found
		}
		shown, _, _ := strings.Cut(from, "?")
		return loadURL(ctx, client, from, shown)
	}
}

// verified is what a valid token says.
type verified struct {
	claims  claims
	subject string
	expires time.Time
}

// verify checks a token at a time.
func (i *issuer) verify(ctx context.Context, token string, now time.Time) (*verified, *ending.Ending) {
	if i.ring.current() == nil {
		return nil, ending.Refuse(ending.Unavailable, ending.ByRoute, "the keys that verify tokens are not loaded yet")
	}
	if len(token) > maxToken {
		return nil, unauthenticated(fmt.Sprintf("expected a token of at most %d bytes, found %d", maxToken, len(token)))
	}
	signed, err := jose.ParseSignedCompact(token, i.algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, unauthenticated(i.malformed(err))
	}
	payload, end := i.open(ctx, signed)
	if end != nil {
		return nil, end
	}
	return i.read(payload, now)
}

// malformed says what is wrong with a token that cannot be parsed. The text of the token is not repeated.
func (i *issuer) malformed(err error) string {
	var algorithm *jose.ErrUnexpectedSignatureAlgorithm
	if errors.As(err, &algorithm) {
		return fmt.Sprintf("expected a token that is signed with one of %v, found another algorithm", i.algorithms)
	}
	return "expected a signed token in the compact form of JSON Web Tokens, found something else"
}

// open returns the payload of a token whose signature is valid.
func (i *issuer) open(ctx context.Context, signed *jose.JSONWebSignature) ([]byte, *ending.Ending) {
	header := signed.Signatures[0].Protected
	algorithm := config.Algorithm(header.Algorithm)
	keys := i.ring.current()
	if unknown := header.KeyID != "" && !keys.hasID(header.KeyID); unknown {
		current := i.ring.lookAgain(ctx)
		if keys = i.ring.current(); !current && !keys.hasID(header.KeyID) {
			return nil, ending.Refuse(ending.Unavailable, ending.ByAuth,
				"the token is signed with a key that is not known, and whether there is such a key cannot be found out now")
		}
	}
	for _, key := range keys.forToken(header.KeyID, algorithm) {
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, unauthenticated("the signature of the token is not valid")
}

// read checks the claims of a token whose signature is valid.
func (i *issuer) read(payload []byte, now time.Time) (*verified, *ending.Ending) {
	var standard jwt.Claims
	// This reader refuses a claim that is there twice.
	if err := josejson.Unmarshal(payload, &standard); err != nil {
		return nil, unauthenticated("the claims of the token cannot be read")
	}
	all, err := parseClaims(payload)
	if err != nil {
		return nil, unauthenticated("the claims of the token cannot be read")
	}
	if standard.Expiry == nil {
		return nil, unauthenticated("the token never expires: expected the claim exp")
	}
	expected := jwt.Expected{Issuer: i.cfg.Issuer, AnyAudience: i.cfg.Audience, Time: now}
	if err := standard.ValidateWithLeeway(expected, i.cfg.Leeway); err != nil {
		return nil, unauthenticated(whyInvalid(err))
	}
	return &verified{all, standard.Subject, standard.Expiry.Time()}, nil
}

// whyInvalid says which claim of a token is wrong.
func whyInvalid(err error) string {
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return "the token is expired"
	case errors.Is(err, jwt.ErrNotValidYet):
		return "the token is not valid yet"
	case errors.Is(err, jwt.ErrIssuedInTheFuture):
		return "the token was issued in the future"
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return "the token is from another issuer"
	case errors.Is(err, jwt.ErrInvalidAudience):
		return "the token is for another audience"
	}
	return "the claims of the token are not valid"
}

func unauthenticated(why string) *ending.Ending {
	return ending.Refuse(ending.Unauthenticated, ending.ByAuth, why)
}
