package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestShares(t *testing.T) {
	cfg := load(t, "shared.yaml")
	assert.Empty(t, cfg.Warnings)
	defaults := config.Share{
		LateJoin:   config.LateJoin{Mode: config.LateJoinLatestBy, Field: "quote.symbol", Keys: 10000},
		Replay:     config.Replay{Events: 10, Bytes: 4 << 20, Age: time.Minute},
		SlowClient: config.SlowClientDisconnect,
		CatchUp:    4,
		Cluster:    true,
	}
	assert.Equal(t, &defaults, cfg.Defaults.Share)

	shares := make(map[string]*config.Share)
	for _, r := range cfg.Routes {
		shares[r.Path] = r.Share
	}
	since, all := defaults, defaults
	since.CatchUp = 0
	since.LateJoin = config.LateJoin{Mode: config.LateJoinSince, Field: "snapshot"}
	all.LateJoin = config.LateJoin{Mode: config.LateJoinAll}
	assert.Equal(t, map[string]*config.Share{
		"/defaults": &defaults,
		"/every": {
			LateJoin:    config.LateJoin{Mode: config.LateJoinLatestBy, Field: "symbol", Keys: 5},
			Replay:      config.Replay{Events: 1, Bytes: 64 << 10, Age: 2 * time.Second},
			SlowClient:  config.SlowClientSkip,
			Linger:      time.Minute,
			ReopenAfter: time.Hour,
			CatchUp:     100,
			Cluster:     true,
		},
		"/since": &since,
		"/all":   &all,
		"/off":   nil,
	}, shares)
}

// The documentation shows `share` with its defaults, and with a late_join.
func TestSharesHaveTheDocumentedDefaults(t *testing.T) {
	for _, share := range []string{
		"{late_join: latest}",
		"{late_join: latest, replay: {}}",
		"{late_join: latest, replay: {events: 1024, bytes: 4MiB, age: 5m}, slow_client: disconnect, linger: 10s, reopen_after: off, catch_up: 4}",
	} {
		cfg, err := config.Parse("a.yaml", fmt.Appendf(nil, "upstreams: {a: {target: b}}\nroutes:\n"+
			"  - {path: /a, rpc: b.C/D, event: {id: c}, request: {set: {after: '${last_event_id}'}}, share: %s}\n", share))
		require.NoError(t, err)
		assert.Equal(t, &config.Share{
			LateJoin:   config.LateJoin{Mode: config.LateJoinLatest},
			Replay:     config.Replay{Events: 1024, Bytes: 4 << 20, Age: 5 * time.Minute},
			SlowClient: config.SlowClientDisconnect,
			Linger:     10 * time.Second,
			CatchUp:    4,
			Cluster:    true,
		}, cfg.Routes[0].Share, share)
		assert.Equal(t, config.NewShare(config.LateJoin{Mode: config.LateJoinLatest}), cfg.Routes[0].Share)
		assert.Empty(t, cfg.Warnings)
	}
}

// A share that is valid in a file is also valid in a Go program.
func TestSharesOfAFileAreValidInGo(t *testing.T) {
	for _, r := range load(t, "shared.yaml").Routes {
		assert.Empty(t, r.Validate(), r.Path)
	}
}

// The id of a shared route may come from an annotation, which is known only with the schema.
func TestAnnotatedUpstreamsMayHaveIDsToShare(t *testing.T) {
	const file = "upstreams: {a: {target: b, annotations: %s}}\nroutes: [{path: /a, rpc: b.C/D, share: {late_join: latest}}]\n"
	for annotations, warnings := range map[string]int{"true": 0, "false": 1} {
		cfg, err := config.Parse("a.yaml", fmt.Appendf(nil, file, annotations))
		require.NoError(t, err)
		assert.Len(t, cfg.Warnings, warnings, annotations)
	}
}

// `share` in `defaults` may lack keys that each shared route has itself.
func TestSharesOfDefaultsMayBeIncomplete(t *testing.T) {
	const file = "upstreams: {a: {target: b, annotations: %s}}\ndefaults: {share: {linger: 1m}, event: {id: c}}\n" +
		"routes: [{path: /a, rpc: b.C/D, share: {late_join: all}}]\n"
	cfg, err := config.Parse("a.yaml", fmt.Appendf(nil, file, "false"))
	require.NoError(t, err)
	assert.Equal(t, config.LateJoinAll, cfg.Routes[0].Share.LateJoin.Mode)
	assert.Equal(t, time.Minute, cfg.Routes[0].Share.Linger)

	_, err = config.Parse("a.yaml", fmt.Appendf(nil, file, "true"))
	assert.ErrorContains(t, err, "a.yaml:2:12: defaults.share: `late_join` is missing")
}
