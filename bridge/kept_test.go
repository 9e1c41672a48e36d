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

func TestAStreamKeepsNoHeaderThatItsRouteDoesNotRead(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/watch/x", nil)
	r.Header.Set("X-Tenant", "acme")
	r.Header.Set("Traceparent", "00")
	r.Header.Set("Cookie", strings.Repeat("x", 60_000))
	r.Header.Set("X-Other", strings.Repeat("x", 60_000))
	cfg := config.NewRoute("/watch/{topic}")
	cfg.Metadata.Forward = []string{"x-tenant"}
	kept := request.New(r).Head.Keep(route.HeadersRead(cfg))
	assert.Equal(t, http.Header{"X-Tenant": {"acme"}, "Traceparent": {"00"}}, kept.Header)
}
