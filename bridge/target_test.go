package bridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestATargetWithoutAPortGetsAWarning(t *testing.T) {
	const file = `
upstreams:
  test: {target: %q%s, schema: {proto: {files: [annotated.proto], import_paths: [testdata]}}}
routes:
  - {path: "/mine/{topic}", rpc: test.annotated.v1.AnnotatedService/Rule}
`
	for target, want := range map[string]int{
		"127.0.0.1": 1, "::1": 1, "[::1]": 1, "localhost": 1,
		"127.0.0.1:1": 0, "[::1]:1": 0, "localhost:1": 0, "dns:///localhost": 0, "unix:/run/market.sock": 0, "passthrough:///market": 0,
	} {
		for tls, want := range map[string]int{"": want, ", tls: {}": 0} {
			cfg, err := config.Parse("grpcsse.yaml", fmt.Appendf(nil, file, target, tls))
			require.NoError(t, err)
			for name, check := range map[string]func() config.Problems{
				"check":         func() config.Problems { return bridge.Check(t.Context(), cfg) },
				"check offline": func() config.Problems { return bridge.CheckOffline(t.Context(), cfg) },
			} {
				problems := check()
				if assert.Len(t, problems, want, "%s of %q%s", name, target, tls) && want > 0 {
					assert.True(t, problems[0].Warning)
					assert.Equal(t, "upstreams.test.target", problems[0].Path)
					assert.Contains(t, problems[0].Message, "gRPC takes 443")
				}
			}
		}
	}
}

func TestAServerOnTheDefaultPortThatCannotBeReachedIsExplained(t *testing.T) {
	// No server listens on this loopback address.
	for target, want := range map[string]bool{"127.0.0.211": true, "dns:///127.0.0.211": true, "127.0.0.211:1": false} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		problems := bridge.Check(ctx, config.ForUpstream(target))
		cancel()
		require.Len(t, problems, 1, target)
		assert.False(t, problems[0].Warning)
		assert.Equal(t, want, strings.Contains(problems[0].Message, "the target names no port"), problems[0].Message)
	}
}

func TestTargetsThatAFileRefusesAreRefusedInGo(t *testing.T) {
	for _, target := range []string{"http://localhost:50051", "https://localhost", "localhost:", "::1:50051", "localhost:99999", "local host", ""} {
		cfg := config.ForUpstream(target)
		b, err := bridge.New(t.Context(), cfg)
		var problems config.Problems
		if !assert.ErrorAs(t, err, &problems, target) {
			_ = b.Close()
			continue
		}
		assert.Len(t, problems, 1, target)
		assert.Equal(t, problems, bridge.Check(t.Context(), cfg), target)
		assert.Equal(t, problems, bridge.CheckOffline(t.Context(), cfg), target)
	}
}
