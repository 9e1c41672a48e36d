package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestAReloadChangesTheAccessLog(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	f, log := accessed(t, s, "server: {access_log: off}\n"+routeFile())
	client := clients(t)["HTTP1"]
	for _, tt := range []struct {
		setting string
		path    any
	}{{"{values: true}", "/watch/x"}, {"{}", nil}} {
		cfg := parse(t, s, "server: {access_log: "+tt.setting+"}\n"+routeFile())
		require.NoError(t, f.bridge.Reload(t.Context(), cfg))
		newReader(do(t, client, eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
		assert.Equal(t, tt.path, log.await(t, 1)[0]["path"])
	}
}

// A parameter in which a route's callers send their token has any name.
func TestTheParameterOfATokenIsNotInTheAccessLog(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	values := "server: {access_log: {values: true}}\n"
	file := values + "auth: {jwt: {corp: {jwks_file: " + newIssuer(t).file + ", audience: [web], from: [\"query:ticker\"]}}}\n" + routeFile()
	f, log := accessed(t, s, values+routeFile())
	cfg := parse(t, s, file)
	later := parse(t, s, values+routeFile())
	for _, tt := range []struct {
		want any
		next *config.Config
	}{
		{"ticker=a&b=1", cfg},
		{"b=1", later},
		{"b=1", later}, // pages go on sending what the configuration before has asked for
	} {
		resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x?ticker=a&b=1"))
		_ = newReader(resp).drain()
		assert.Equal(t, tt.want, log.await(t, 1)[0]["query"])
		require.NoError(t, f.bridge.Reload(t.Context(), tt.next))
	}
}
