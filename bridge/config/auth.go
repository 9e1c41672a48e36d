package config

import (
	"slices"
	"time"
)

// Auth is the `auth:` section: who may read the streams of the routes that ask for it, by [Route.Auth].
type Auth struct {
	// Warn is how long before the end of a caller's credentials the caller is told of the end, by the event grpc-expiring; 0, the
	// default, is never.
	Warn time.Duration
	// JWT are the issuers of tokens, in the order of the file.
	JWT []*JWT
	// Ask are the endpoints that decide about callers, in the order of the file.
	Ask []*Ask
}

// Of returns the entry that decides about the callers of a route. Both results are nil where anybody may read the streams, and
// where the route names an entry that does not exist. a may be nil.
func (a *Auth) Of(r *Route) (*JWT, *Ask) {
	switch {
	case a == nil || r.Auth == nil:
		return nil, nil
	case r.Auth.JWT != "":
		return a.jwtNamed(r.Auth.JWT), nil
	}
	return nil, a.askNamed(r.Auth.Ask)
}

// jwtNamed returns the issuer of tokens with a name, nil where there is none.
func (a *Auth) jwtNamed(name string) *JWT {
	i := slices.IndexFunc(a.JWT, func(j *JWT) bool { return j.Name == name })
	if i < 0 {
		return nil
	}
	return a.JWT[i]
}

// askNamed returns the endpoint with a name, nil where there is none.
func (a *Auth) askNamed(name string) *Ask {
	i := slices.IndexFunc(a.Ask, func(s *Ask) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return a.Ask[i]
}

// JWT says which signed tokens are accepted, and where the keys are that verify them. Exactly one of the following is the
// source of the keys: JWKSURL, JWKSFile, or Issuer where both others are empty.
type JWT struct {
	Name string
	// Issuer is the `iss` that a token must have. It may be empty only beside a JWKSURL or a JWKSFile. Without these two, it is
	// the URL of an OpenID Connect provider, whose keys are found by discovery.
	Issuer string
	// JWKSURL is the URL of a JSON Web Key Set.
	JWKSURL string
	// JWKSFile is the path of a JSON Web Key Set, which is read again when it changes. A relative path in a file starts at that
	// file.
	JWKSFile string
	// Audience are the audiences of which a token must have one. Where it is empty, the audience of a token is not looked at.
	Audience []string
	// Algorithms are the algorithms with which a token may be signed; RS256 and ES256 by default.
	Algorithms []Algorithm
	// Leeway is how far the clocks of the issuer and of the bridge may differ; 30 s by default, and at most 5 min.
	Leeway time.Duration
	// From are the places where a token may stand in a request. The first place that has a token counts. By default it is the
	// header Authorization.
	From []TokenSource

	source
}

// TokenSource is a place where a token may stand in a request.
type TokenSource struct {
	// In is [InHeader], [InCookie] or [InQuery].
	In TokenPlace
	// Name is the name of the cookie or the query parameter. It is empty for [InHeader], which stands for "Authorization: Bearer".
	Name string
}

// Ask says which HTTP endpoint decides about callers, as with nginx's auth_request.
type Ask struct {
	Name string
	// URL is the endpoint. It is asked by GET. A status of 200 to 299 lets the caller in, 401 and 403 refuse the caller.
	URL string
	// Forward are the headers of the caller's request that the endpoint gets, in lower case. There is at least one.
	Forward []string
	// Claims are the headers of the endpoint's answer that become claims of the same names, in lower case. The first one is the
	// subject.
	Claims []string
	// Again is how often the endpoint is asked again about a live stream; 0, the default, is never. It is at least 1 s.
	Again time.Duration

	source
}

// RouteAuth says who may read the streams of a route. Exactly one of JWT and Ask is set.
type RouteAuth struct {
	// JWT is the name of an entry of [Auth.JWT].
	JWT string
	// Ask is the name of an entry of [Auth.Ask].
	Ask string
	// Require are the claims that a caller must have, sorted by name.
	Require []Requirement
}

// Requirement is a claim that a caller must have.
type Requirement struct {
	// Claim is the name of the claim, as after "claim." in a reference.
	Claim string
	// Value is the text of the claim, or of one element where the claim is a list.
	Value string
}

func defaultJWT(name string) *JWT {
	return &JWT{
		Name: name, Algorithms: []Algorithm{RS256, ES256}, Leeway: 30 * time.Second, From: []TokenSource{{In: InHeader}},
	}
}

// NewJWT returns an issuer of tokens with a name. Every setting has the default that it has in a file. Set Issuer, JWKSURL or
// JWKSFile before it is used. Nothing is checked here: [JWT.Validate] does that.
func NewJWT(name string) *JWT {
	j := defaultJWT(name)
	j.source = source{path: keyPath("auth.jwt", name)}
	return j
}
