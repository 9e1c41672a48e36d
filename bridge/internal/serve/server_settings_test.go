package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestNewSettingsApplyToTheNextRequest(t *testing.T) {
	longPost := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/watch", strings.NewReader(`{"topic": "`+strings.Repeat("x", 100)+`"}`))
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	for name, tt := range map[string]struct {
		server  config.Server
		request func() *http.Request
		change  func(*config.Route)
		begin   func(*rig)
		status  int
	}{
		"hosts":   {server: config.Server{Hosts: []string{"other.test"}}, request: get, status: http.StatusMisdirectedRequest},
		"streams": {server: config.Server{Streams: 1}, request: get, begin: func(r *rig) { r.drain.open++ }, status: http.StatusTooManyRequests},
		"request_bytes": {
			server: config.Server{RequestBytes: 50}, request: longPost, change: func(c *config.Route) { c.Body = "*" },
			status: http.StatusRequestEntityTooLarge,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				generous := config.Server{RequestBytes: 1 << 10, Streams: 10}
				r := newRig(t, generous)
				defer r.close()
				r.routes.leadTo(routeTo(t, events(1, nil), tt.change))
				if tt.begin != nil {
					tt.begin(r)
				}
				assert.Equal(t, http.StatusOK, r.ask(tt.request()).Code)
				r.Apply(tt.server)
				assert.Equal(t, tt.status, r.ask(tt.request()).Code)
				r.Apply(generous)
				assert.Equal(t, http.StatusOK, r.ask(tt.request()).Code)
			})
		})
	}
}
