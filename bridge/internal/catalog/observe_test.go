package catalog

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// waits counts the streams that wait. It does nothing else.
type waits struct{ began int }

func (w *waits) StreamWaits(string, int)            { w.began++ }
func (w *waits) StreamWaited(string, time.Duration) {}
func (w *waits) Connections(string, int)            {}

// A client can have streams begin to wait as often as it likes. The log has a line now and then, and the observer learns of each.
func TestStreamsThatWaitDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		seen := new(waits)
		h := hooks(slog.New(slog.NewTextHandler(&text, nil)), seen, &config.Upstream{Name: "market"})
		lines := func() int { return strings.Count(text.String(), "a stream waits") }
		for range 100 {
			h.OnWaiting(1)
			h.OnWaiting(2)
		}
		assert.Equal(t, waitLines, lines())
		time.Sleep(waitPeriod - time.Nanosecond)
		h.OnWaiting(1)
		assert.Equal(t, waitLines, lines())
		time.Sleep(time.Nanosecond)
		h.OnWaiting(1)
		assert.Equal(t, waitLines+1, lines())
		assert.Equal(t, 202, seen.began)
	})
}

// A probe that says that the schema was read must not come before the routes that need the schema.
func TestASchemaCountsAsReadOnceItsRoutesAreServed(t *testing.T) {
	c, _ := newCatalog(t, `{upstreams: {a: {target: "localhost:1"}}, routes: [{path: /x, rpc: test.stream.v1.StreamService/Watch}]}`)
	with, _ := snapshots(t)
	u := c.setup().backends[0]
	u.show(with, nil)
	require.False(t, c.table.Load().read[u], "the routes are not compiled against it")
	require.NoError(t, c.rebuild(u.server))
	require.True(t, c.table.Load().read[u])
}
