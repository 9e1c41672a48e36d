package catalog

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/route"
	"github.com/grpcsse/grpcsse/bridge/internal/schema"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// snapshots returns a schema that has test.stream.v1.StreamService, and one that has no service.
func snapshots(t *testing.T) (with, without *schema.Snapshot) {
	t.Helper()
	with, err := schema.FromProgram(streamv1.File_test_stream_v1_stream_proto.Services().Get(0))
	require.NoError(t, err)
	without, err = schema.FromProgram()
	require.NoError(t, err)
	return with, without
}

// show changes the schema of an upstream.
func (u *backend) show(snap *schema.Snapshot, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.snapshot, u.err = snap, err
}

// serveAll is the beginning of a file whose upstream serves all its methods. Outside tests, only flags of the command do that.
const serveAll = "# serve all\n"

// newCatalog returns the catalog for a file. The catalog does not connect to the upstreams. The text receives the log, without
// times.
func newCatalog(t *testing.T, file string) (*Catalog, *strings.Builder) {
	t.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(file))
	require.NoError(t, err)
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	cfg.ServeAll = strings.HasPrefix(file, serveAll)
	c := &Catalog{log: log, program: &program{}}
	of := &setup{cfg: cfg}
	for _, u := range cfg.Upstreams {
		of.backends = append(of.backends, &backend{cfg: u, server: &server{tried: make(chan struct{})}})
	}
	require.NoError(t, c.replace(of, func() {}))
	return c, &text
}

// setup returns the setup of the current table.
func (c *Catalog) setup() *setup { return c.table.Load().setup }

// show changes the schema of the first upstream, and has the table built again.
func (c *Catalog) show(t *testing.T, snap *schema.Snapshot, err error) {
	t.Helper()
	first := c.setup().backends[0]
	first.show(snap, err)
	require.NoError(t, c.rebuild(first.server))
}

// stateIn returns the state of a route in a table, as far as the state depends on the schema of the upstream.
func stateIn(rt *route.Route) string {
	problem := ""
	if p := rt.FirstProblem(); p != nil {
		problem = p.Message
	}
	return fmt.Sprintf("upstream %q, served %v, awaits %v, %s", rt.Upstream, rt.Plan != nil, rt.AwaitsSchema, problem)
}

// The schemas change while tables are built. Each table belongs to one state of the schemas: all routes have the same method,
// so they are all served or all not served.
func TestATableIsBuiltOfOneStateOfTheSchemas(t *testing.T) {
	for name, upstreams := range map[string]string{
		"one upstream":  `{a: {target: "localhost:1"}}`,
		"two upstreams": `{a: {target: "localhost:1"}, b: {target: "localhost:2"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := serveAll + "upstreams: " + upstreams + "\nroutes:\n"
			for i := range 40 {
				file += fmt.Sprintf("  - {path: /%d, rpc: test.stream.v1.StreamService/Watch}\n", i)
			}
			c, _ := newCatalog(t, file)
			with, without := snapshots(t)
			stop := make(chan struct{})
			var flipping sync.WaitGroup
			for _, u := range c.setup().backends {
				flipping.Go(func() {
					for {
						for _, snap := range []*schema.Snapshot{nil, with, without} {
							select {
							case <-stop:
								return
							default:
								u.show(snap, nil)
								time.Sleep(50 * time.Microsecond)
							}
						}
					}
				})
			}
			seen := map[string]bool{}
			late := time.Now().Add(10 * time.Second)
			for builds := 0; builds < 40 || len(seen) < 2 && time.Now().Before(late); builds++ {
				built, problem := newTable(c.setup(), c.program, nil)
				require.Nil(t, problem)
				first := stateIn(built.routes[0])
				seen[first] = true
				served := ""
				for _, rt := range built.routes {
					if rt.Origin != built.routes[0].Origin && strings.HasPrefix(rt.Origin, "schema of ") {
						served += rt.Upstream
						continue
					}
					require.Equal(t, first, stateIn(rt))
				}
				if upstream := built.routes[0].Upstream; built.routes[0].Plan != nil {
					assert.Equal(t, upstream, served, "the routes that come from the schema have the same state")
				}
				assert.Equal(t, len(built.unread) > 0, built.pending != nil, "a route is pending while a schema is missing, and only then")
			}
			close(stop)
			flipping.Wait()
			assert.Greater(t, len(seen), 1, "the schemas have changed during the test")
		})
	}
}

func TestEachTableHasANumberOfItsOwn(t *testing.T) {
	c, _ := newCatalog(t, serveAll+"upstreams: {a: {target: 'localhost:1', annotations: true}}\n")
	seen := map[uint64]bool{}
	for range 4 {
		c.show(t, nil, nil)
		seen[c.Generation()] = true
	}
	assert.Len(t, seen, 4)
}

// While a schema is missing, an unknown path may belong to a route of that schema.
func TestPathsArePendingWhileASchemaIsMissing(t *testing.T) {
	for file, pends := range map[string]bool{
		serveAll + "upstreams: {a: {target: 'localhost:1', annotations: true}}\n":                                true,
		"upstreams: {a: {target: 'localhost:1', annotations: true}}\n":                                           true,
		"upstreams: {a: {target: 'localhost:1'}}\nroutes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]": false,
	} {
		c, _ := newCatalog(t, file)
		assert.Equal(t, pends, c.Match("GET", "/nowhere").Pending != nil, file)
		with, _ := snapshots(t)
		c.show(t, with, nil)
		assert.Nil(t, c.Match("GET", "/nowhere").Pending, file)
	}
}

func TestEachWarningOfATableIsLoggedOnce(t *testing.T) {
	c, text := newCatalog(t, "upstreams: {a: {target: 'localhost:1', annotations: true}}\n")
	with, _ := snapshots(t)
	const remark = "nothing of the upstream is served"
	for i, step := range []struct {
		snap *schema.Snapshot
		said int
	}{{nil, 0}, {with, 1}, {with, 1}, {nil, 1}, {nil, 1}, {with, 2}, {with, 2}} {
		c.show(t, step.snap, nil)
		assert.Equal(t, step.said, strings.Count(text.String(), remark), "step %d", i)
	}

	text.Reset()
	one, other := &config.Problem{File: "f", Line: 1, Message: "one", Hint: "do this"}, &config.Problem{File: "f", Line: 2, Message: "other"}
	alike := *one
	c.logProblems(&table{setup: c.setup(), problems: config.Problems{other, one, &alike}})
	assert.Equal(t, "level=WARN msg=\"f:1:0: one\" hint=\"do this\"\nlevel=WARN msg=\"f:2:0: other\"\n", text.String())
}

func TestAChangeOfTheStateOfARouteIsLogged(t *testing.T) {
	c, text := newCatalog(t, "upstreams: {a: {target: 'localhost:1'}}\nroutes: [{path: /a, rpc: test.stream.v1.StreamService/Watch}]\n")
	with, without := snapshots(t)
	for i, step := range []struct {
		snap *schema.Snapshot
		said string
	}{
		{nil, ""}, {with, "route is served"}, {with, ""}, {without, "route is out of order"}, {without, ""}, {nil, ""},
		{with, "route is served"},
	} {
		text.Reset()
		c.show(t, step.snap, nil)
		assert.Equal(t, step.said != "", text.Len() > 0, "step %d: %s", i, text)
		assert.Contains(t, text.String(), step.said, "step %d", i)
	}
}

func TestEachProblemIsListedOnce(t *testing.T) {
	c, _ := newCatalog(t, `
upstreams: {a: {target: "localhost:1"}}
routes:
  - {path: /a, rpc: test.stream.v1.StreamService/Watch}
  - {path: /b, rpc: test.stream.v1.StreamService/Watch}
`)
	require.Len(t, c.Problems(), 1, "routes that wait for a schema have no problem of their own")
	assert.Contains(t, c.Problems()[0].Error(), "is not loaded yet")
	c.show(t, nil, fmt.Errorf("no such host"))
	require.Len(t, c.Problems(), 1)
	assert.Contains(t, c.Problems()[0].Error(), "no such host")
	_, without := snapshots(t)
	c.show(t, without, nil)
	assert.Len(t, c.Problems(), 2, "each route has its own line")

	shared := &config.Problem{Message: "shared"}
	rt := &route.Route{Config: config.NewRoute("/x"), Problems: config.Problems{shared}}
	for _, t2 := range []*table{
		{setup: c.setup(), routes: []*route.Route{rt, rt}},
		{setup: c.setup(), problems: config.Problems{shared}, routes: []*route.Route{rt}},
	} {
		c.table.Store(t2)
		assert.Len(t, c.Problems(), 1)
	}
}

// connections is an observer that records its calls.
type connections struct {
	waiting, open []int
	waited        []time.Duration
}

func (c *connections) StreamWaits(_ string, n int)            { c.waiting = append(c.waiting, n) }
func (c *connections) StreamWaited(_ string, d time.Duration) { c.waited = append(c.waited, d) }
func (c *connections) Connections(_ string, n int)            { c.open = append(c.open, n) }

func TestManyStreamsThatWaitAreOneLine(t *testing.T) {
	c, text := newCatalog(t, serveAll+"upstreams: {a: {target: 'localhost:1', annotations: true}}\n")
	seen := &connections{}
	o := hooks(c.log, seen, c.setup().cfg.Upstreams[0])
	for n := range 5 {
		o.OnWaiting(n + 1)
	}
	o.OnWaiting(1)
	o.OnWaited(time.Second)
	o.OnGrow(2)
	o.OnShrink(1)
	assert.Equal(t, []int{1, 2, 3, 4, 5, 1}, seen.waiting)
	assert.Equal(t, []int{2, 1}, seen.open)
	assert.Equal(t, []time.Duration{time.Second}, seen.waited)
	assert.Equal(t, 2, strings.Count(text.String(), "a stream waits"), "the first of several")
	assert.Equal(t, 2, strings.Count(text.String(), "connections to an upstream"))
}

// A stream must not wait longer for the connection than for the shortest back-off of the upstream's routes.
func TestTheReconnectDelayIsTheShortestOfTheRoutes(t *testing.T) {
	reopen := func(path, upstream string, longest time.Duration) *config.Route {
		r := config.NewRoute(path)
		r.Upstream, r.Reopen.Max = upstream, longest
		return r
	}
	a := &config.Upstream{Name: "a"}
	for name, tt := range map[string]struct {
		routes   []*config.Route
		serveAll bool
		want     time.Duration
	}{
		"no routes":                            {nil, false, 0},
		"the shortest":                         {[]*config.Route{reopen("/1", "a", 9), reopen("/2", "a", 7), reopen("/3", "a", 8)}, false, 7},
		"a route of another upstream":          {[]*config.Route{reopen("/1", "a", 9), reopen("/2", "b", 7)}, false, 9},
		"a route that names no upstream":       {[]*config.Route{reopen("/1", "a", 9), reopen("/2", "", 7)}, false, 7},
		"a route without a delay":              {[]*config.Route{reopen("/1", "a", 9), reopen("/2", "a", 0)}, false, 9},
		"the first route has no delay":         {[]*config.Route{reopen("/1", "a", 0), reopen("/2", "a", 9)}, false, 9},
		"the routes of a schema":               {[]*config.Route{reopen("/1", "a", 9)}, true, 5},
		"a listed route and those of a schema": {[]*config.Route{reopen("/1", "a", 3)}, true, 3},
	} {
		cfg := &config.Config{Routes: tt.routes, ServeAll: tt.serveAll, Defaults: reopen("", "", 5)}
		assert.Equal(t, tt.want, reconnectOf(cfg, a), name)
	}
}
