package auth

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// The earlier expiry counts, with its own leeway: a program gives none.
func TestTheEarlierExpiryCounts(t *testing.T) {
	soon, late := time.Unix(1000, 0), time.Unix(2000, 0)
	never := time.Time{}
	for name, tt := range map[string]struct {
		auth, grant, want time.Time
		leeway            time.Duration
	}{
		"neither":            {auth: never, grant: never, want: never},
		"the auth alone":     {auth: soon, grant: never, want: soon, leeway: time.Minute},
		"the program alone":  {auth: never, grant: soon, want: soon},
		"the auth first":     {auth: soon, grant: late, want: soon, leeway: time.Minute},
		"the program first":  {auth: late, grant: soon, want: soon},
		"both at one moment": {auth: soon, grant: soon, want: soon, leeway: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			id := &Identity{Expires: tt.auth, From: config.InQuery}
			if !tt.auth.IsZero() {
				id.Leeway = time.Minute
			}
			all := granted(id, &Grant{Expires: tt.grant})
			assert.Equal(t, tt.want, all.Expires)
			assert.Equal(t, tt.leeway, all.Leeway)
			assert.Equal(t, config.InQuery, all.From)
			assert.Equal(t, tt.auth, id.Expires, "the identity does not change")
		})
	}
	assert.Equal(t, soon, granted(nil, &Grant{Expires: soon}).Expires)
}

// A program names its callers in a space of its own, so that none of them has the subject of a caller of the `auth`.
func TestSubjectsOfAProgram(t *testing.T) {
	for name, tt := range map[string]struct {
		auth  *Identity
		grant string
		want  string
	}{
		"neither":           {},
		"the program alone": {grant: "alice", want: "program:alice"},
		"the auth alone":    {auth: &Identity{Subject: "jwt.corp:alice"}, want: "jwt.corp:alice"},
		"both":              {auth: &Identity{Subject: "jwt.corp:alice"}, grant: "bob", want: "program:bob"},
		"that of the auth":  {auth: &Identity{Subject: "jwt.corp:alice"}, grant: "jwt.corp:bob", want: "program:jwt.corp:bob"},
		"a prefix":          {grant: "program:alice", want: "program:program:alice"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, tt.want, granted(tt.auth, &Grant{Subject: tt.grant}).Subject)
		})
	}
}

// The claims of a program stand before those of the `auth`, and stay as they were when the caller came.
func TestClaimsOfAProgram(t *testing.T) {
	below := request.ClaimTexts{"team": "red", "plan": "free"}
	given := map[string]string{"plan": "gold", "empty": ""}
	all := granted(&Identity{Claims: below}, &Grant{Claims: given}).Claims
	given["plan"], given["late"] = "changed", "x"
	for name, want := range map[string]string{"team": "red", "plan": "gold", "empty": ""} {
		text, ok := all.Claim(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, text, name)
	}
	for name, claims := range map[string]request.Claims{
		"both": all, "neither": granted(nil, &Grant{}).Claims,
		"the program alone": granted(nil, &Grant{Claims: map[string]string{"a": "b"}}).Claims,
	} {
		_, ok := claims.Claim("late")
		assert.False(t, ok, name)
	}
	tokens := claims{"roles": []any{"admin"}}
	kept, ok := granted(&Identity{Claims: tokens}, &Grant{}).Claims.(listClaims)
	require.True(t, ok, "claims beside which the program has none stay lists")
	assert.True(t, kept.has("roles", "admin"))
}

// Both checks are made again, as often as the more frequent one. The one of the `auth` comes first.
func TestBothChecksAreMadeAgain(t *testing.T) {
	refusedBy := func(who string) *ending.Ending { return ending.Refuse(ending.PermissionDenied, ending.ByRevoked, who) }
	for name, tt := range map[string]struct {
		auth, program time.Duration // 0 where there is no check
		again         time.Duration
		refuse        string
		calls         []string
	}{
		"neither":           {},
		"the auth alone":    {auth: time.Second, again: time.Second, calls: []string{"auth"}},
		"the program alone": {program: time.Second, again: time.Second, calls: []string{"program"}},
		"the auth oftener":  {auth: time.Second, program: time.Minute, again: time.Second, calls: []string{"auth", "program"}},
		"the program oftener": {
			auth: time.Minute, program: time.Second, again: time.Second, calls: []string{"auth", "program"},
		},
		"the auth refuses": {auth: time.Second, program: time.Second, again: time.Second, refuse: "auth", calls: []string{"auth"}},
		"the program refuses": {
			auth: time.Second, program: time.Second, again: time.Second, refuse: "program", calls: []string{"auth", "program"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			check := func(who string) func(context.Context) *ending.Ending {
				return func(context.Context) *ending.Ending {
					if calls = append(calls, who); tt.refuse == who {
						return refusedBy(who)
					}
					return nil
				}
			}
			id, grant := &Identity{}, &Grant{}
			if tt.auth > 0 {
				id.Again, id.Recheck = tt.auth, check("auth")
			}
			if tt.program > 0 {
				grant.Again, grant.Recheck = tt.program, check("program")
			}
			all := granted(id, grant)
			assert.Equal(t, tt.again, all.Again)
			require.Equal(t, len(tt.calls) > 0, all.Recheck != nil)
			if all.Recheck == nil {
				return
			}
			end := all.Recheck(t.Context())
			assert.Equal(t, tt.calls, calls)
			require.Equal(t, tt.refuse != "", end != nil)
			if end != nil {
				assert.Equal(t, tt.refuse, end.Message)
			}
		})
	}
}
