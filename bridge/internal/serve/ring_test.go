package serve

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/uring"
)

// The log says how connections are written to, and why.
func TestTheLogSaysWhetherIOUringIsUsed(t *testing.T) {
	available, err := uring.New(2)
	if err == nil {
		available.Close()
	}
	for name, tt := range map[string]struct {
		server  config.Server
		forbids bool
		want    string
		used    bool
	}{
		"off":       {config.Server{IOUring: config.IOUringOff}, false, `msg="io_uring is not used" reason="server.io_uring is off"`, false},
		"forbidden": {config.Server{IOUring: config.IOUringAuto}, true, `msg="io_uring is not used" reason=forbidden`, false},
		"allowed":   {config.Server{IOUring: config.IOUringAuto}, false, `msg="io_uring is used"`, true},
		"default":   {config.Server{}, false, `msg="io_uring is used"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.used && err != nil {
				t.Skipf("this machine has no io_uring: %v", err)
			}
			r := newRig(t, tt.server)
			defer r.close()
			if tt.forbids {
				r.ring = func(int) (*uring.Ring, error) { return nil, errors.New("forbidden") }
			}
			assert.False(t, r.WritesTogether(), "no loops were started")
			require.NoError(t, r.StartLoops())
			if r.loops.Load() == nil {
				t.Skip("no connection is parked on this system")
			}
			assert.Contains(t, r.text.String(), tt.want)
			assert.Equal(t, tt.used, r.WritesTogether())
		})
	}
}
