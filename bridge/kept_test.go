package bridge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
)

func TestAStreamKeepsNoHeaderAndNoClaimThatItsRouteDoesNotRead(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/watch/x", nil)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("Traceparent", "00")
	r.Header.Set("Cookie", strings.Repeat("x", 60_000))
	r.Header.Set("X-Other", strings.Repeat("x", 60_000))
	cfg := config.NewRoute("/watch/{topic}")
	cfg.Metadata.Forward = []string{"x-tenant"}
	cfg.Metadata.Set = []config.MetadataSetting{{Name: "x-user", Value: config.Reference("claim.sub")}}
	cfg.Request.Set = []config.Setting{{Field: "a", List: []config.Setting{{Value: config.Reference("claim.org.id")}}}}
	assert.Equal(t, []string{"org.id", "sub"}, route.ClaimsRead(cfg))
	req := request.New(r)
	req.Head.Claims = request.ClaimTexts{"sub": "u-1", "org.id": "7", "address": strings.Repeat("x", 60_000)}
	kept := req.Head.Keep(route.HeadersRead(cfg), route.ClaimsRead(cfg))
	assert.Equal(t, request.ClaimTexts{"sub": "u-1", "org.id": "7"}, kept.Claims)
	assert.Equal(t, http.Header{"X-Tenant": {"acme"}, "Traceparent": {"00"}}, kept.Header)
}
