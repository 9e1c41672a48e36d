package bridgetest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// NewBridge serves a configuration on a loopback port until the test ends, and returns the URL of the server without a slash at the
// end. cfg may be nil where options bring all routes. The server speaks HTTP/1.1 and HTTP/2 without TLS, and parks connections as
// the program grpcsse does ([bridge.Bridge.Park]).
//
// NewBridge waits until the schemas are loaded. The test fails with all problems of the configuration, also with those that only
// the schema shows, such as a method that does not exist. The bridge logs warnings to the test, unless opts have another logger.
//
// To test a bridge behind middleware, or with an upstream that is down at first, use [bridge.New] and a server of your own. [Open]
// works with any URL.
func NewBridge(tb testing.TB, cfg *config.Config, opts ...bridge.Option) (b *bridge.Bridge, url string) {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := bridge.New(tb.Context(), cfg, append([]bridge.Option{bridge.WithLogger(log)}, opts...)...)
	if err != nil {
		tb.Fatalf("bridgetest: the configuration has problems:\n%v", err)
	}
	web := httptest.NewUnstartedServer(b)
	tb.Cleanup(func() {
		web.CloseClientConnections()
		if err := b.Close(); err != nil {
			tb.Errorf("bridgetest: close the bridge: %v", err)
		}
		web.Close()
	})
	ready, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := b.Ready(ready); err != nil {
		tb.Fatalf("bridgetest: the schemas of the upstreams are not loaded within %s: %v", patience, err)
	}
	if problems := b.Problems(); slices.ContainsFunc(problems, func(p *config.Problem) bool { return !p.Warning }) {
		tb.Fatalf("bridgetest: the configuration has problems:\n%v", problems)
	}
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	if err := b.Park(web.Config); err != nil {
		tb.Fatalf("bridgetest: park connections: %v", err)
	}
	web.Start()
	return b, web.URL
}
