package bridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
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
		cfg, err := read(t, "server: {drain_timeout: 0s}\n"+file)
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

// A route of the program has changed where the entry of `auth` has that lets its callers in: streams that the old entry has let in
// end, and new callers are checked by the new one. Nothing else that a reload brings touches it.
func TestAReloadOfTheAuthOfARouteOfTheProgram(t *testing.T) {
	for name, share := range map[string]*config.Share{"private": nil, "shared": sharedByAll()} {
		t.Run(name, func(t *testing.T) {
			one, two := newIssuer(t), newIssuer(t)
			s := startServer(t, "127.0.0.1:0", untilCancelled)
			route := func(path string) *config.Route {
				own := config.NewRoute(path)
				own.OpenWait, own.Share = time.Millisecond, share
				return own
			}
			guarded, open := route("/own"), route("/open")
			guarded.Auth = &config.RouteAuth{JWT: "corp"}
			const file = "server: {drain_timeout: 0s}\nupstreams: {a: {target: ADDR}}\nroutes: []\n"
			b, err := bridge.New(t.Context(), parse(t, s, file+one.auth("")), bridge.WithRoute(guarded, bridge.Func(never)),
				bridge.WithRoute(open, bridge.Func(never)))
			require.NoError(t, err)
			url := serveHTTP(t, b)
			get := func(path string, i *issuer) *reader {
				t.Helper()
				r := eventSource(t.Context(), t, url+path, "Authorization", "Bearer "+i.token(t, time.Hour, nil))
				return newReader(do(t, clients(t)["HTTP1"], r))
			}
			streams := func() (n int) {
				for range b.Streams(0) {
					n++
				}
				return n
			}
			first, other := get("/own", one), get("/open", one)
			require.NoError(t, b.Reload(t.Context(), parse(t, s, file+one.auth("  warn: 5s\n"))))
			assert.Equal(t, 2, streams(), "the entry is the same")
			require.NoError(t, b.Reload(t.Context(), parse(t, s, file+two.auth(""))))
			requireDrained(t, first)
			require.Eventually(t, func() bool { return streams() == 1 }, patience, time.Millisecond)
			refused := get("/own", one).all(t)
			assert.Contains(t, refused[len(refused)-1].data, "the signature of the token is not valid")
			again := get("/own", two)
			require.NoError(t, b.Reload(t.Context(), parse(t, s, file+two.auth(""))))
			assert.Equal(t, 2, streams())
			require.Error(t, b.Reload(t.Context(), parse(t, s, file)), "the entry of a route is gone")
			assert.Equal(t, 2, streams())
			require.NoError(t, b.Shutdown(t.Context()))
			for _, r := range []*reader{again, other} {
				all := r.all(t)
				assert.Contains(t, all[len(all)-1].data, "shutting down", "the stream has ended with the bridge, and not before")
			}
		})
	}
}

// sharedByAll is a section share whose stream stays for an hour without callers.
func sharedByAll() *config.Share {
	file := "upstreams: {a: {target: x}}\nroutes: [{path: /a, rpc: a.b.C/D, share: {late_join: none, linger: 1h}}]\n"
	cfg, err := config.Parse("share.yaml", []byte(file))
	if err != nil {
		panic(err)
	}
	return cfg.Routes[0].Share
}
