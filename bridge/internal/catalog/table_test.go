package catalog

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

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
	s := &setup{cfg, []*backend{{cfg: cfg.Upstreams[0], server: &server{}}}}
	before, problem := newTable(s, program, nil)
	require.Nil(t, problem)
	after, problem := newTable(s, program, before)
	require.Nil(t, problem)
	require.Len(t, after.routes, 2)
	for i, rt := range after.routes {
		assert.NotSame(t, before.routes[i], rt)
		assert.Same(t, before.routes[i].Health, rt.Health)
	}
	assert.NotSame(t, after.routes[0].Health, after.routes[1].Health)
}
