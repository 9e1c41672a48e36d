package bridge

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestABrowserIsSentAwayForNoLongerThanTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &route{cfg: config.NewRoute("/x"), health: &health{}}
		rt.cfg.Event.Retry = 2 * time.Second
		assert.Equal(t, 2*time.Second, rt.retryDelay())
		rt.health.failed()
		time.Sleep(10 * time.Second)
		assert.Equal(t, 10*time.Second, rt.retryDelay(), "as long as opens have failed")
		time.Sleep(time.Hour)
		assert.Equal(t, 30*time.Second, rt.retryDelay())
		rt.cfg.Event.Retry = time.Minute
		assert.Equal(t, time.Minute, rt.retryDelay(), "what the route asks for is no less")
		rt.health.opened()
		rt.cfg.Event.Retry = 2 * time.Second
		assert.Equal(t, 2*time.Second, rt.retryDelay())
	})
}

func TestTheHealthOfARouteOutlivesAChangeOfTheSchema(t *testing.T) {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams:
  test: {target: "localhost:1"}
routes:
  - {path: /a, rpc: a.S/R}
  - {path: /b, rpc: a.S/R}
`))
	require.NoError(t, err)
	program := &program{}
	backends := []*backend{{cfg: cfg.Upstreams[0]}}
	before, problem := newTable(cfg, backends, program, nil)
	require.Nil(t, problem)
	after, problem := newTable(cfg, backends, program, before)
	require.Nil(t, problem)
	require.Len(t, after.routes, 2)
	for i, rt := range after.routes {
		assert.NotSame(t, before.routes[i], rt)
		assert.Same(t, before.routes[i].health, rt.health)
	}
	assert.NotSame(t, after.routes[0].health, after.routes[1].health)
}
