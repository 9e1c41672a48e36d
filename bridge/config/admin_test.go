package config_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// Two listeners clash where the system would refuse the second one.
func TestListenersThatClash(t *testing.T) {
	for _, tt := range []struct {
		listen, health, admin string
		clashes               []string
	}{
		{":8080", ":8081", "127.0.0.1:9091", nil},
		{":8080", "", "", nil},
		{":0", ":0", "127.0.0.1:0", nil},
		{":8080", ":8080", "", []string{"server.health"}},
		{":8080", "127.0.0.1:8080", "", []string{"server.health"}},
		{"127.0.0.1:8080", "0.0.0.0:8080", "", []string{"server.health"}},
		{"10.0.0.1:8080", "127.0.0.1:8080", "[::1]:8080", nil},
		{"localhost:8080", "127.0.0.1:8080", "", []string{"server.health"}},
		{"[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", "", []string{"server.health"}},
		{":8080", ":8081", "127.0.0.1:8081", []string{"server.admin.listen"}},
		{"LOCALHOST:8080", ":8081", "localhost:8080", []string{"server.admin.listen"}},
	} {
		server := config.New().Server
		server.Listen, server.Health = tt.listen, tt.health
		if tt.admin != "" {
			server.Admin = &config.Admin{Listen: tt.admin}
		}
		var paths []string
		for _, p := range server.Validate() {
			paths = append(paths, p.Path)
			assert.Contains(t, p.Message, "takes the address of `server.")
		}
		assert.Equal(t, tt.clashes, paths, "%+v", tt)
	}
}

// Without a token, only this machine may reach the listener for administrators.
func TestAnAdminBeyondLoopbackNeedsAToken(t *testing.T) {
	for listen, loopback := range map[string]bool{
		"127.0.0.1:9091": true, "127.8.9.1:9091": true, "[::1]:9091": true, "localhost:9091": true, "[::ffff:127.0.0.1]:9091": true,
		":9091": false, "0.0.0.0:9091": false, "[::]:9091": false, "10.0.0.1:9091": false, "localhost.example.com:9091": false,
		"[fe80::1]:9091": false,
	} {
		server := config.New().Server
		server.Admin = &config.Admin{Listen: listen}
		problems := server.Validate()
		assert.Equal(t, loopback, len(problems) == 0, listen)
		server.Admin.TokenFile = "token"
		assert.Empty(t, server.Validate(), listen)

		file := "server: {admin: {listen: '" + listen + "'}}\nupstreams: {a: {target: b}}\nroutes: [{path: /a, rpc: a.B/C}]\n"
		_, err := config.Parse("a.yaml", []byte(file))
		if loopback {
			require.NoError(t, err, listen)
			continue
		}
		require.ErrorContains(t, err, "`token_file` is missing", listen)
	}
}
