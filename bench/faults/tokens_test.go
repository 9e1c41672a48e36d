package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// TestTokensAreRenewed lets the tokens of all streams expire. Each stream ends before its token does, and its browser comes
// back with a fresh one and misses nothing.
func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	p := startTape(t, 4, 64)
	token, err := load.NewToken(20 * time.Second) // streams end within the last fifth
	require.NoError(t, err)
	keys, err := token.KeySet()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, keys, 0o600))
	b := startBridge(t, "drain_timeout: 1s", fmt.Sprintf(`
upstreams: {tape: {target: %q}}
auth: {jwt: {crowd: {jwks_file: %q, audience: [%s], algorithms: [ES256], from: ["cookie:%s"]}}}
routes:
  - {path: "/private/{topic}", rpc: test.stream.v1.StreamService/Watch, auth: {jwt: crowd}}
  - {path: "/shared/{topic}", rpc: test.stream.v1.StreamService/Watch, auth: {jwt: crowd}, share: {late_join: latest}}
`, p.role.Listen, path, load.Audience, load.Cookie))
	before := b.atRest()
	c := startCrowd(t, b.Address)
	private := *streams / 5
	c.open(load.Order{Browsers: private, Path: "/private/{n}", Back: &load.Back{Token: token}})
	c.open(load.Order{Browsers: *streams - private, Path: "/shared/all", Back: &load.Back{Token: token}})
	var seen load.Tally
	eventually(t, func() bool {
		seen = c.tally()
		return seen.Life.Returned >= *streams && seen.Connected == *streams
	}, func() string { return fmt.Sprintf("%+v", seen) })
	requireCurrent(t, p, c)
	seen = requireClean(t, c)
	assert.Zero(t, seen.Resets)
	assert.Zero(t, seen.Life.Broken, "%v", seen.Life.Breaks)
	assert.Equal(t, map[string]int{"UNAUTHENTICATED token_expired": seen.Life.Told}, seen.Life.Reasons)
	// The crowd may be late on a busy machine. If streams ended at the expiry or behind it, all would be overdue.
	assert.Less(t, seen.Life.Overdue, seen.Life.Told)
	t.Logf("%d streams, %d renewals, %d events; %d browsers read the end after the expiry",
		*streams, seen.Life.Returned, seen.Events, seen.Life.Overdue)
	c.leave()
	b.requireRest(before, p)
}
