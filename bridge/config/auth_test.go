package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// An issuer and an endpoint that were made in Go are held to the rules of a file.
func TestIssuersAndEndpointsMadeInGo(t *testing.T) {
	good := func() *config.JWT {
		j := config.NewJWT("corp")
		j.Issuer, j.Audience = "https://id.example.com", []string{"web"}
		return j
	}
	require.Empty(t, good().Validate())
	for want, change := range map[string]func(*config.JWT){
		"auth.jwt.corp: expected `issuer`, `jwks_url` or `jwks_file`": func(j *config.JWT) { j.Issuer = "" },
		"auth.jwt.corp.issuer: expected a URL":                        func(j *config.JWT) { j.Issuer = "id" },
		"auth.jwt.corp.jwks_file: a second source":                    func(j *config.JWT) { j.JWKSFile, j.JWKSURL = "a", "https://a" },
		"auth.jwt.corp.algorithms[0]: expected `RS256`":               func(j *config.JWT) { j.Algorithms = []config.Algorithm{"HS256"} },
		"auth.jwt.corp.leeway: expected a duration of at most 5m":     func(j *config.JWT) { j.Leeway = time.Hour },
		"auth.jwt.corp.from[0]: the query parameter": func(j *config.JWT) {
			j.From = []config.TokenSource{{In: config.InQuery, Name: "lastEventId"}}
		},
		"auth.jwt.corp.from[0]: expected `header`": func(j *config.JWT) { j.From = []config.TokenSource{{In: "body"}} },
		"warning: auth.jwt.corp: `audience`":       func(j *config.JWT) { j.Audience = nil },
		"warning: auth.jwt.corp.issuer: keys that": func(j *config.JWT) { j.Issuer = "http://id.example.com" },
	} {
		j := good()
		change(j)
		assert.ErrorContains(t, j.Validate(), want)
	}
	local := good()
	local.Issuer = "http://127.0.0.1:8080"
	assert.Empty(t, local.Validate())
	beside := good()
	beside.Issuer, beside.JWKSURL = "accounts.example", "https://keys.example"
	assert.Empty(t, beside.Validate(), "beside the address of the keys, the issuer is any text")

	ask := config.Ask{Name: "session", URL: "http://auth/check", Forward: []string{"cookie"}}
	require.Empty(t, ask.Validate())
	for want, change := range map[string]func(*config.Ask){
		"auth.ask.session: `url` is missing":     func(a *config.Ask) { a.URL = "" },
		"auth.ask.session.url: expected a URL":   func(a *config.Ask) { a.URL = "http://user:secret@auth" },
		"auth.ask.session.forward: expected at":  func(a *config.Ask) { a.Forward = nil },
		"auth.ask.session.forward[0]: the heade": func(a *config.Ask) { a.Forward = []string{"X-Forwarded-Uri"} },
		"auth.ask.session.again: expected a dur": func(a *config.Ask) { a.Again = time.Millisecond },
	} {
		a := ask
		change(&a)
		assert.ErrorContains(t, a.Validate(), want)
	}
}

func TestRoutesNameWhatAuthHas(t *testing.T) {
	cfg := config.New()
	corp, session := config.NewJWT("corp"), &config.Ask{Name: "session", Claims: []string{"x-user-id"}}
	corp.From = append(corp.From, config.TokenSource{In: config.InQuery, Name: "token"})
	cfg.Auth = config.Auth{JWT: []*config.JWT{corp}, Ask: []*config.Ask{session}}
	set := func(ref string) []config.Setting { return []config.Setting{{Field: "a", Value: config.Reference(ref)}} }
	for name, tt := range map[string]struct {
		auth    *config.RouteAuth
		set     []config.Setting
		query   []string
		program bool
		want    string
	}{
		"in order":                 {auth: &config.RouteAuth{JWT: "corp"}, set: set("claim.sub")},
		"unknown issuer":           {auth: &config.RouteAuth{JWT: "corq"}, want: "auth.jwt: unknown name: expected `corp` of `auth.jwt`, found \"corq\""},
		"unknown endpoint":         {auth: &config.RouteAuth{Ask: "corp"}, want: "auth.ask: unknown name"},
		"neither":                  {auth: &config.RouteAuth{}, want: "auth: expected the name of an entry"},
		"a claim without auth":     {set: set("claim.sub"), want: "request.set.a: ${claim.sub} stands for a claim"},
		"a claim of the program":   {set: set("claim.sub"), program: true},
		"a claim of the endpoint":  {auth: &config.RouteAuth{Ask: "session"}, set: set("claim.x-user-id")},
		"an unknown claim":         {auth: &config.RouteAuth{Ask: "session"}, set: set("claim.sub"), want: `request.set.a: the endpoint "session" gives no claim "sub"`},
		"an unknown requirement":   {auth: &config.RouteAuth{Ask: "session", Require: []config.Requirement{{Claim: "b"}}}, want: "auth.require.b: the endpoint"},
		"the token as a field":     {auth: &config.RouteAuth{JWT: "corp"}, query: []string{"token"}, want: "request.query[0]: the query parameter \"token\" has the token"},
		"the token as a reference": {auth: &config.RouteAuth{JWT: "corp"}, set: set("query.token"), want: "request.set.a: the query parameter"},
		"the parameter elsewhere":  {auth: &config.RouteAuth{Ask: "session"}, set: set("query.token")},
	} {
		r := config.NewRoute("/a")
		r.Auth, r.Request.Set = tt.auth, tt.set
		if tt.query != nil {
			r.Request.QueryAll, r.Request.Query = false, tt.query
		}
		problems := cfg.AuthProblems([]*config.Route{r}, tt.program)
		if tt.want == "" {
			assert.Empty(t, problems, name)
			continue
		}
		require.Len(t, problems, 1, name)
		assert.ErrorContains(t, problems[0], tt.want, name)
	}
}
