package config

// New returns a configuration without a file: no upstream, the routes given, and every other setting at its default. It
// is for programs that bring the sources of their streams with them.
func New(routes ...*Route) *Config {
	defaults := defaultRoute()
	defaults.source = source{path: "defaults"}
	return &Config{Server: defaultServer(), Defaults: defaults, Routes: routes}
}

// NewRoute returns a route for a path, a google.api.http template such as "/quotes/{symbol}", with every other setting at
// the default that a file without it would give. Change what should differ before the route is used:
//
//	quotes := config.NewRoute("/quotes/{symbol}")
//	quotes.Event.ID = "sequence"
//	quotes.Request.Set = []config.Setting{{Field: "after_sequence", Value: config.Reference(config.LastEventID)}}
//
// Each connection has its own upstream stream, unless [NewShare] says how they share:
//
//	quotes.Share = config.NewShare(config.LateJoin{Mode: config.LateJoinLatestBy, Field: "symbol"})
//
// Nothing is checked here; [Route.Validate] does.
func NewRoute(path string) *Route {
	r := defaultRoute()
	r.Name, r.Path = path, path
	r.source = source{path: "routes[" + quote(path) + "]"}
	return r
}

// Literal returns the template of plain text. A dollar in it is a dollar.
func Literal(text string) Template {
	return Template{{Text: text}}.joined()
}

// Reference returns the template of one reference, by the name that the file gives it in braces: [LastEventID],
// "header.x-user", "path.symbol", "query.q" or "cookie.session". [Route.Validate] finds a name that is none.
func Reference(name string) Template {
	return Template{{Ref: name}}
}
