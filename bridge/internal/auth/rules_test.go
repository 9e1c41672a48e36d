package auth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// A reload keeps the keys of an issuer whose keys have the same source, and an endpoint that is asked the same.
func TestWhatAReloadOfTheConfigurationKeeps(t *testing.T) {
	jwt := func(change func(*config.JWT)) *config.JWT {
		j := config.NewJWT("corp")
		j.Issuer, j.Audience = "https://id.example", []string{"web"}
		change(j)
		return j
	}
	byURL := func(j *config.JWT) { j.JWKSURL = "https://id.example/keys" }
	for name, tt := range map[string]struct {
		before, after func(*config.JWT)
		same          bool
	}{
		"nothing changed":      {func(*config.JWT) {}, func(j *config.JWT) {}, true},
		"another audience":     {func(*config.JWT) {}, func(j *config.JWT) { j.Audience = []string{"api"} }, true},
		"another issuer":       {func(*config.JWT) {}, func(j *config.JWT) { j.Issuer = "https://other.example" }, false},
		"from discovery to it": {func(*config.JWT) {}, byURL, false},
		"another issuer, keys at one address": {
			byURL, func(j *config.JWT) { byURL(j); j.Issuer = "https://other.example" }, true,
		},
		"another address": {byURL, func(j *config.JWT) { j.JWKSURL = "https://id.example/more" }, false},
	} {
		a, b := &issuer{cfg: jwt(tt.before)}, &issuer{cfg: jwt(tt.after)}
		assert.Equal(t, tt.same, a.sameKeys(b), name)
		assert.Equal(t, tt.same, b.sameKeys(a), name)
	}
	ask := func(change func(*config.Ask)) *config.Ask {
		a := &config.Ask{
			Name: "site", URL: "http://site.example/", Forward: []string{"cookie"}, Claims: []string{"x-user-id"}, Again: time.Second,
		}
		change(a)
		return a
	}
	e := &endpoint{cfg: ask(func(*config.Ask) {})}
	assert.True(t, e.sameAs(ask(func(*config.Ask) {})))
	for name, change := range map[string]func(*config.Ask){
		"name": func(a *config.Ask) { a.Name = "other" }, "url": func(a *config.Ask) { a.URL += "x" },
		"forward": func(a *config.Ask) { a.Forward = nil }, "claims": func(a *config.Ask) { a.Claims = []string{"x-role"} },
		"again": func(a *config.Ask) { a.Again = 0 },
	} {
		assert.False(t, e.sameAs(ask(change)), name)
	}
}
