package app

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheCommandForTheNextReplicaHasItsOwnAddress(t *testing.T) {
	for _, tt := range []struct{ args, want []string }{
		{[]string{"serve", "--listen", ":80", "--upstream", "x"}, []string{"serve", "--upstream", "x"}},
		{[]string{"serve", "--upstream", "x", "--listen=:80"}, []string{"serve", "--upstream", "x"}},
		{[]string{"serve", "--listen"}, []string{"serve"}},
		{[]string{"serve", "--listener", "x"}, []string{"serve", "--listener", "x"}},
	} {
		assert.Equal(t, tt.want, withoutFlag(tt.args, "--listen"))
	}
	for address, want := range map[string]string{
		"127.0.0.1:8080": "127.0.0.1:8081", "[::1]:8080": "[::1]:8081", "127.0.0.1:65535": "127.0.0.1:0", "x": "127.0.0.1:0",
	} {
		assert.Equal(t, want, nextAddress(named(address)))
	}
}

// named is an address of a network.
type named string

func (named) Network() string  { return "tcp" }
func (n named) String() string { return string(n) }

var _ net.Addr = named("")
