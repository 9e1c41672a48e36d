package bridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// A reload that changes what decides about the callers of a route ends the streams of that route, and leaves others alone.
func TestAReloadOfAuth(t *testing.T) {
	i, up := newIssuer(t), &callRecorder{}
	s := startServer(t, "127.0.0.1:0", up.watch)
	file := strings.ReplaceAll(routeFile(`auth: {jwt: corp}`), "ADDR", s.addr) +
		"  - {path: '/open/{topic}', rpc: test.stream.v1.StreamService/Watch}\n"
	f := startFront(t, s, "server: {drain_timeout: 0s}\n"+file+i.auth(""))
	token := i.token(t, time.Hour, nil)
	header := []string{"Authorization", "Bearer " + token}
	guarded := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", header...)))
	open := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/open/x")))
	for _, r := range []*reader{guarded, open} {
		_, err := r.next()
		require.NoError(t, err)
	}
	reload := func(file string) error {
		cfg, err := config.Parse("grpcsse.yaml", []byte("server: {drain_timeout: 0s}\n"+file))
		require.NoError(t, err)
		return f.bridge.Reload(t.Context(), cfg)
	}
	require.NoError(t, reload(file+i.auth("")))
	s.requireStreams(t, 2)
	require.Error(t, reload(file+"auth: {jwt: {corp: {jwks_file: /absent, audience: [web]}}}\n"))
	s.requireStreams(t, 2)
	require.NoError(t, reload(file+strings.ReplaceAll(i.auth(""), "[web]", "[other]")))
	got := guarded.all(t)
	require.Len(t, got, 1)
	assert.Contains(t, got[0].data, `"retry":true,"reason":"drain"`)
	s.requireStreams(t, 1)
	got = newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x", header...))).all(t)
	require.Len(t, got, 1)
	assert.Contains(t, got[0].data, "another audience")
}
