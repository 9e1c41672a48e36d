package memory

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheMemoryLimitIsThatOfTheControlGroup(t *testing.T) {
	failing := func(err error) memlimit.Provider { return func() (uint64, error) { return 0, err } }
	for name, tt := range map[string]struct {
		limit  memlimit.Provider
		given  string
		want   int64
		logged string
	}{
		"a limit":                    {memlimit.Limit(1000 << 20), "", 900 << 20, "level=INFO msg=\"memory limit\" GOMEMLIMIT=943718400"},
		"the operator's own":         {memlimit.Limit(1000 << 20), "2GiB", math.MaxInt64, ""},
		"none":                       {failing(memlimit.ErrNoLimit), "", math.MaxInt64, ""},
		"no control group":           {failing(memlimit.ErrNoCgroup), "", math.MaxInt64, ""},
		"a system without them":      {failing(memlimit.ErrCgroupsNotSupported), "", math.MaxInt64, ""},
		"one that cannot be read":    {failing(errors.New("broken")), "", math.MaxInt64, "level=WARN"},
		"one that is beyond a limit": {memlimit.Limit(math.MaxUint64), "", math.MaxInt64, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", tt.given)
			if tt.given == "" {
				require.NoError(t, os.Unsetenv("GOMEMLIMIT"))
			}
			before := debug.SetMemoryLimit(math.MaxInt64)
			defer debug.SetMemoryLimit(before)
			var text strings.Builder
			limit(slog.New(slog.NewTextHandler(&text, nil)), tt.limit)
			assert.Equal(t, tt.want, debug.SetMemoryLimit(-1))
			if tt.logged == "" {
				assert.Empty(t, text.String())
			} else {
				assert.Contains(t, text.String(), tt.logged)
			}
		})
	}
}
