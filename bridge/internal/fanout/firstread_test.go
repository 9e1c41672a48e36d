package fanout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// A page that has its response open may have loaded its state, so that it misses what the upstream sent between two epochs. A
// client that waits for the header of its response has nothing to load again.
func TestOnlyASubscriberThatHasReadIsToldOfANewEpoch(t *testing.T) {
	for name, tt := range map[string]struct {
		first func(c *client)
		told  []string
	}{
		"came just now":            {func(*client) {}, nil},
		"waits for the first word": {func(c *client) { c.End() }, nil},
		"has its response open":    {func(c *client) { c.read() }, []string{`reset: epoch ""`}},
	} {
		t.Run(name, func(t *testing.T) {
			inCluster(t, 2, fanout.Settings{}, func(all []*replica) {
				b := all[1].join(fanout.Newcomer{})
				all[0].join(fanout.Newcomer{})
				up := all[0].lead(1)
				all[1].follow()
				up.accept()
				all[1].pull(all[0])
				tt.first(b)
				up = all[1].lead(2)
				up.accept()
				require.NoError(t, up.send("9"))
				assert.Equal(t, append(tt.told, "9"), b.read())
			})
		})
	}
}
