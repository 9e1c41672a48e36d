package front

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhetherASocketIsWhereItShouldBe(t *testing.T) {
	for _, tt := range []struct {
		address, socket string
		same            bool
	}{
		{":8080", "[::]:8080", true},
		{":8080", "0.0.0.0:8080", true},
		{"0.0.0.0:8080", "[::]:8080", true},
		{"[::]:8080", "0.0.0.0:8080", true},
		{":8080", "[::]:80", false},
		{":0", "[::]:80", true},
		{":http", "[::]:80", true},
		{":8080", "127.0.0.1:8080", false},     // others could not reach it
		{"127.0.0.1:8080", "[::]:8080", false}, // others could reach it
		{"127.0.0.1:8080", "127.0.0.1:8080", true},
		{"127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", true},
		{"127.0.0.1:8080", "[::1]:8080", false},
		{"localhost:8080", "127.0.0.1:8080", true},
		{"localhost:8080", "[::1]:8080", true},
		{"localhost:8080", "10.0.0.1:8080", false},
		{"bridge.example:8080", "10.0.0.1:8080", true},
		{"bridge.example:8080", "10.0.0.1:80", false},
		{"8080", "[::]:8080", false},
	} {
		assert.Equal(t, tt.same, sameAddress(tt.address, netip.MustParseAddrPort(tt.socket)), "%s and %s", tt.address, tt.socket)
	}
}
