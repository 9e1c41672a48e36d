package catalog

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
)

// setupOf returns the setup of a file with the schema of the test service. It has the servers of before where an upstream is the
// same.
func setupOf(t *testing.T, file string, before *setup) *setup {
	t.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(file))
	require.NoError(t, err)
	with, _ := snapshots(t)
	s := &setup{cfg: cfg}
	for _, u := range cfg.Upstreams {
		same := before.serverOf(u)
		if same == nil {
			same = newBackend(u, nil).server
			same.setSchema(with)
		}
		s.backends = append(s.backends, &backend{cfg: u, server: same})
	}
	return s
}

const reloadBase = `
upstreams: {a: {target: "localhost:1"}, b: {target: "localhost:2"}}
defaults: {heartbeat: 10s}
routes:
  - {path: /a, upstream: a, rpc: test.stream.v1.StreamService/Watch}
  - {path: /b, upstream: b, name: quotes, rpc: test.stream.v1.StreamService/Watch}
`

func TestAnEditionGoesOnWhereAReloadChangesNothingOfTheRoute(t *testing.T) {
	for name, tt := range map[string]struct {
		change []string // pairs: text of reloadBase, and what takes its place
		a, b   bool     // whether /a and /b go on
	}{
		"nothing":                       {change: nil, a: true, b: true},
		"comments and order":            {change: []string{"\nupstreams", "\n# a comment\n\nupstreams", "{path: /a, upstream: a, ", "{upstream: a, path: /a, "}, a: true, b: true},
		"a setting that is the default": {change: []string{"path: /a,", "path: /a, open_wait: 300ms,"}, a: true, b: true},
		"a setting":                     {change: []string{"path: /a,", "path: /a, open_wait: 1s,"}, b: true},
		"defaults":                      {change: []string{"10s", "20s"}},
		"a path":                        {change: []string{"path: /b,", "path: /b2,"}, a: true},
		"a name":                        {change: []string{"quotes", "prices"}, a: true},
		"a route more":                  {change: []string{"routes:", "routes:\n  - {path: /c, upstream: a, rpc: test.stream.v1.StreamService/Watch}"}, a: true, b: true},
		"an upstream more":              {change: []string{"upstreams: {", `upstreams: {c: {target: "localhost:3"}, `}, a: true, b: true},
		"a target":                      {change: []string{"localhost:2", "localhost:3"}, a: true},
		"metadata of an upstream":       {change: []string{`"localhost:2"`, `"localhost:2", metadata: {x: y}`}, a: true},
		"the name of an upstream":       {change: []string{"b: {", "z: {", "upstream: b", "upstream: z"}, a: true},
		"server":                        {change: []string{"\nupstreams", "\nserver: {hosts: [x]}\nupstreams"}, a: true, b: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &program{}
			before := setupOf(t, reloadBase, nil)
			old, problem := newTable(before, p, nil)
			require.Nil(t, problem)
			next := setupOf(t, strings.NewReplacer(tt.change...).Replace(reloadBase), before)
			now, problem := newTable(next, p, old)
			require.Nil(t, problem)
			goesOn := func(path string) bool {
				i, j := indexOf(old, path), indexOf(now, path)
				return i >= 0 && j >= 0 && old.routes[i].Edition == now.routes[j].Edition
			}
			assert.Equal(t, tt.a, goesOn("/a"), "/a goes on")
			assert.Equal(t, tt.b, goesOn("/b"), "/b goes on")
			for _, rt := range old.routes {
				for _, other := range now.routes {
					if rt.Edition == other.Edition {
						assert.Equal(t, rt.Plan.Digest, other.Plan.Digest, "a route that goes on shares its streams")
					}
				}
			}
		})
	}
}

func indexOf(in *table, path string) int {
	for i, rt := range in.routes {
		if rt.Config.Path == path {
			return i
		}
	}
	return -1
}

// A schema changes the plan of a route, and never its edition.
func TestAnEditionOutlivesSchemas(t *testing.T) {
	c, _ := newCatalog(t, serveAll+"upstreams: {a: {target: 'localhost:1'}, b: {target: 'localhost:2'}}\n"+
		"routes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]\n")
	with, without := snapshots(t)
	edition := c.Routes()[0].Edition
	for _, snap := range []*schema.Snapshot{with, without, nil, with} {
		c.show(t, snap, nil)
		assert.Same(t, edition, c.Routes()[0].Edition)
	}
	derived := c.Routes()[1]
	require.True(t, strings.HasPrefix(derived.Origin, "schema of"))
	c.show(t, with, nil)
	assert.Same(t, derived.Edition, c.Routes()[1].Edition)
}

// Schemas arrive while configurations are installed. The last table has the last schema.
func TestASchemaThatArrivesDuringAReloadIsNotLost(t *testing.T) {
	c, _ := newCatalog(t, reloadBase)
	with, without := snapshots(t)
	late := time.Now().Add(time.Second)
	for round := 0; round < 20 || time.Now().Before(late) && round < 200; round++ {
		next := setupOf(t, strings.Replace(reloadBase, "localhost:1", "localhost:"+strings.Repeat("1", 1+round%4), 1), c.setup())
		next.backends[0].show(nil, nil)
		var running sync.WaitGroup
		running.Go(func() {
			for i := range 10 {
				snap := with
				if i%2 == 0 {
					snap = without
				}
				next.backends[0].show(snap, nil)
				c.schemaChanged(next.backends[0])
			}
		})
		running.Go(func() {
			_, err := c.install(next, func() {})
			assert.NoError(t, err)
		})
		running.Wait()
		rt := c.Routes()[0]
		require.NotNil(t, rt.Plan, "round %d: the schema that came last has the method: %v", round, rt.FirstProblem())
	}
}

func TestRetiredAreTheEditionsThatAreGone(t *testing.T) {
	c, text := newCatalog(t, reloadBase)
	old := c.Routes()
	before := c.setup()
	next := setupOf(t, strings.NewReplacer("path: /a,", "path: /new,").Replace(reloadBase), before)
	next.cfg.Server.DrainTimeout = time.Minute
	asked := time.Now()
	by, err := c.install(next, func() { assert.Same(t, before, c.setup(), "the old routes are in force") })
	require.NoError(t, err)
	assert.WithinDuration(t, asked.Add(time.Minute), by, 10*time.Second)
	at, retired := old[0].Edition.Retired()
	assert.True(t, retired)
	assert.Equal(t, by, at)
	_, retired = old[1].Edition.Retired()
	assert.False(t, retired)
	assert.Contains(t, text.String(), "routes=2 kept=1 changed=0 removed=1 added=1")

	conflict := setupOf(t, reloadBase, c.setup())
	conflict.cfg.Routes[0].Path = "{"
	now := c.table.Load()
	_, err = c.install(conflict, func() { assert.Fail(t, "the configuration is not accepted") })
	require.Error(t, err)
	assert.Same(t, now, c.table.Load(), "an error changes nothing")
	var current []*route.Edition
	for _, rt := range c.Routes() {
		current = append(current, rt.Edition)
		_, retired := rt.Edition.Retired()
		assert.False(t, retired)
	}
	assert.Len(t, current, 2)
}

// A schema may take a route away whose streams go on. A reload that removes the upstream ends them all the same, and where the route
// comes back, they are streams of it again.
func TestAnEditionWithoutARouteIsNotForgotten(t *testing.T) {
	const file = serveAll + "upstreams: {a: {target: 'localhost:1'}}\n"
	with, without := snapshots(t)
	for name, back := range map[string]bool{"gone for good": false, "back again": true} {
		t.Run(name, func(t *testing.T) {
			c, _ := newCatalog(t, file)
			c.show(t, with, nil)
			edition := c.Routes()[0].Edition
			for range 3 { // other tables follow
				c.show(t, without, nil)
			}
			require.Empty(t, c.Routes())
			if back {
				c.show(t, with, nil)
				assert.Same(t, edition, c.Routes()[0].Edition)
			}
			_, retired := edition.Retired()
			require.False(t, retired, "a schema ends no stream")
			next := setupOf(t, "upstreams: {z: {target: 'localhost:9'}}\nroutes: []\n", c.setup())
			_, err := c.install(next, func() {})
			require.NoError(t, err)
			_, retired = edition.Retired()
			assert.True(t, retired)
			assert.Empty(t, c.table.Load().withoutRoute)
		})
	}
}

// A schema may give a route another upstream. The streams of the upstream before end when a reload removes it.
func TestStreamsOfAnUpstreamThatHasLostItsRouteEnd(t *testing.T) {
	const file = "upstreams: {a: {target: 'localhost:1'}, b: {target: 'localhost:2'}}\n" +
		"routes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]\n"
	c, _ := newCatalog(t, file)
	with, without := snapshots(t)
	second := c.setup().backends[1]
	second.show(without, nil)
	c.show(t, with, nil)
	old := c.Routes()[0].Edition
	require.Equal(t, "a", c.Routes()[0].Upstream)
	second.show(with, nil)
	c.show(t, with, nil)
	assert.Same(t, old, c.Routes()[0].Edition, "it is not known now which upstream serves the route")
	c.show(t, without, nil)
	require.Equal(t, "b", c.Routes()[0].Upstream)
	assert.NotSame(t, old, c.Routes()[0].Edition)
	_, err := c.install(setupOf(t, strings.Replace(file, "a: {target: 'localhost:1'}, ", "", 1), c.setup()), func() {})
	require.NoError(t, err)
	_, retired := old.Retired()
	assert.True(t, retired)
}
