package request

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSameOrigin(t *testing.T) {
	for _, tt := range []struct {
		origin, host string
		tls, want    bool
	}{
		{"http://bridge", "bridge", false, true},
		{"https://bridge", "bridge", true, true},
		{"https://bridge", "bridge", false, true}, // a proxy took TLS away
		{"http://bridge", "bridge", true, false},  // a page without TLS, and another port
		{"HTTPS://Bridge", "bRIDGE", false, true},
		{"http://bridge:80", "bridge", false, true},
		{"http://bridge", "bridge:80", false, true},
		{"https://bridge", "bridge:443", false, true},
		{"https://bridge:443", "bridge", true, true},
		{"https://bridge", "bridge:80", false, false},
		{"http://bridge:8080", "bridge:8080", false, true},
		{"http://bridge:8080", "bridge", false, false},
		{"http://bridge", "bridge:8080", false, false},
		{"http://[::1]:8080", "[::1]:8080", false, true},
		{"http://[::1]", "[0:0:0:0:0:0:0:1]", false, true},
		{"http://[::1]", "[::2]", false, false},
		{"http://bridge.evil.example", "bridge", false, false},
		{"http://evil.example", "bridge", false, false},

		// What is no origin of a page that this host could have.
		{"null", "", false, false},
		{"file://", "", false, false},
		{"http://", "", false, false},
		{"https://", "", true, false},
		{"", "", false, false},
		{"bridge", "bridge", false, false},
		{"//bridge", "bridge", false, false},
		{"file://bridge", "bridge", false, false},
		{"chrome-extension://bridge", "bridge", false, false},
		{"http://evil@bridge", "bridge", false, false},
		{"http://evil:secret@bridge", "bridge", false, false},
		{"http://bridge@evil.example", "bridge", false, false},
		{"http://bridge/", "bridge", false, false},
		{"http://bridge?x", "bridge", false, false},
		{"http://bridge#x", "bridge", false, false},
		{"http://bridge ", "bridge", false, false},
		{"http:bridge", "bridge", false, false},
		{"http://bridge, http://bridge", "bridge", false, false},
		{"http://bridge:port", "bridge", false, false},
		{"http://bridge%00", "bridge", false, false},
		{"http://evil@bridge", "evil@bridge", false, false},
		{"http:// ", " ", false, false},
	} {
		assert.Equal(t, tt.want, sameOrigin(tt.origin, tt.host, tt.tls), "%q on %q, TLS %t", tt.origin, tt.host, tt.tls)
	}
}
