package config_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func ExampleNewRoute() {
	quotes := config.NewRoute("/quotes/{symbol}")
	quotes.Event.ID = "sequence"
	quotes.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Reference(config.LastEventID)}}
	fmt.Println(quotes.Name, quotes.Heartbeat, quotes.Validate())
	// Output: /quotes/{symbol} 15s
}

// Ten thousand browsers that look at the same symbol share one upstream stream. A browser that comes later begins with the
// newest quote.
func ExampleNewShare() {
	quotes := config.NewRoute("/quotes/{symbol}")
	quotes.Event.ID = "sequence"
	quotes.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest})
	quotes.Share.Linger = time.Minute
	fmt.Println(quotes.Share.Replay.Events, quotes.Share.Replay.Bytes, quotes.Share.SlowClient, quotes.Validate())
	// Output: 1024 4MiB disconnect
}

func ExampleNew() {
	quotes := config.NewRoute("/quotes/{symbol}")
	quotes.Service, quotes.Method = "demo.market.v1.MarketService", "WatchQuotes"
	cfg := config.New(quotes)
	fmt.Println(cfg.Server.Listen, cfg.Routes[0].Path)
	// Output: :8080 /quotes/{symbol}
}

func ExampleRoute_Validate() {
	quotes := config.NewRoute("/quotes/{symbol}")
	quotes.Heartbeat = -time.Second
	quotes.OnEnd = "reconect"
	for _, problem := range quotes.Validate() {
		fmt.Println(problem)
	}
	// Output:
	// routes["/quotes/{symbol}"].on_end: expected `stop`, `reconnect` or `reopen`, found "reconect"
	// routes["/quotes/{symbol}"].heartbeat: expected a duration over 0 such as 300ms, 15s or 5m, found "-1s"
}

func ExampleLiteral() {
	venue := config.Setting{Field: "venue", Value: config.Literal("XNAS")}
	fmt.Println(venue.Field, venue.Value[0].Text)
	// Output: venue XNAS
}

func ExampleReference() {
	user := config.MetadataSetting{Name: "x-user", Value: config.Reference("header.x-user")}
	fmt.Println(user.Name, user.Value[0].Ref)
	// Output: x-user header.x-user
}

func TestARouteMadeInGoIsTheRouteOfAFile(t *testing.T) {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams: {market: {target: "localhost:50051"}}
routes: [{path: "/quotes/{symbol}", rpc: a.B/C}]
`))
	require.NoError(t, err)
	made := config.NewRoute("/quotes/{symbol}")
	made.Service, made.Method = "a.B", "C"
	assert.EqualExportedValues(t, *cfg.Routes[0], *made)
	assert.Empty(t, made.Validate())
	assert.EqualExportedValues(t, cfg.Server, config.New().Server)
	assert.EqualExportedValues(t, *cfg.Defaults, *config.New().Defaults)
}

func TestWhatIsWrongWithARouteMadeInGo(t *testing.T) {
	set := func(field string, value config.Template) func(*config.Route) {
		return func(r *config.Route) {
			r.Request.Set = append(r.Request.Set, config.Setting{Field: field, Value: value})
		}
	}
	for name, tt := range map[string]struct {
		change func(*config.Route)
		want   string
	}{
		"path":          {func(r *config.Route) { r.Path = "quotes" }, ".path: "},
		"no path":       {func(r *config.Route) { r.Path = "" }, ".path: expected a path"},
		"rpc":           {func(r *config.Route) { r.Service = "a.B" }, ".rpc: expected a method"},
		"methods":       {func(r *config.Route) { r.Methods = []string{"PUT"} }, ".methods[0]: expected"},
		"body of a GET": {func(r *config.Route) { r.Body = "*" }, ".body: only a POST has a body"},
		"query": {func(r *config.Route) { r.Request.Query = []string{"a"} },
			".request.query[0]: `*` stands for every parameter"},
		"field":       {set("a b", config.Literal("x")), "expected a field path"},
		"reference":   {set("a", config.Reference("last_event")), ".request.set.a: unknown reference"},
		"environment": {set("a", config.Reference("env.HOME")), ".request.set.a: ${env.HOME} is filled in when a file is read"},
		"variable":    {set("a", config.Reference("path.x")), ".request.set.a: ${path.x} names no variable"},
		"bound twice": {set("symbol", config.Literal("x")), ".request.set.symbol: \"symbol\" is bound twice"},
		"element": {func(r *config.Route) {
			r.Request.Set = []config.Setting{{Field: "a", List: []config.Setting{{Value: config.Literal("x")}, {Value: config.Reference("x")}}}}
		}, ".request.set.a[1]: unknown reference"},
		"member": {func(r *config.Route) {
			r.Request.Set = []config.Setting{{Field: "a", Members: []config.Setting{{Field: "b", List: []config.Setting{{Value: config.Reference("x")}}}}}}
		}, ".request.set.a.b[0]: unknown reference"},
		"member twice": {func(r *config.Route) {
			r.Request.Set = []config.Setting{{Field: "a", Members: []config.Setting{{Field: "b"}, {Field: "b"}}}}
		}, `.request.set.a.b: "b" is set twice`},
		"two forms": {func(r *config.Route) {
			r.Request.Set = []config.Setting{{Field: "a", Value: config.Literal("x"), Members: []config.Setting{}}}
		}, ".request.set.a: expected one of a value, a list and a mapping, found several"},
		"no value": {func(r *config.Route) {
			r.Request.Set = []config.Setting{{Field: "a", Value: config.Literal("null"), Bare: true}}
		}, ".request.set.a: expected text, a number"},
		"too deep": {func(r *config.Route) {
			s := config.Setting{Field: "a", List: []config.Setting{}}
			for range 100 {
				s = config.Setting{Field: "a", List: []config.Setting{s}}
			}
			r.Request.Set = []config.Setting{s}
		}, "expected lists and mappings nested at most 32 deep"},
		"cursor mixed": {func(r *config.Route) {
			r.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest})
			r.Request.Set = []config.Setting{{Field: "a", Members: []config.Setting{
				{Field: "b", Value: config.Reference(config.LastEventID)}, {Field: "c", Value: config.Reference("cookie.s")}}}}
		}, ".request.set.a.c: ${cookie.s} can't stand in one setting with ${last_event_id}"},
		"cursor mixed in metadata": {func(r *config.Route) {
			r.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatest})
			r.Metadata.Set = []config.MetadataSetting{{Name: "x-a", Value: slices.Concat(config.Reference(config.LastEventID), config.Reference("header.x-u"))}}
		}, ".metadata.set.x-a: ${header.x-u} can't stand in one setting with ${last_event_id}"},
		"timeout":        {func(r *config.Route) { r.Request.Timeout = -1 }, ".request.timeout: expected a duration"},
		"forwarded":      {func(r *config.Route) { r.Metadata.Forward = []string{"host"} }, ".metadata.forward[0]: "},
		"metadata twice": {func(r *config.Route) { r.Metadata.Set = []config.MetadataSetting{{Name: "a"}, {Name: "a"}} }, ".metadata.set.a: the metadata \"a\" is set twice"},
		"two names":      {func(r *config.Route) { r.Event.Name, r.Event.NameConst = "a", "b" }, ".event.name: expected a field path or a constant"},
		"name":           {func(r *config.Route) { r.Event.NameConst = "a\nb" }, ".event.name.const: expected an event name"},
		"retry":          {func(r *config.Route) { r.Event.Retry = 0 }, ".event.retry: expected a duration"},
		"backoff":        {func(r *config.Route) { r.Reopen.Max = 1 }, ".reopen.backoff.max: expected at least"},
		"status":         {func(r *config.Route) { r.Status = map[config.StatusCode]config.Verdict{"GONE": config.Stop} }, ".status.GONE: expected"},
		"event bytes":    {func(r *config.Route) { r.MaxEventBytes = 0 }, ".max_event_bytes: expected a size"},
		"send buffer":    {func(r *config.Route) { r.SendBuffer = 0 }, ".send_buffer: expected a size from 4KiB"},
		"origin":         {func(r *config.Route) { r.CORS = &config.CORS{Origins: []string{"example.com"}} }, ".cors.origins[0]: expected"},
		"reopening": {func(r *config.Route) { r.OnEnd = config.OnEndReopen },
			"warning: routes[\"/quotes/{symbol}\"].on_end: the stream of the route"},
	} {
		t.Run(name, func(t *testing.T) {
			r := config.NewRoute("/quotes/{symbol}")
			tt.change(r)
			got := r.Validate()
			require.NotEmpty(t, got)
			assert.Contains(t, got.Error(), tt.want)
			for _, p := range got {
				assert.Empty(t, p.File)
				assert.Zero(t, p.Line+p.Column)
			}
		})
	}
}

func TestWhatIsWrongWithASharedRouteMadeInGo(t *testing.T) {
	for name, tt := range map[string]struct {
		late   config.LateJoin
		change func(*config.Route)
		want   string
	}{
		"no mode":           {late: config.LateJoin{}, want: ".share: `late_join` is missing"},
		"mode":              {late: config.LateJoin{Mode: "newest"}, want: ".share.late_join: expected `latest`, `all`"},
		"field of a word":   {late: config.LateJoin{Mode: config.LateJoinLatest, Field: "symbol"}, want: ".share.late_join: a field and a number of keys"},
		"keys of a word":    {late: config.LateJoin{Mode: config.LateJoinNone, Keys: 1}, want: `expected neither with "none"`},
		"field":             {late: config.LateJoin{Mode: config.LateJoinSince, Field: "a b"}, want: ".share.late_join.since: expected a field path"},
		"no field":          {late: config.LateJoin{Mode: config.LateJoinLatestBy}, want: ".share.late_join.latest_by: expected a field path"},
		"keys":              {late: config.LateJoin{Mode: config.LateJoinLatestBy, Field: "a", Keys: -1}, want: ".late_join.keys: expected a whole number"},
		"keys of since":     {late: config.LateJoin{Mode: config.LateJoinSince, Field: "a", Keys: 1}, want: ".late_join.keys: `keys` bounds `latest_by`"},
		"events":            {change: func(r *config.Route) { r.Share.Replay.Events = 0 }, want: ".share.replay.events: expected a whole number"},
		"bytes":             {change: func(r *config.Route) { r.Share.Replay.Bytes = 0 }, want: ".share.replay.bytes: expected a size"},
		"age":               {change: func(r *config.Route) { r.Share.Replay.Age = 0 }, want: ".share.replay.age: expected a duration"},
		"slow client":       {change: func(r *config.Route) { r.Share.SlowClient = "" }, want: ".share.slow_client: expected `disconnect`"},
		"linger":            {change: func(r *config.Route) { r.Share.Linger = -1 }, want: ".share.linger: expected a duration"},
		"max age":           {change: func(r *config.Route) { r.Share.ReopenAfter = -1 }, want: ".share.reopen_after: expected a duration"},
		"catching up":       {change: func(r *config.Route) { r.Share.CatchUp = -1 }, want: ".share.catch_up: expected a whole number of at least 1, or `off`"},
		"no cursor":         {change: func(r *config.Route) { r.Share.CatchUp = 8 }, want: "].share.catch_up: no browser of the route"},
		"without a default": {change: func(r *config.Route) { r.Share = &config.Share{} }, want: ".share.replay.events: expected"},
		"POST":              {change: func(r *config.Route) { r.Methods = []string{"GET", "POST"} }, want: ".methods[1]: a POST may have an effect"},
		"cookie":            {change: func(r *config.Route) { r.Metadata.Expose = []string{"set-cookie"} }, want: ".metadata.expose[0]: on a shared route"},
		"ids of the bridge": {change: func(r *config.Route) { r.Event.ID = "" }, want: "warning: routes[\"/quotes/{symbol}\"].share: the route"},
	} {
		t.Run(name, func(t *testing.T) {
			r := config.NewRoute("/quotes/{symbol}")
			r.Event.ID = "sequence"
			if tt.change != nil {
				tt.late = config.LateJoin{Mode: config.LateJoinLatest}
			}
			r.Share = config.NewShare(tt.late)
			if tt.change != nil {
				tt.change(r)
			}
			assert.Contains(t, r.Validate().Error(), tt.want)
		})
	}
}

func TestARouteOfAFileThatWasChanged(t *testing.T) {
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams: {market: {target: "localhost:50051"}}
routes:
  - path: /quotes
    rpc: a.B/C
    on_end: stop
`))
	require.NoError(t, err)
	r := cfg.Routes[0]
	require.Empty(t, r.Validate())
	r.OnEnd = "never"
	require.Len(t, r.Validate(), 1)
	assert.Equal(t, "grpcsse.yaml:6:13: routes[0].on_end: expected `stop`, `reconnect` or `reopen`, found \"never\"", r.Validate()[0].Error())
}

// The servers of NATS that a program names are held to the rules of a file.
func TestTheServersOfACluster(t *testing.T) {
	c := config.NewCluster("prod", "nats://nats-0:4222", "tls://nats-1")
	assert.Empty(t, c.NATS.Validate())
	assert.True(t, c.Seal)
	assert.Equal(t, 2*time.Second, c.Patience)
	for server, want := range map[string]string{
		"http://nats-0":         `cluster.nats.servers[0]: expected the URL of a server of NATS, such as nats://nats-0:4222 or tls://nats-0:4222, found "http://nats-0"`,
		"nats://me:open@nats-0": `cluster.nats.servers[0]: expected the URL of a server of NATS, such as nats://nats-0:4222 or tls://nats-0:4222 without a user and a password, found some`,
	} {
		problems := config.NewCluster("prod", server).NATS.Validate()
		require.Len(t, problems, 1, server)
		assert.Equal(t, want, problems[0].Error())
	}
	assert.Len(t, config.NewCluster("prod").NATS.Validate(), 1, "a cluster without servers")
}
