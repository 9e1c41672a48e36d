package request

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestReferencesToARequest(t *testing.T) {
	head := newRequest(http.MethodGet, "http://bridge:8080/", "X-Tenant", "acme", "X-Empty", "", "X-Twice", "a", "X-Twice", "b",
		"Cookie", "session=s1; theme=dark; twice=a", "Cookie", `twice=b; quoted="q"`).Head
	_, ok := head.Reference("claim.sub")
	assert.False(t, ok, "a caller that is not authenticated has no claims")
	head.Claims = ClaimTexts{"sub": "u-1", "a.b": ""}
	for ref, want := range map[string]struct {
		value string
		ok    bool
	}{
		"header.x-tenant": {"acme", true},
		"header.host":     {"bridge:8080", true},
		"header.x-empty":  {"", true},
		"header.x-twice":  {"", false},
		"header.x-other":  {"", false},
		"cookie.session":  {"s1", true},
		"cookie.theme":    {"dark", true},
		"cookie.quoted":   {"q", true},
		"cookie.twice":    {"", false},
		"cookie.Session":  {"", false},
		"cookie.x-tenant": {"", false},
		"claim.sub":       {"u-1", true},
		"claim.a.b":       {"", true},
		"claim.missing":   {"", false},
		"claim.not-kept":  {"", false},
		"header":          {"", false},
		"":                {"", false},
	} {
		kept := head.Keep([]string{"x-tenant", "x-empty", "x-twice", "cookie"}, []string{"sub", "a.b", "missing"})
		for of, h := range map[string]Head{"all of it": head, "a copy": kept} {
			value, ok := h.Reference(ref)
			assert.Equal(t, want.ok, ok, "%s of %s", ref, of)
			assert.Equal(t, want.value, value, "%s of %s", ref, of)
		}
	}
}

func TestACopyHasTheNamedHeadersOnly(t *testing.T) {
	head := newRequest(http.MethodGet, "http://bridge/", "X-Tenant", "a", "X-Tenant", "b", "X-Other", "c").Head
	kept := head.Keep([]string{"x-tenant", "X-TENANT", "x-missing"}, nil)
	assert.Equal(t, Head{Host: "bridge", Header: http.Header{"X-Tenant": {"a", "b"}}}, kept)
	head.Header["X-Tenant"][0] = "changed"
	assert.Equal(t, "a", kept.Header.Get("X-Tenant"), "a change of the original does not change the copy")
	assert.Equal(t, Head{Host: "bridge"}, head.Keep([]string{"x-missing"}, nil), "where there are no such headers, it has none")
}
